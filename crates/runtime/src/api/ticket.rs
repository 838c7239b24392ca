//! The way to the outcome of a task that was handed over.

use super::progress::Ear;
use super::{Failure, Progress, TaskStatus, Team};
use crate::canonical;
use crate::turn::Runtime;
use kernel::{Outcome, TaskId, Text};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A root task that was accepted, and the way to its outcome: await it, or watch it first. Dropped,
/// the task goes on all the same.
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

impl Team {
    /// The way to the outcome of the root task that has this key, whether or not it has ended.
    pub(crate) fn keyed(&self, tenant: &Text, key: &str) -> Option<Ticket> {
        let (task, outcome) = self.runtime.look(|kernel, _| {
            let record = kernel.state().keys.get(&(tenant.clone(), key.into()))?;
            let coming = || Settling::Coming(self.runtime.inner.desk.ticket(record.task));
            Some((record.task, record.outcome.clone().map_or_else(coming, Settling::Settled)))
        })?;
        let somebody_settles_it = !self.runtime.is_closed();
        somebody_settles_it.then(|| Ticket::new(&self.runtime, task, false, outcome))
    }
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

impl<T> Ticket<T> {
    /// The task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.task
    }

    /// Where it stands now.
    ///
    /// # Errors
    /// `Lost` when the runtime has ended: the task goes on at the next start.
    pub fn status(&self) -> Result<TaskStatus, Failure> {
        TaskStatus::of(&self.runtime, self.task)
    }

    /// What is said in its run from now on, until the run ends.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Ear::new(&self.runtime).of(self.task)
    }

    /// Calls it and everything below it off, as [`Team::cancel`] does. Its outcome says so.
    ///
    /// # Errors
    /// `Rejected` when it has ended already.
    pub async fn cancel(&self, reason: &str) -> Result<(), Failure> {
        let team = Team { runtime: self.runtime.clone() };
        team.cancel(self.task, reason).await
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for Ticket<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.outcome())
    }
}

impl<T: DeserializeOwned> Ticket<T> {
    /// Waits for the end and gives the output.
    pub async fn outcome(self) -> Result<T, Failure> {
        let Ticket { task, runtime, outcome, .. } = self;
        match &*outcome.wait(&runtime).await? {
            Outcome::Completed(output) => canonical::from_bytes(&runtime.bytes_of(output).await?),
            other => Err(Failure::of(&format!("task {task}"), other)),
        }
    }

    /// Waits for the end, however it is.
    ///
    /// # Errors
    /// `Lost` when the runtime ends first: the task goes on at the next start.
    pub async fn settled(self) -> Result<Arc<Outcome>, Failure> {
        self.outcome.wait(&self.runtime).await
    }
}

impl Settling {
    async fn wait(self, runtime: &Runtime) -> Result<Arc<Outcome>, Failure> {
        match self {
            Settling::Settled(outcome) => Ok(outcome),
            Settling::Coming(coming) => coming.await.map_err(|_| ended(runtime)),
        }
    }
}

/// Why no outcome comes any more.
pub(super) fn ended(runtime: &Runtime) -> Failure {
    let why = runtime.failed();
    let why = why.map_or_else(|| "the orchestrator has ended".to_owned(), |it| it.to_string());
    Failure::new(kernel::FailureKind::Lost, why)
}
