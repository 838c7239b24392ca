//! What a run says while it goes on.

use super::{Failure, Team};
use crate::port::BoxFuture;
use crate::port::observer::Note;
use crate::turn::Runtime;
use futures_core::Stream;
use kernel::{AgentId, TaskId, Text};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::broadcast::{self, error::RecvError};

/// So many notes of all runs are kept for whoever listens and is slow; the oldest go first.
const NOTES_MAX: usize = 1024;

/// What is said to listeners.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Said(TaskId, Note),
    Ended(TaskId),
}

/// Who listens to runs. Costs nothing while nobody does.
pub(crate) struct Listeners(broadcast::Sender<Heard>);

impl Default for Listeners {
    fn default() -> Listeners {
        Listeners(broadcast::Sender::new(NOTES_MAX))
    }
}

impl Listeners {
    /// Whether anybody listens.
    pub(crate) fn is_anybody(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, heard: impl FnOnce() -> Heard) {
        if self.is_anybody() {
            let _ = self.0.send(heard()); // The last listener may just have gone.
        }
    }
}

/// What the tasks of a run say in passing: progress, partial outputs, lines of their logs. A
/// [`Stream`] that ends with the run. Who reads too slowly misses the oldest of it.
pub struct Progress {
    /// What is said next; gone after the end.
    coming: Option<BoxFuture<'static, (Hearing, Option<Note>)>>,
    missed: u64,
}

/// Hears what is said from now on, of whatever run: for who wants to miss nothing of one that is
/// yet to begin.
pub struct Ear {
    runtime: Runtime,
    heard: broadcast::Receiver<Heard>,
}

/// One who listens to a run.
struct Hearing {
    run: TaskId,
    ear: Ear,
    missed: u64,
}

impl Ear {
    pub(super) fn new(runtime: &Runtime) -> Ear {
        let heard = runtime.inner.desk.listeners.0.subscribe();
        Ear { runtime: runtime.clone(), heard }
    }

    /// What was said in this run since, and what is said from now on.
    #[must_use]
    pub fn of(self, run: TaskId) -> Progress {
        let hearing = Hearing { run, ear: self, missed: 0 };
        Progress { coming: Some(Box::pin(hearing.next())), missed: 0 }
    }
}

impl Team {
    /// Listens to whatever is said from now on.
    #[must_use]
    pub fn ear(&self) -> Ear {
        Ear::new(&self.runtime)
    }

    /// What an agent that has not left is called.
    #[must_use]
    pub fn name_of(&self, agent: AgentId) -> Option<Text> {
        self.runtime.look(|kernel, _| kernel.state().agent(agent).map(|it| it.spec.name.clone()))
    }

    /// The run that an open task belongs to.
    #[must_use]
    pub fn run_of(&self, task: TaskId) -> Option<TaskId> {
        self.runtime.look(|kernel, _| kernel.state().task(task).map(|it| it.run))
    }
}

impl Progress {
    /// How much was missed so far, of all runs, because this was read too slowly.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The next thing said; `None` when the run has ended, or the runtime has. What is dropped
    /// half-way misses nothing.
    pub async fn next(&mut self) -> Option<Note> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Progress {
    type Item = Note;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Note>> {
        let Some(coming) = &mut self.coming else { return Poll::Ready(None) };
        let (hearing, note) = ready!(coming.as_mut().poll(cx));
        self.missed = hearing.missed;
        self.coming = note.is_some().then(|| Box::pin(hearing.next()) as BoxFuture<'_, _>);
        Poll::Ready(note)
    }
}

impl Hearing {
    async fn next(mut self) -> (Hearing, Option<Note>) {
        let note = self.hear().await;
        (self, note)
    }

    async fn hear(&mut self) -> Option<Note> {
        loop {
            let ended = self.ear.runtime.inner.ended.notified();
            // The end may have come before this listened, or among what it missed.
            if self.ear.heard.is_empty() && self.is_over() {
                return None;
            }
            let heard = tokio::select! {
                biased;
                heard = self.ear.heard.recv() => heard,
                () = ended => continue,
            };
            match heard {
                Ok(Heard::Said(run, note)) if run == self.run => return Some(note),
                Ok(Heard::Ended(run)) if run == self.run => return None,
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Ok(_) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn is_over(&self) -> bool {
        let runtime = &self.ear.runtime;
        runtime.is_closed() || runtime.look(|kernel, _| kernel.state().task(self.run).is_none())
    }
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waits for an agent.
    Queued,
    /// Was given to this agent, which has not begun.
    Assigned(String),
    /// This agent works on it.
    Running(String),
    /// The attempt of this agent waits, for children, a person or a timer, and takes no slot.
    Waiting(String),
    /// Has ended: the outcome is there for whoever awaits the ticket.
    Ended,
}

impl TaskStatus {
    pub(super) fn of(runtime: &Runtime, task: TaskId) -> Result<TaskStatus, Failure> {
        if runtime.is_closed() {
            return Err(super::ticket::ended(runtime));
        }
        Ok(runtime.look(|kernel, _| {
            let state = kernel.state();
            let name = |lease: &kernel::Lease| {
                state.agent(lease.agent).map(|it| it.spec.name.to_string()).unwrap_or_default()
            };
            match state.task(task).map(|it| &it.status) {
                None => TaskStatus::Ended,
                Some(kernel::Status::Queued { .. }) => TaskStatus::Queued,
                Some(kernel::Status::Assigned(lease)) => TaskStatus::Assigned(name(lease)),
                Some(kernel::Status::Running(lease)) => TaskStatus::Running(name(lease)),
                Some(kernel::Status::Waiting(lease, _)) => TaskStatus::Waiting(name(lease)),
            }
        }))
    }
}
