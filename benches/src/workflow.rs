//! Durable workflows of three steps, views on: three children asked for one after the other, and
//! three side effects recorded one after the other. Each step is synced before the next begins.

use crate::closed_loop::{Measured, measure};
use crate::disk;
use crate::noop::{noop, start};
use crate::report::Report;
use anyhow::{Result, anyhow};
use kernel::Terms;
use majordomo::data::DataDir;
use majordomo::viewing::Viewer;
use majordomo::{AgentEntry, Context, Team, capability};
use runtime::api::native;
use std::time::Duration;

/// Workflows at once.
const IN_FLIGHT: usize = 64;
const STEPS: usize = 3;
/// Rounds of which the one with the median rate is told.
const ROUNDS: usize = 3;

#[capability("bench.asks@1")]
async fn asks(cx: Context, input: String) -> majordomo::Result<()> {
    for _ in 0..STEPS {
        cx.ask::<noop>(input.clone()).await?;
    }
    Ok(())
}

#[capability("bench.onces@1")]
async fn onces(cx: Context, _: String) -> majordomo::Result<()> {
    for step in ["first", "second", "third"] {
        cx.once(step, async { Ok(1_u8) }).await?;
    }
    Ok(())
}

/// Measures both kinds.
pub(crate) async fn run(report: &Report) -> Result<()> {
    for (what, capability) in [("3 asks", "bench.asks"), ("3 onces", "bench.onces")] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(round(capability).await?);
        }
        rounds.sort_by(|a, b| a.per_s.total_cmp(&b.per_s));
        let Measured { per_s, p50_us, p99_us, cpu_us, .. } = rounds[ROUNDS / 2];
        let figures =
            [("per_s", per_s), ("p50_us", p50_us), ("p99_us", p99_us), ("cpu_us", cpu_us)];
        report.line("workflow", &format!("{what}, {IN_FLIGHT} in flight"), &figures);
    }
    Ok(())
}

async fn round(capability: &'static str) -> Result<Measured> {
    let dir = disk::scratch()?;
    let viewer = Viewer::start(&DataDir::new(dir.path()))?;
    let slots = IN_FLIGHT as u32;
    let workflow = |name, serves, agent| AgentEntry::new(name, "native", &[serves], slots, agent);
    let team = Team::open_watched(dir.path(), vec![viewer.clone() as _])
        .agent(workflow("asks", "bench.asks@1", native(asks)))
        .agent(workflow("onces", "bench.onces@1", native(onces)));
    let team = start(team, IN_FLIGHT).await?;
    let work = team.clone();
    let measured = measure(IN_FLIGHT, move || life(work.clone(), capability)).await;
    viewer.finish();
    team.drain(Duration::from_secs(5)).await;
    measured
}

async fn life(team: Team, capability: &str) -> Result<()> {
    let input = format!("\"{}\"", "x".repeat(198)).into_bytes();
    let ticket = team.submit(Terms::new(capability), input, Default::default()).await;
    let ticket = ticket.map_err(|why| anyhow!(why.message))?;
    ticket.outcome().await.map(|_| ()).map_err(|why| anyhow!(why.message))
}
