//! A whole task's life, durable: submitted, matched, leased, run by a no-op agent, completed,
//! answered; accepted task and result both synced before they are answered.

use crate::latency::{Measured, measure};
use anyhow::{Result, anyhow};
use kernel::Terms;
use majordomo::{Context, Team, capability};
use runtime::port::Observer;
use std::sync::Arc;

#[capability("bench.noop@1")]
async fn noop(_: Context, _: String) -> majordomo::Result<()> {
    Ok(())
}

/// Measures with so many in flight; `views`: with the views following.
pub(crate) async fn run(in_flight: usize, views: bool) -> Result<Measured> {
    let dir = tempfile::tempdir_in(".")?;
    let observers: Vec<Arc<dyn Observer>> = Vec::new();
    let _ = views;
    let team = Team::open_watched(dir.path(), observers).with(noop).start().await?;
    let input = serde_json::to_vec(&"x".repeat(198))?;
    let work = team.clone();
    let once = move || {
        let (team, input) = (work.clone(), input.clone());
        async move {
            let ticket = team.submit(Terms::new("bench.noop"), input, Default::default()).await;
            let ticket = ticket.map_err(|why| anyhow!(why.message))?;
            ticket.outcome().await.map(|_| ()).map_err(|why| anyhow!(why.message))
        }
    };
    let measured = measure(in_flight, once).await;
    team.drain(std::time::Duration::from_secs(5)).await;
    measured
}
