//! What the tasks of a run say, told to another process while they say it.

use super::handle::{self, Desk};
use super::line::write;
use super::{Request, Response};
use crate::Team;
use kernel::{AgentId, TaskId};
use runtime::api::{Failure, Progress};
use runtime::port::observer::{Note, Said};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use tokio::io::AsyncWrite;

/// Agents whose names are remembered; then they are looked up anew.
const NAMES_MAX: usize = 1_024;

/// Something that was said in passing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// At which task.
    pub task: u64,
    /// By which attempt.
    pub token: u64,
    /// By which agent; empty where that is not known any more.
    pub agent: String,
    /// What.
    #[serde(flatten)]
    pub what: Said,
    /// Things said so far, of all runs, that came too fast to be told.
    #[serde(default)]
    pub missed: u64,
}

/// Who tells what a run says, line by line.
struct Teller<'a, W> {
    team: &'a Team,
    progress: Progress,
    names: BTreeMap<AgentId, String>,
    out: &'a mut W,
}

/// Tells what is said in the run of a task until it ends or whoever follows has hung up.
pub(super) async fn follow(
    team: &Team,
    task: TaskId,
    hung_up: impl Future,
    out: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let ear = team.ear();
    let run = team.run_of(task);
    // Of what has ended nothing is said any more: the same as an end that comes later.
    let Some(run) = run else { return write(out, &Response::Done).await };
    write(out, &Response::Following { run: run.0 }).await?;
    let mut teller = Teller { team, progress: ear.of(run), names: BTreeMap::new(), out };
    tokio::pin!(hung_up);
    loop {
        tokio::select! {
            note = teller.progress.next() => match note {
                Some(note) => teller.tell(note).await?,
                None => return write(teller.out, &Response::Done).await,
            },
            _ = &mut hung_up => return Ok(()),
        }
    }
}

/// Submits, tells what is said meanwhile, and ends with the answer that a submission has that
/// waits. Whoever hangs up is told nothing more; what was submitted goes on.
pub(super) async fn submit(
    desk: &Desk,
    request: Request,
    hung_up: impl Future,
    out: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let ear = desk.team().ear(); // Before there is a run, so that nothing of it is missed.
    let ticket = match handle::submitted(desk, request).await {
        Ok(ticket) => ticket,
        Err(failure) => return write(out, &handle::refusal(failure)).await,
    };
    let answered = async {
        let run = ticket.task;
        let progress = ear.of(run);
        let (team, names) = (desk.team(), BTreeMap::new());
        let mut teller = Teller { team, progress, names, out: &mut *out };
        while let Some(note) = teller.progress.next().await {
            teller.tell(note).await.map_err(Failure::from)?;
        }
        Ok(Response::Completed { task: run.0, output: ticket.outcome().await? })
    };
    let answer = tokio::select! {
        answer = answered => answer.unwrap_or_else(handle::refusal),
        _ = hung_up => return Ok(()),
    };
    write(out, &answer).await
}

impl<W: AsyncWrite + Unpin> Teller<'_, W> {
    async fn tell(&mut self, note: Note) -> io::Result<()> {
        let Note { attempt, agent, what } = note;
        let agent = self.name(agent);
        let (task, token, missed) = (attempt.task.0, attempt.token.0, self.progress.missed());
        let told = Told { task, token, agent, what, missed };
        write(self.out, &Response::Told(Box::new(told))).await
    }

    /// What it is called; looked up once for each agent.
    fn name(&mut self, agent: AgentId) -> String {
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        let name = || self.team.name_of(agent).unwrap_or_default().to_string();
        self.names.entry(agent).or_insert_with(name).clone()
    }
}
