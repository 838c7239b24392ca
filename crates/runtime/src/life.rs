//! Starts and stops what is behind an agent, as the kernel has decided, and says how it went.

use crate::port::{Agent, BoxFuture};
use crate::turn::Runtime;
use crate::vitals::Vitals;
use kernel::{AgentId, Command, Exit, Exited, Extent};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Starts it; what does not come up has died.
pub(crate) async fn start(runtime: Runtime, agent: Arc<dyn Agent>, id: AgentId, life: u64) {
    let vitals = Vitals::of(&runtime, id, life);
    let why = match settled(agent.start(vitals)).await {
        Some(Ok(())) => return runtime.tell(Command::Started(id, life)),
        Some(Err(failure)) => failure.message,
        None => "its code panicked while it started".into(),
    };
    let reason = Exit::Abnormal(format!("it did not start: {why}").into());
    runtime.tell(Command::Exited(Exited { agent: id, life, reason, extent: Extent::Whole }));
}

/// Stops it: within the grace by itself, after that by dropping what it still does about it.
pub(crate) async fn stop(
    runtime: Runtime,
    agent: Arc<dyn Agent>,
    (id, life): (AgentId, u64),
    grace: Duration,
) {
    let stopped = tokio::time::timeout(grace, settled(agent.stop())).await;
    let reason = match stopped {
        Ok(Some(())) => Exit::Shutdown,
        Ok(None) => Exit::Abnormal("its code panicked while it stopped".into()),
        Err(_) => Exit::Abnormal(format!("it did not stop within {grace:?}").into()),
    };
    runtime.tell(Command::Exited(Exited { agent: id, life, reason, extent: Extent::Whole }));
}

/// What a future gave; `None` if it panicked.
async fn settled<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => std::task::Poll::Ready(None), // The panic's message has been printed.
    })
    .await
}
