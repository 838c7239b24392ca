//! What it came to: the figures of each life, and whether everything is as it is promised.

use super::memory::Memory;
use super::queue::{Checked, NAMES};
use super::{Fared, Plan, Stage};
use std::sync::atomic::Ordering;

/// Of what the good one gets through in a burst, so much is left among bad ones.
const BURST_LEAST: f64 = 0.7;
/// Its messages are at most so many times as long on their way,
const LATE_MOST: f64 = 2.0;
/// and so many microseconds: the median life, and of it the 99th message of a hundred.
const LATE_MORE_US: f64 = 5_000.0;
/// The same where a sync is on the way, which a disk may take its time for.
const SYNCED_MORE_US: f64 = 50_000.0;
/// Memory of the whole process.
const MEMORY_MOST_MIB: f64 = 256.0;
/// How much of it may come after the second life.
const MEMORY_GROWTH_MIB: f64 = 32.0;

/// The end of it.
pub(crate) struct Verdict {
    lives: usize,
    /// The median life, without and with the bad ones being bad.
    fared: [Fared; 2],
    checked: Checked,
    memory: (f64, f64),
    faults: Vec<String>,
}

/// One life in a line.
pub(super) fn line(
    number: u32,
    lives: u32,
    fared: [Fared; 2],
    stage: &Stage,
    memory: &Memory,
) -> String {
    let [quiet, hostile] = fared.map(|it| told(&it));
    format!(
        "life {number} of {lives}: among good {quiet}; among bad {hostile}; {} published, {} \
         refused for want of room; {:.0} MiB",
        stage.ledger.published(),
        stage.ledger.refused.load(Ordering::Relaxed),
        memory.most_mib(),
    )
}

fn told(fared: &Fared) -> String {
    let Fared { bus, topic, burst_per_s } = fared;
    format!(
        "{burst_per_s:.0}/s, bus {:.0} µs (p99 {:.0}), topic {:.0} µs (p99 {:.0})",
        bus.0, bus.1, topic.0, topic.1
    )
}

impl Verdict {
    pub(super) fn of(
        plan: &Plan,
        fared: &[[Fared; 2]],
        checked: Checked,
        memory: &Memory,
        faults: Vec<String>,
    ) -> Verdict {
        let median = |of: &dyn Fn(&Fared) -> f64, half: usize| {
            let mut all: Vec<f64> = fared.iter().map(|it| of(&it[half])).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let half = |at: usize| Fared {
            bus: (median(&|it| it.bus.0, at), median(&|it| it.bus.1, at)),
            topic: (median(&|it| it.topic.0, at), median(&|it| it.topic.1, at)),
            burst_per_s: median(&|it| it.burst_per_s, at),
        };
        let memory = (memory.early_mib(), memory.most_mib());
        let (lives, fared) = (fared.len(), [half(0), half(1)]);
        let mut verdict = Verdict { lives, fared, checked, memory, faults };
        verdict.judge(plan.slack);
        verdict
    }

    /// How many things are not as they should be.
    pub(crate) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Whether everything bad has happened that could.
    #[cfg(test)]
    pub(super) fn has_seen_everything(&self) -> bool {
        let Checked { published, dead, lies, late, deaths, .. } = self.checked;
        [published, dead, lies, late, deaths].iter().all(|it| *it > 0)
    }

    fn judge(&mut self, slack: f64) {
        self.faults.append(&mut self.checked.faults);
        let [quiet, hostile] = self.fared;
        let mut must = |holds: bool, what: String| {
            if !holds {
                self.faults.push(what);
            }
        };
        let least = quiet.burst_per_s * BURST_LEAST / slack;
        let burst = hostile.burst_per_s;
        let said = format!("a burst of {burst:.0}/s among bad ones; {least:.0} at least");
        must(burst >= least, said);
        for (what, quiet, hostile, more) in [
            ("the bus", quiet.bus.1, hostile.bus.1, LATE_MORE_US),
            ("the topic", quiet.topic.1, hostile.topic.1, SYNCED_MORE_US),
        ] {
            let most = (quiet * LATE_MOST + more) * slack;
            let said = format!("{hostile:.0} µs by {what} among bad ones; {most:.0} at most");
            must(hostile <= most, said);
        }
        let (early, most) = self.memory;
        must(most <= MEMORY_MOST_MIB, format!("{most:.0} MiB; {MEMORY_MOST_MIB} at most"));
        let growth = most - early;
        let most = MEMORY_GROWTH_MIB;
        let said = format!("{growth:.0} MiB came after the second life; {most} at most");
        must(growth <= MEMORY_GROWTH_MIB, said);
    }

    /// Prints all of it.
    pub(crate) fn tell(&self) {
        let Verdict { lives, fared, checked: it, memory: (early, most), faults } = self;
        println!("{lives} lives, each killed with messages in hand; the median life:");
        for (whom, half) in ["good", "bad"].iter().zip(fared) {
            println!("  among {whom:<5} {}", told(half));
        }
        println!(
            "  {} lies refused, {} acks too late, {} feeds let go of with a message in hand, {} \
             refused for want of room",
            it.lies, it.late, it.deaths, it.refused
        );
        println!("  memory: {early:.0} MiB after two lives, {most:.0} MiB at most");
        for fault in faults {
            println!("  NOT SO: {fault}");
        }
        let lost = NAMES * it.messages - it.handled - it.dead;
        println!(
            "{} of {} messages had a receipt; for each of {NAMES} names: handled {}, dead with \
             reasons {}, lost {lost}; {:.2} of a burst's speed among bad ones",
            it.published,
            it.messages,
            it.handled,
            it.dead,
            fared[1].burst_per_s / fared[0].burst_per_s,
        );
    }
}
