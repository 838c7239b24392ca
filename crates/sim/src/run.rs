//! Many seeds over several threads, and what they came to. The order of threads changes nothing.

use crate::checks::{p11_priority_without_starvation, p14_retries_cannot_amplify};
use crate::fault::Tally;
use crate::medium::Memory;
use crate::mutants::{self, Bug};
use crate::oracle::{Red, Verdict};
use crate::world::{Ended, World};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Every so many seeds come with the scenes of P11 and P14 besides their world.
const SCENES_EVERY: u64 = 16;

/// Which worlds to live through.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Kernel steps under faults.
    pub steps: u64,
    /// Threads.
    pub threads: u64,
    /// A bug to plant.
    pub bug: Option<Bug>,
    /// Give up after so many red seeds.
    pub reds_max: usize,
}

/// What they came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Red seeds, lowest first.
    pub reds: Vec<(u64, Red)>,
    /// Faults and events of all seeds.
    pub tally: Tally,
    /// (seed, digest), lowest first.
    pub digests: Vec<(u64, u64)>,
}

/// Lives through one seed: its world, and its scenes if it has any.
#[must_use]
pub fn one(seed: u64, steps: u64, traced: bool) -> Ended {
    let mut ended = World::new(seed, Box::new(Memory::default()), traced).live(steps);
    if ended.red.is_none() && seed.is_multiple_of(SCENES_EVERY) {
        ended.red = scenes(seed);
    }
    ended
}

fn scenes(seed: u64) -> Option<Red> {
    let red = |check, verdict: Verdict| verdict.err().map(|why| Red { check, why });
    red(p11_priority_without_starvation::NAME, p11_priority_without_starvation::scene(seed))
        .or_else(|| red("p14_retries_cannot_amplify", p14_retries_cannot_amplify::scene(seed)))
}

/// Lives through many. `progress` hears how many are done, from any thread.
#[must_use]
pub fn many(plan: Plan, progress: &(dyn Fn(u64) + Sync)) -> Report {
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let report = Mutex::new(Report::default());
    let worker = || {
        mutants::plant(plan.bug);
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= plan.seeds {
                break;
            }
            let seed = plan.from + at;
            let ended = one(seed, plan.steps, false);
            let mut report = report.lock().expect("no thread panics while it holds the report");
            report.tally.add(&ended.tally);
            report.digests.push((seed, ended.digest));
            if let Some(red) = ended.red {
                report.reds.push((seed, red));
                stop.store(report.reds.len() >= plan.reds_max, Ordering::Relaxed);
            }
            drop(report);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        mutants::plant(None);
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            scope.spawn(worker);
        }
    });
    let mut report = report.into_inner().expect("no thread panics while it holds the report");
    report.reds.sort_by_key(|(seed, _)| *seed);
    report.digests.sort_unstable();
    report
}

/// Plants a bug and lives through seeds until one is red: after how many, and why.
#[must_use]
pub fn catch(bug: Bug, plan: Plan) -> Option<(u64, Red)> {
    let plan = Plan { bug: Some(bug), reds_max: 1, ..plan };
    many(plan, &|_| {}).reds.into_iter().next()
}
