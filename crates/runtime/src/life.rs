//! Starts and stops what is behind an agent, as the kernel has decided, and says how it went.

use crate::port::{Agent, BoxFuture};
use crate::turn::Runtime;
use crate::vitals::Vitals;
use kernel::{AgentId, Command, Exit, Exited, Extent};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The grace of one of which nothing is known any more.
const AGENT_STOP: Duration = Duration::from_secs(5);
/// How long the end by force may take.
const FORCE: Duration = Duration::from_secs(2);

/// Starts it; what does not come up has died.
pub(crate) async fn start(runtime: Runtime, agent: Arc<dyn Agent>, id: AgentId, life: u64) {
    let vitals = Vitals::of(&runtime, id, life);
    let why = match settled(agent.start(vitals)).await {
        Ok(Ok(())) => return runtime.tell(Command::Started(id, life)),
        Ok(Err(failure)) => failure.message,
        Err(_panic) => "its code panicked while it started".into(),
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
    let reason = match end(agent, grace).await {
        End::Stopped => Exit::Shutdown,
        End::Panicked => Exit::Abnormal("its code panicked while it stopped".into()),
        End::Forced | End::Left => {
            Exit::Abnormal(format!("it did not stop within {grace:?}").into())
        }
    };
    runtime.tell(Command::Exited(Exited { agent: id, life, reason, extent: Extent::Whole }));
}

/// How the end of an agent went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Within its grace.
    Stopped,
    Panicked,
    /// By force, when the grace was over.
    Forced,
    /// Force did not help either: something of it is still there.
    Left,
}

/// Ends what an agent keeps, with this grace.
pub(crate) async fn end(agent: Arc<dyn Agent>, grace: Duration) -> End {
    match timeout(grace, settled(agent.stop())).await {
        Ok(Ok(())) => return End::Stopped,
        Ok(Err(_panic)) => return End::Panicked,
        Err(_elapsed) => {} // Dropped, it uses force; it is asked once more when that is done.
    }
    match timeout(FORCE, settled(agent.stop())).await {
        Ok(Ok(())) => End::Forced,
        Ok(Err(_panic)) => End::Panicked,
        Err(_elapsed) => End::Left,
    }
}

/// The grace of an agent, as it has said when it joined.
pub(crate) fn grace_of(runtime: &Runtime, agent: AgentId) -> Duration {
    let known = runtime.look(|kernel, _| kernel.state().agent(agent).map(|it| it.spec.shutdown_ms));
    known.map_or(AGENT_STOP, Duration::from_millis)
}

/// What a future gave, or its panic, whose message has been printed.
pub(crate) async fn settled<T>(
    mut future: BoxFuture<'_, T>,
) -> Result<T, Box<dyn std::any::Any + Send>> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}
