//! Does what a request asks, wherever it came from.

use super::many::many;
use super::{Request, Response, Room, members};
use crate::Team;
use crate::crew::Outside;
use crate::session::{self, Answer as Said, Inbox, Session};
use crate::team::file::TeamFile;
use crate::team::requirement;
use kernel::{Command, Constraint, TaskId, Terms};
use runtime::api::{Failure, Result, SubmitOptions, Ticket, asked};
use runtime::keep::Forgotten;
use std::path::Path;
use std::sync::Arc;

/// Who answers: a team at work and what waits in it for a person. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    work: Team,
    /// The scope that submitted tasks belong to.
    team: Arc<str>,
    outside: Outside,
    /// Where the team has a file.
    session: Option<Arc<Session>>,
}

impl Desk {
    /// Answers for this team; `scope` is that of what is submitted.
    #[must_use]
    pub fn new(work: Team, scope: &str, inbox: Inbox) -> Desk {
        let outside = Outside { inbox, llm: None };
        Desk { work, team: scope.into(), outside, session: None }
    }

    /// Answers for a session.
    #[must_use]
    pub fn of(session: Arc<Session>) -> Desk {
        let (work, outside) = (session.team().clone(), session.outside().clone());
        Desk { work, team: session.scope().into(), outside, session: Some(session) }
    }
}

impl Desk {
    /// The team at work.
    pub(super) fn team(&self) -> &Team {
        &self.work
    }
}

/// Answers one request.
pub(super) async fn handle(desk: &Desk, request: Request) -> Response {
    let Desk { work, team, outside, session } = desk;
    let answered = match request {
        Request::Hello => Ok(here(desk)),
        Request::Submit { .. } => submit(desk, request).await,
        Request::Reload { name, definition, dry_run } => {
            reload(session.as_deref(), &name, *definition, dry_run).await
        }
        Request::Follow { .. } => {
            Err(Failure::rejected("a run cannot be followed among others; ask it alone"))
        }
        Request::Cancel { task, reason } => {
            let command = Command::Cancel { task: TaskId(task), reason: reason.into() };
            command_done(work, command).await
        }
        Request::Release { task, input } => release(work, TaskId(task), input).await,
        Request::Many { requests } => Ok(many(desk, requests).await),
        Request::Discard { task } => work.discard(TaskId(task)).await.map(|()| Response::Done),
        Request::Forget { run } => forget(work, TaskId(run)).await,
        Request::AddAgents { agents } => members::add(work, team, outside, &agents).await,
        Request::RemoveAgent { agent } => members::remove(work, &agent).await,
        Request::DrainAgent { agent } => members::tell(work, &agent, Command::DrainAgent).await,
        Request::RestartAgent { agent } => members::tell(work, &agent, Command::Restart).await,
        Request::ResizeAgent { agent, slots } => {
            members::tell(work, &agent, |agent| Command::Resize { agent, slots }).await
        }
        Request::Pause { agent } => members::tell(work, &agent, Command::Pause).await,
        Request::Unpause { agent } => members::tell(work, &agent, Command::Unpause).await,
        Request::Inbox => {
            let (waiting, more) = outside.inbox.waiting();
            Ok(Response::Inbox { waiting, more })
        }
        Request::Answer { task, answer, by, note } => {
            let said = Said { value: answer, by, note };
            outside.inbox.answer(TaskId(task), said).await.map(|()| Response::Done)
        }
        Request::Schedule(new) => super::schedules::set(work, team, *new).await,
        Request::Unschedule { schedule } => {
            work.unschedule(&schedule).await.map(|()| Response::Done)
        }
        Request::PauseSchedule { schedule } => {
            work.pause_schedule(&schedule).await.map(|()| Response::Done)
        }
        Request::ResumeSchedule { schedule } => {
            work.resume_schedule(&schedule).await.map(|()| Response::Done)
        }
        Request::Breaker { agent, capability, forced } => {
            let capability = capability.map(Into::into);
            let force = |agent| Command::Breaker { agent, capability, forced };
            members::tell(work, &agent, force).await
        }
        Request::Topics(request) => super::topics::answer(work, request).await,
        Request::Bus(request) => super::bus::answer(work, request).await,
        // Whoever serves decides how to end; see `Server`.
        Request::Stop { .. } => Ok(Response::Done),
    };
    answered.unwrap_or_else(refusal)
}

/// That it was not done, and why.
pub(super) fn refusal(failure: Failure) -> Response {
    Response::Refused { message: failure.message, retry_after_ms: failure.retry_after_ms }
}

fn here(desk: &Desk) -> Response {
    let standing = desk.work.runtime().standing();
    let room = Room {
        data_max_bytes: standing.data_max_bytes,
        full: standing.full,
        refused: standing.refused,
        refused_ms_ago: standing.refused_ms_ago,
    };
    let file = desk.session.as_ref().and_then(|session| session.file());
    Response::Here {
        pid: std::process::id(),
        team: desk.team.to_string(),
        open: desk.work.open_tasks(),
        room,
        file: file.and_then(Path::to_str).map(str::to_owned),
    }
}

async fn reload(
    session: Option<&Session>,
    name: &str,
    definition: TeamFile,
    dry_run: bool,
) -> Result<Response> {
    let Some(session) = session else { return Err(refused(session::Error::NoTeam)) };
    let reloaded = session.reload(name, definition, dry_run).await.map_err(refused)?;
    Ok(Response::Reload(Box::new(reloaded)))
}

fn refused(why: session::Error) -> Failure {
    Failure::rejected(format!("{why}; nothing has changed"))
}

async fn submit(desk: &Desk, request: Request) -> Result<Response> {
    let waits = matches!(request, Request::Submit { wait: true, .. });
    let ticket = submitted(desk, request).await?;
    let (task, fresh) = (ticket.task.0, ticket.fresh);
    if !waits {
        return Ok(Response::Accepted { task, fresh });
    }
    Ok(Response::Completed { task, output: ticket.outcome().await? })
}

/// Hands over what is asked for.
pub(super) async fn submitted(desk: &Desk, request: Request) -> Result<Ticket> {
    let Desk { work, team, session, .. } = desk;
    let Request::Submit { capability, input, key, class, deadline_ms, wants, .. } = request else {
        return Err(Failure::rejected("not a submission"));
    };
    let (name, versions) = asked(&capability)?;
    let terms = Terms {
        versions,
        team: (&**team).into(),
        class,
        tenant: wants.tenant.unwrap_or_default().into(),
        require: wants.require.as_deref().map(constraint).transpose()?,
        wish: wants.wish.as_deref().map(constraint).transpose()?,
        weight: wants.weight.unwrap_or(1),
        preemptible: wants.preemptible,
        ..Terms::new(name)
    };
    let input = runtime::canonical::to_bytes(&input)?;
    // A run of the team follows what the file says now, whatever it says later.
    let definition = session.as_ref().and_then(|session| session.pin_of(name));
    let affinity = wants.sticky;
    let options =
        SubmitOptions { key, deadline_ms, affinity, definition, ..SubmitOptions::default() };
    work.submit(terms, input, options).await
}

/// What is said about labels, understood.
fn constraint(text: &str) -> Result<Arc<Constraint>> {
    let read = requirement::parse(text).map_err(|why| Failure::rejected(why.to_string()))?;
    Ok(Arc::new(read.constraint))
}

async fn forget(work: &Team, run: TaskId) -> Result<Response> {
    let forgotten = work.runtime().forget(run).await;
    let forgotten = forgotten.map_err(|why| Failure::rejected(why.to_string()))?;
    let Forgotten { tasks, records, blobs, .. } = forgotten;
    Ok(Response::Forgotten { tasks, records, blobs })
}

async fn command_done(work: &Team, command: Command) -> Result<Response> {
    work.command(command).await.map(|_| Response::Done)
}

async fn release(work: &Team, task: TaskId, input: Option<serde_json::Value>) -> Result<Response> {
    let input = input.map(|it| runtime::canonical::to_bytes(&it)).transpose()?;
    let task = work.release(task, input).await?.0;
    Ok(Response::Accepted { task, fresh: true })
}
