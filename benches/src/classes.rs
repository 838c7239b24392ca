//! How long work of each class waits when ten times more is offered than can be done.
//!
//! Five clients, one for each class, offer work at the same steady rate, whatever comes back; the
//! agents together can do half of what one of them offers. What was begun while they offered
//! counts.

use crate::closed_loop::quantiles;
use crate::report::Report;
use anyhow::{Result, anyhow};
use kernel::{Class, Terms};
use majordomo::{AgentEntry, Context, Team, capability};
use runtime::api::native;
use serde_json::json;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Slots, and how long each is busy with a task: 1,000 tasks a second.
const SLOTS: u32 = 10;
const WORK: Duration = Duration::from_millis(10);
/// Tasks a second that each client offers.
const OFFERED_PER_S: u64 = 2_000;
const BURST_EVERY: Duration = Duration::from_millis(5);
const TIME: Duration = Duration::from_secs(3);

static BEGAN: OnceLock<Instant> = OnceLock::new();
/// How long what was begun had waited, by class.
static WAITS: Mutex<[Vec<u64>; 5]> = Mutex::new([const { Vec::new() }; 5]);

#[capability("bench.work@1")]
async fn work(_: Context, (class, offered): (usize, u64)) -> majordomo::Result<()> {
    let waited = nanos().saturating_sub(offered);
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)[class].push(waited);
    sleep(WORK).await;
    Ok(())
}

/// Offers work and tells who waited how long.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let entry = AgentEntry::new("worker", "native", &["bench.work@1"], SLOTS, native(work));
    let team = Team::in_memory().agent(entry).start().await?;
    let mut clients = tokio::task::JoinSet::new();
    for class in Class::ALL {
        clients.spawn(offer(team.clone(), class));
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    let waits = std::mem::take(&mut *WAITS.lock().map_err(|why| anyhow!("{why}"))?);
    let begun: usize = waits.iter().map(Vec::len).sum();
    for (class, mut nanos) in Class::ALL.into_iter().zip(waits) {
        let share = nanos.len() as f64 / begun.max(1) as f64;
        let waited = if nanos.is_empty() { [f64::NAN; 2] } else { ms(&mut nanos) };
        let figures = [("share", share), ("p50_ms", waited[0]), ("p99_ms", waited[1])];
        report.line("classes", &format!("{class:?}, load 10 ×"), &figures);
    }
    team.runtime().abandon(); // Nobody needs the rest done.
    Ok(())
}

fn ms(nanos: &mut [u64]) -> [f64; 2] {
    let (_, p50, p99) = quantiles(nanos);
    [p50 / 1e3, p99 / 1e3]
}

fn nanos() -> u64 {
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Offers at a steady rate: what came late because the machine was busy is offered at once.
async fn offer(team: Team, class: Class) -> Result<()> {
    let burst = OFFERED_PER_S * BURST_EVERY.as_millis() as u64 / 1_000;
    let mut tick = interval(BURST_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let terms = Terms { class, ..Terms::new("bench.work") };
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        tick.tick().await;
        for _ in 0..burst {
            let input = json!([class as usize, nanos()]).to_string().into_bytes();
            let accepted = team.submit(terms.clone(), input, Default::default()).await;
            drop(accepted.map_err(|why| anyhow!(why.message))?);
        }
    }
    Ok(())
}
