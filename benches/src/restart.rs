//! How long after a panic the next attempt begins, back-off apart: the panic is caught, recorded,
//! the task queued, matched and granted anew.

use crate::closed_loop::quantiles;
use crate::noop::{life, start};
use crate::report::Report;
use anyhow::{Context as _, Result, anyhow, ensure};
use kernel::{RetryPolicy, Terms};
use majordomo::{AgentEntry, Context, Team, capability};
use runtime::api::native;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Panics measured.
pub(crate) const PANICS: usize = 500;
/// Tasks that go well between two panics: retries are a share of what is offered.
const BETWEEN: usize = 8;

static PANICKED_AT: Mutex<Option<Instant>> = Mutex::new(None);
static NANOS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Who does the same: [`PANICS`] times, one after the other, somebody [`stumble`]s, and whoever
/// comes in its place [`rise`]s.
pub(crate) struct Restart {
    pub(crate) name: &'static str,
    pub(crate) panics: fn() -> Panics,
}

/// All of them.
pub(crate) type Panics = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Ours.
pub(crate) fn restart() -> Restart {
    Restart { name: "majordomo", panics: || Box::pin(panics()) }
}

/// Panics; the clock runs.
pub(crate) fn stumble() -> ! {
    *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    panic!("as planned")
}

/// Stops the clock. False if it did not run: nobody has stumbled.
pub(crate) fn rise() -> bool {
    let panicked_at = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(at) = panicked_at else { return false };
    let nanos = at.elapsed().as_nanos() as u64;
    NANOS.lock().unwrap_or_else(PoisonError::into_inner).push(nanos);
    true
}

#[capability("bench.stumble@1")]
async fn unsteady(_: Context, _: String) -> majordomo::Result<()> {
    if rise() { Ok(()) } else { stumble() }
}

/// Measures each side, and panics one after the other.
pub(crate) async fn run(report: &Report, sides: Vec<Restart>) -> Result<()> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {})); // Printing takes longer than what is measured.
    for side in sides {
        (side.panics)().await.with_context(|| format!("restarts of {}", side.name))?;
        let mut nanos = std::mem::take(&mut *NANOS.lock().map_err(|why| anyhow!("{why}"))?);
        ensure!(nanos.len() == PANICS, "{} attempts after {PANICS} panics", nanos.len());
        let (least, p50, p99) = quantiles(&mut nanos);
        let figures = [("least_us", least), ("p50_us", p50), ("p99_us", p99)];
        report.line("restart", &format!("after a panic, {}", side.name), &figures);
    }
    std::panic::set_hook(hook);
    Ok(())
}

async fn panics() -> Result<()> {
    let slots = 1;
    let entry =
        AgentEntry::new("unsteady", "native", &["bench.stumble@1"], slots, native(unsteady));
    let team = start(Team::in_memory().agent(entry), 1).await?;
    for _ in 0..PANICS {
        for _ in 0..BETWEEN {
            life(team.clone()).await?;
        }
        let retry = RetryPolicy { attempts_max: 2, base_ms: 0, cap_ms: 0 };
        let terms = Terms { retry, ..Terms::new("bench.stumble") };
        let ticket = team.submit(terms, b"\"\"".to_vec(), Default::default()).await;
        let outcome = ticket.map_err(|why| anyhow!(why.message))?.outcome().await;
        outcome.map(|_| ()).map_err(|why| anyhow!(why.message)).context("the second attempt")?;
    }
    team.drain(Duration::from_secs(1)).await;
    Ok(())
}
