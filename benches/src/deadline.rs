//! How long after its deadline a task has ended: durable, its outcome in the client's hands.

use crate::closed_loop::quantiles;
use crate::disk;
use crate::report::Report;
use anyhow::{Result, anyhow, ensure};
use kernel::{Outcome, Terms};
use majordomo::{AgentEntry, Context, SubmitOptions, Team, capability};
use runtime::api::native;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Tasks, each with a deadline of its own.
const TASKS: u64 = 400;
/// The first deadline, and how far apart they are.
const FIRST_MS: u64 = 300;
const APART_MS: u64 = 3;

#[capability("bench.forever@1")]
async fn forever(_: Context, _: String) -> majordomo::Result<()> {
    std::future::pending().await
}

/// Lets work that would never end run into its deadlines.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let data = disk::scratch()?;
    let slots = TASKS as u32;
    let entry = AgentEntry::new("forever", "native", &["bench.forever@1"], slots, native(forever));
    let team = Team::open(data.path()).agent(entry).start().await?;
    let mut clients = JoinSet::new();
    for nth in 0..TASKS {
        clients.spawn(overshoot(team.clone(), FIRST_MS + nth * APART_MS));
    }
    let mut nanos = Vec::new();
    while let Some(done) = clients.join_next().await {
        nanos.push(done??.as_nanos() as u64);
    }
    team.drain(Duration::from_secs(5)).await;
    let (least, p50, p99) = quantiles(&mut nanos);
    let figures = [("least_us", least), ("p50_us", p50), ("p99_us", p99)];
    report.line("deadline", "overshoot until the client knows", &figures);
    Ok(())
}

async fn overshoot(team: Team, deadline_ms: u64) -> Result<Duration> {
    let options = SubmitOptions { deadline_ms: Some(deadline_ms), ..SubmitOptions::default() };
    let ticket = team.submit(Terms::new("bench.forever"), b"\"\"".to_vec(), options).await;
    let ticket = ticket.map_err(|why| anyhow!(why.message))?;
    // Its deadline counts from a moment before the receipt, so this is a little too hard on us.
    let due = Instant::now() + Duration::from_millis(deadline_ms);
    let outcome = ticket.settled().await.map_err(|why| anyhow!(why.message))?;
    let ended = Instant::now();
    ensure!(matches!(&*outcome, Outcome::Failed(_)), "it ended otherwise: {outcome:?}");
    Ok(ended.saturating_duration_since(due))
}
