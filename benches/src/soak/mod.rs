//! The bus and durable topics for minutes among subscribers that are slow, die and lie:
//! `cargo xtask soak bus`.
//!
//! ```text
//!   a life:  [ everybody behaves, measured ][ the bad ones are bad, measured ] killed as it is
//!   lives on one directory ──▶ everybody behaves until all is handled ──▶ verdict
//! ```
//!
//! The same subscribers are there in both halves of a life, so that what the good one loses in the
//! second is the doing of the bad ones, and not of their number.

mod local;
mod memory;
mod queue;
mod tokens;
mod verdict;

use crate::closed_loop::quantiles;
use crate::disk;
use anyhow::{Context, Result, anyhow};
use majordomo::Team;
use memory::Memory;
use queue::Ledger;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokens::Tokens;
use tokio::task::JoinSet;
use verdict::Verdict;

pub(crate) const NAME: &str = "soak";

/// How long, and how strictly it is judged.
pub(crate) struct Plan {
    /// How often a team is opened, works and is killed.
    lives: u32,
    /// How long each half of a life is.
    half: Duration,
    /// Messages of a burst.
    burst: u64,
    /// How many times worse than stated the good one may fare: 1, but in a test beside others.
    slack: f64,
}

/// What everybody in it shares.
pub(crate) struct Stage {
    is_hostile: AtomicBool,
    began: Instant,
    ledger: Ledger,
    /// How long the good one's messages were on their way, in nanoseconds: of the bus, and of the
    /// durable topic.
    told: Mutex<Vec<u64>>,
    kept: Mutex<Vec<u64>>,
    /// What may not be.
    faults: Mutex<Vec<String>>,
    tokens: Arc<Tokens>,
}

/// How the good one fared in one half of a life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fared {
    /// Microseconds from the sender to it, by the bus: the median, and the 99th of a hundred.
    bus: (f64, f64),
    /// The same by the durable topic, synced on the way.
    topic: (f64, f64),
    /// Messages by the second when one sender sends as fast as it can.
    burst_per_s: f64,
}

/// `bench soak SECONDS`.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let [seconds] = words else { anyhow::bail!("usage: bench {NAME} SECONDS") };
    let seconds: u64 = seconds.parse().context("how many seconds, as a number")?;
    let plan = Plan::of(Duration::from_secs(seconds.max(4)));
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let verdict = tokio.block_on(soak(&plan))?;
    verdict.tell();
    match verdict.faults() {
        0 => Ok(()),
        faults => Err(anyhow!("{faults} things were not as they are promised")),
    }
}

impl Plan {
    /// Lives of twenty seconds, at least two of them.
    fn of(time: Duration) -> Plan {
        let lives = (time.as_secs() / 20).max(2) as u32;
        Plan { lives, half: time / (2 * lives), burst: 100_000, slack: 1.0 }
    }
}

/// All of it.
pub(crate) async fn soak(plan: &Plan) -> Result<Verdict> {
    let home = disk::scratch()?;
    let stage = Arc::new(Stage::new());
    let memory = Memory::watch();
    let mut fared = Vec::new();
    for number in 1..=plan.lives {
        let both = life(&stage, home.path(), plan).await?;
        memory.life_has_ended();
        println!("{}", verdict::line(number, plan.lives, both, &stage, &memory));
        fared.push(both);
    }
    stage.be_hostile(false);
    let team = open(&stage, home.path()).await?;
    queue::settle(&stage, &team).await?;
    let checked = queue::check(&stage, &team);
    team.drain(Duration::from_secs(5)).await;
    Ok(Verdict::of(plan, &fared, checked, &memory, stage.take_faults()))
}

async fn open(stage: &Stage, home: &Path) -> Result<Team> {
    let opened = Team::open_watched(home, vec![stage.tokens.clone()]).start().await;
    opened.context("the team starts on what the life before has left")
}

/// One life: both halves, and a death with messages in everybody's hands.
async fn life(stage: &Arc<Stage>, home: &Path, plan: &Plan) -> Result<[Fared; 2]> {
    let team = open(stage, home).await?;
    let mut actors = JoinSet::new();
    let mut good = local::enter(stage, &team, &mut actors).await?;
    queue::enter(stage, &team, &mut actors).await?;
    let mut fared = [Fared::default(); 2];
    for (at, is_hostile) in [false, true].into_iter().enumerate() {
        stage.be_hostile(is_hostile);
        stage.take_latencies(); // Of the turn from one to the other.
        tokio::time::sleep(plan.half.mul_f64(0.8)).await;
        let (bus, topic) = stage.take_latencies();
        fared[at] = Fared { bus, topic, burst_per_s: good.burst(&team, plan.burst).await? };
    }
    good.was_told_all(stage, &team);
    team.runtime().abandon();
    actors.shutdown().await;
    local::is_left_empty(stage, &team);
    Ok(fared)
}

impl Stage {
    fn new() -> Stage {
        Stage {
            is_hostile: AtomicBool::new(false),
            began: Instant::now(),
            ledger: Ledger::default(),
            told: Mutex::default(),
            kept: Mutex::default(),
            faults: Mutex::default(),
            tokens: Arc::default(),
        }
    }

    fn be_hostile(&self, is_hostile: bool) {
        self.is_hostile.store(is_hostile, Ordering::Relaxed);
    }

    /// Whether the bad ones are bad now.
    fn is_hostile(&self) -> bool {
        self.is_hostile.load(Ordering::Relaxed)
    }

    /// Nanoseconds since it began: what is written on messages.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What was told and may not be; the first hundred are enough.
    fn fault(&self, what: String) {
        let mut faults = lock(&self.faults);
        if faults.len() < 100 {
            faults.push(what);
        }
    }

    fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.faults))
    }

    fn take_latencies(&self) -> ((f64, f64), (f64, f64)) {
        let of = |all: &Mutex<Vec<u64>>| match std::mem::take(&mut *lock(all)) {
            none if none.is_empty() => (f64::NAN, f64::NAN),
            mut some => {
                let (_, median, late) = quantiles(&mut some);
                (median, late)
            }
        };
        (of(&self.told), of(&self.kept))
    }
}

/// Runs until its team has ended: what it is refused then is no fault of anybody's.
fn act(actors: &mut JoinSet<()>, work: impl Future<Output = Result<()>> + Send + 'static) {
    actors.spawn(async move {
        let _ended = work.await;
    });
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The soak of ten minutes, for eight seconds and what the end takes, beside whatever else
    /// runs: nothing is lost, and speed is judged leniently.
    #[test]
    fn among_the_slow_the_dying_and_the_lying_nothing_is_lost() {
        let plan = Plan { lives: 2, half: Duration::from_secs(2), burst: 2_000, slack: 50.0 };
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let verdict = tokio.expect("a runtime").block_on(soak(&plan)).expect("it runs");
        verdict.tell();
        assert_eq!(verdict.faults(), 0);
        assert!(verdict.has_seen_everything(), "the bad ones were not bad enough");
    }
}
