//! An agent as the runtime sees it: something that can be handed one attempt at a task.

use crate::api::{Context, Contract, Failure};
use crate::vitals::Vitals;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Serves capabilities. One value serves all tasks of one agent, as many at once as it has slots.
/// [`crate::testing::agent_suite`] is its contract, as a program to pass.
pub trait Agent: Send + Sync + 'static {
    /// Works on one attempt. The context has the task, the input and everything that may be asked.
    /// When the attempt is to stop, the future is dropped; work that outlives it (a process, a
    /// blocking thread) holds a [`crate::api::Hold`], and the slot is free when the last is
    /// dropped.
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>>;

    /// The agent that this one is a layer around, if it is one: that one starts, grows and stops,
    /// unless this says otherwise.
    fn inner(&self) -> Option<&dyn Agent> {
        None
    }

    /// The agent joins, or is started again after it has died or was stopped: makes itself ready
    /// for work and keeps `vitals`, by which it says later how it is. A function needs neither.
    ///
    /// # Errors
    /// It did not come up: it cannot join, or its supervisor tries again and gives up in the end.
    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        match self.inner() {
            Some(agent) => agent.start(vitals),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }

    /// What goes into its capabilities and comes out of them, by `name` or `name@version`, where
    /// that is known only now that it has started. Asked after each start, and it holds for that
    /// life; what is known before stands in its entry.
    fn declares(&self) -> Vec<(String, Contract)> {
        self.inner().map_or_else(Vec::new, Agent::declares)
    }

    /// It works on so many tasks at once from now on. Who keeps something for each of its slots
    /// keeps more or less of it; must not wait.
    fn resize(&self, slots: u32) {
        if let Some(agent) = self.inner() {
            agent.resize(slots);
        }
    }

    /// The agent leaves, or is stopped by its supervisor, to be started again perhaps: ends
    /// whatever it keeps between tasks, and returns when all of it is gone. Dropped before that,
    /// its grace is over, and it ends the rest by force.
    fn stop(&self) -> BoxFuture<'_, ()> {
        match self.inner() {
            Some(agent) => agent.stop(),
            None => Box::pin(std::future::ready(())),
        }
    }
}
