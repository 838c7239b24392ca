//! Many seeds over several threads, and what they came to. The order of threads changes nothing.

use crate::checks::p15_breakers_open_probe_close::scene as p15_breakers;
use crate::checks::{
    everybody_is_tried, p10_the_least_urgent_makes_room, p11_heavy_tasks_have_their_turn,
    p11_priority_without_starvation, p11_urgent_work_takes_its_place, p14_retries_cannot_amplify,
    records_outweigh_promises,
};
use crate::fault::Tally;
use crate::medium::{Disk, Medium, Memory};
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
    /// What the journals are written on.
    pub on: On,
    /// A bug to plant.
    pub bug: Option<Bug>,
    /// Give up after so many red seeds.
    pub reds_max: usize,
}

/// What the journal of a world is written on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// One seed in forty on the disk, the others in memory.
    #[default]
    BySeed,
    /// A model in memory: fast.
    Memory,
    /// The log journal on a disk that fails.
    Disk,
}

impl On {
    fn of(seed: u64) -> On {
        if seed % 40 == 39 { On::Disk } else { On::Memory }
    }
}

/// The worlds whose digests are kept: short ones, for debug builds live through them too.
pub const GOLDEN: Plan =
    Plan { from: 0, seeds: 100, steps: 120, threads: 4, on: On::Memory, bug: None, reds_max: 1 };

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

impl Report {
    /// One line a seed: its number and its digest.
    #[must_use]
    pub fn digest_lines(&self) -> String {
        self.digests.iter().map(|(seed, digest)| format!("{seed} {digest:016x}\n")).collect()
    }
}

/// Lives through one seed: its world, and its scenes if it has any.
#[must_use]
pub fn one(seed: u64, steps: u64, on: On, traced: bool) -> Ended {
    let medium: Box<dyn Medium> = match on {
        On::BySeed => return one(seed, steps, On::of(seed), traced),
        On::Memory => Box::new(Memory::default()),
        On::Disk => Box::new(Disk::empty().expect("a temporary directory can be made")),
    };
    let mut ended = World::new(seed, medium, traced).live(steps);
    if ended.red.is_none() && seed.is_multiple_of(SCENES_EVERY) {
        ended.red = scenes(seed);
    }
    ended
}

fn scenes(seed: u64) -> Option<Red> {
    let red = |check, verdict: Verdict| verdict.err().map(|why| Red { check, why });
    red(p11_priority_without_starvation::NAME, p11_priority_without_starvation::scene(seed))
        .or_else(|| {
            let name = "p11_heavy_tasks_have_their_turn";
            red(name, p11_heavy_tasks_have_their_turn::scene(seed))
        })
        .or_else(|| {
            let name = "p10_the_least_urgent_makes_room";
            red(name, p10_the_least_urgent_makes_room::scene(seed))
        })
        .or_else(|| {
            let name = "p11_urgent_work_takes_its_place";
            red(name, p11_urgent_work_takes_its_place::scene(seed))
        })
        .or_else(|| red(everybody_is_tried::NAME, everybody_is_tried::scene(seed)))
        .or_else(|| red(records_outweigh_promises::NAME, records_outweigh_promises::scene(seed)))
        .or_else(|| red("p14_retries_cannot_amplify", p14_retries_cannot_amplify::scene(seed)))
        .or_else(|| red("p15_breakers_open_probe_close", p15_breakers::scene(seed)))
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
            let ended = one(seed, plan.steps, plan.on, false);
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
    let plan = Plan { bug: Some(bug), on: bug.shows_on(), reds_max: 1, ..plan };
    many(plan, &|_| {}).reds.into_iter().next()
}
