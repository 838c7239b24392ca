//! The way to the outcome of a task that was handed over.

use super::Failure;
use crate::canonical;
use crate::turn::Runtime;
use kernel::{Outcome, TaskId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A root task that was accepted, and the way to its outcome.
#[must_use = "the outcome comes to whoever awaits the ticket"]
pub struct Ticket<T = Value> {
    /// The task.
    pub task: TaskId,
    /// False when its key was known: nothing new was made.
    pub fresh: bool,
    runtime: Runtime,
    outcome: Settling,
    output: PhantomData<fn() -> T>,
}

/// What is known of the outcome.
pub(super) enum Settling {
    Settled(Arc<Outcome>),
    Coming(oneshot::Receiver<Arc<Outcome>>),
}

impl Ticket {
    /// A ticket for a task of this runtime.
    pub(super) fn new(runtime: &Runtime, task: TaskId, fresh: bool, outcome: Settling) -> Ticket {
        Ticket { task, fresh, runtime: runtime.clone(), outcome, output: PhantomData }
    }

    /// The same ticket for a typed output.
    pub fn typed<T: DeserializeOwned>(self) -> Ticket<T> {
        let Ticket { task, fresh, runtime, outcome, .. } = self;
        Ticket { task, fresh, runtime, outcome, output: PhantomData }
    }
}

impl<T: DeserializeOwned> Ticket<T> {
    /// Waits for the end and gives the output.
    pub async fn outcome(self) -> Result<T, Failure> {
        let runtime = self.runtime.clone();
        let task = self.task;
        match &*self.settled().await? {
            Outcome::Completed(output) => {
                let blobs = runtime.inner.blobs.clone();
                let output = output.clone();
                let bytes = match &output.inline {
                    Some(bytes) => bytes.clone(),
                    None => {
                        let read = move || canonical::bytes_of(&output, &*blobs);
                        tokio::task::spawn_blocking(read).await??
                    }
                };
                canonical::from_bytes(&bytes)
            }
            other => Err(Failure::of(&format!("task {task}"), other)),
        }
    }

    /// Waits for the end, however it is.
    ///
    /// # Errors
    /// `Lost` when the runtime ends first: the task goes on at the next start.
    pub async fn settled(self) -> Result<Arc<Outcome>, Failure> {
        match self.outcome {
            Settling::Settled(outcome) => Ok(outcome),
            Settling::Coming(coming) => coming.await.map_err(|_| ended(&self.runtime)),
        }
    }
}

/// Why no outcome comes any more.
pub(super) fn ended(runtime: &Runtime) -> Failure {
    let why = runtime.failed();
    let why = why.map_or_else(|| "the orchestrator has ended".to_owned(), |it| it.to_string());
    Failure::new(kernel::FailureKind::Lost, why)
}
