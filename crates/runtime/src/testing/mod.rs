//! What every plug-in must pass, a suite for each port; and for tests of teams, agents that play a
//! script and what was recorded.

pub mod agent_suite;
pub mod blobs_suite;
pub mod bus_suite;
pub mod journal_suite;
mod record;
mod script;

pub use record::Record;
pub use script::Script;

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long anything may take on a busy machine, with a broker in between.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until it is so.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "still not so after {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
