//! `majordomo watch`: follow a run from another terminal until it ends.

use super::Global;
use super::ear::{Ear, Printer};
use super::read::{LAG, reader};
use crate::exit::Exit;
use adapters::views::Error;
use adapters::views::read::{Reader, Run};
use majordomo::control::Door;
use std::time::{Duration, Instant};

/// How often the views are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Follow a run until it ends: how many of its tasks are done, and what its agents write and say
/// meanwhile
///
/// What is written is told by the process that works on it, and kept nowhere. With --json each
/// thing said is an object with `said`, each change of the run one with `status`
#[derive(clap::Args)]
pub(crate) struct Watch {
    /// The run; the newest if none is given
    run: Option<u64>,
}

impl Watch {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let views = reader(global)?;
        let (mut said, mut ear, mut printer) = (String::new(), None, Printer::new(global.json));
        let mut looks = tokio::time::interval(LOOK);
        let is_at_work = Door::of(&global.data()).is_ok_and(|it| it.is_held());
        let seen_by = Instant::now() + if is_at_work { LAG } else { Duration::ZERO };
        loop {
            let run = self.look(&views, seen_by).await?;
            let ear = ear.get_or_insert_with(|| Ear::at(global, run.run));
            let line = line(&run, global.json)?;
            if run.ended_ms.is_some() {
                std::mem::take(ear).last_words(|told| printer.say(told)).await;
            }
            if line != said {
                printer.line(&line);
                said = line;
            }
            if run.ended_ms.is_some() {
                return Ok(if run.status == "completed" { Exit::Done } else { Exit::Failed });
            }
            loop {
                tokio::select! {
                    told = ear.next() => printer.say(&told),
                    _ = looks.tick() => break,
                }
            }
        }
    }

    /// How the run stands; waited for, where the views may not have heard of it yet.
    async fn look(&self, views: &Reader, seen_by: Instant) -> anyhow::Result<Run> {
        loop {
            let found = match self.run {
                Some(wanted) => views.run(wanted).map(Some),
                None => views.runs(1).map(|mut it| it.pop()),
            };
            match found {
                Ok(Some(run)) => return Ok(run),
                Ok(None) | Err(Error::Unknown { .. }) if Instant::now() < seen_by => {}
                Ok(None) => anyhow::bail!("there is no run yet; see `majordomo runs`"),
                Err(why) => return Err(why.into()),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn line(run: &Run, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string(run)?);
    }
    let Run { run: id, status, tasks, completed, .. } = run;
    Ok(format!("run {id} {status}: {completed} of {tasks} tasks done, {} open", run.open()))
}
