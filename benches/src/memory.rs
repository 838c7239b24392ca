//! The runtime without a disk, everything else on: match, lease, token, events. Beside it tokio's
//! own `JoinSet`, which does nothing but run a future and hand its result back.

use crate::closed_loop::{Measured, measure};
use crate::noop::{life, start};
use crate::report::Report;
use anyhow::Result;
use majordomo::Team;
use std::time::Duration;
use tokio::task::JoinSet;

/// Rounds of which the one with the median ratio is told.
const ROUNDS: usize = 5;
/// Tasks at once.
const AT_ONCE: usize = 256;

/// Measures 256 tasks at once beside `JoinSet`, and one after the other.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push((join_set().await?, lives(AT_ONCE).await?));
    }
    let ratio = |(peer, ours): &(Measured, Measured)| ours.per_s / peer.per_s;
    rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (peer, ours) = rounds[ROUNDS / 2];
    report.line("memory", "256 at once, JoinSet", &[("per_s", peer.per_s)]);
    let figures =
        [("per_s", ours.per_s), ("cpu_us", ours.cpu_us), ("of_join_set", ours.per_s / peer.per_s)];
    report.line("memory", "256 at once, majordomo", &figures);
    let one = lives(1).await?;
    let figures = [("p50_us", one.p50_us), ("p99_us", one.p99_us), ("per_s", one.per_s)];
    report.line("memory", "one after the other, majordomo", &figures);
    Ok(())
}

async fn lives(at_once: usize) -> Result<Measured> {
    let team = start(Team::in_memory(), at_once).await?;
    let work = team.clone();
    let measured = measure(at_once, move || life(work.clone())).await;
    team.drain(Duration::from_secs(5)).await;
    measured
}

/// One driver that keeps 256 no-ops in a `JoinSet`, with the input each task of ours has.
async fn join_set() -> Result<Measured> {
    let work = || async {
        let mut set = JoinSet::new();
        for _ in 0..AT_ONCE {
            let input = format!("\"{}\"", "x".repeat(198));
            set.spawn(async move { std::hint::black_box(input).len() });
        }
        while let Some(done) = set.join_next().await {
            done?;
        }
        Ok(())
    };
    let batches = measure(1, work).await?;
    let tasks = AT_ONCE as f64;
    Ok(Measured {
        per_s: batches.per_s * tasks,
        cpu_us: batches.cpu_us / tasks,
        total: batches.total * AT_ONCE,
        ..batches
    })
}
