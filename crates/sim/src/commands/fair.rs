//! `sim fair`: what share of a pool each class and each tenant really gets, and how long the
//! unluckiest of each waited, while one tenant floods it.

use kernel::Class;
use majordomo_sim::flood::{Flood, Grant, TENANTS};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A pool of ten slots in three agents; a task works 100 ms.
const SLOTS: [u32; 3] = [4, 4, 2];
/// Tasks done: a thousand rounds of the wheel of classes.
const TASKS: u64 = 31_000;
/// How far a share may be off, of itself.
const OFF_MAX: f64 = 0.10;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For programs: one JSON object.
    #[arg(long)]
    json: bool,
    /// Chance: which task ends next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let shares = measure(arguments.seed);
    if arguments.json {
        println!("{}", as_json(&shares));
    } else {
        print(&shares);
    }
    if shares.iter().all(Share::is_fair) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What one class or tenant was due, and what it got.
struct Share {
    kind: &'static str,
    name: String,
    weight: u32,
    due: f64,
    got: f64,
    longest_wait_ms: u64,
}

impl Share {
    /// How far off it is, of itself: 0.05 is 5 % too much.
    fn off(&self) -> f64 {
        self.got / self.due - 1.0
    }

    fn is_fair(&self) -> bool {
        self.off().abs() <= OFF_MAX
    }
}

fn measure(seed: u64) -> Vec<Share> {
    let mut flood = Flood::new(seed, &SLOTS, TENANTS[0], false);
    flood.work_by(seed, TASKS);
    let weights: u32 = Class::ALL.into_iter().map(Class::weight).sum();
    let mut shares = Vec::new();
    for class in Class::ALL {
        let name = format!("{class:?}").to_lowercase();
        let of = |grant: &&Grant| grant.class == class;
        shares.push(share(&flood, "class", name, (class.weight(), weights), of));
    }
    for tenant in TENANTS {
        let floods = if tenant == flood.flooding() { " (floods)" } else { "" };
        let of = |grant: &&Grant| grant.tenant == tenant;
        let each = (1, TENANTS.len() as u32);
        shares.push(share(&flood, "tenant", format!("{tenant}{floods}"), each, of));
    }
    shares
}

fn share(
    flood: &Flood,
    kind: &'static str,
    name: String,
    (weight, weights): (u32, u32),
    of: impl Fn(&&Grant) -> bool,
) -> Share {
    let grants: Vec<&Grant> = flood.grants().iter().filter(of).collect();
    let longest_wait_ms = grants.iter().map(|grant| grant.waited_ms).max().unwrap_or(0);
    let got = grants.len() as f64 / flood.grants().len() as f64;
    let due = f64::from(weight) / f64::from(weights);
    Share { kind, name, weight, due, got, longest_wait_ms }
}

fn print(shares: &[Share]) {
    let (slots, waiting) = (SLOTS.iter().sum::<u32>(), Flood::waiting_always(false));
    println!(
        "{slots} slots, tasks of 100 ms, {waiting} waiting at every moment; one tenant floods"
    );
    println!(
        "{:<18} {:>6} {:>8} {:>9} {:>7} {:>13}",
        "", "weight", "due", "measured", "off", "longest wait"
    );
    for share in shares {
        let Share { kind, name, weight, due, got, longest_wait_ms } = share;
        let (due, got, off) = (due * 100.0, got * 100.0, share.off() * 100.0);
        let wait = *longest_wait_ms as f64 / 1e3;
        let mark = if share.is_fair() { "" } else { "  NOT FAIR" };
        let what = format!("{kind} {name}");
        println!(
            "{what:<18} {weight:>6} {due:>7.2}% {got:>8.2}% {off:>+6.1}% {wait:>11.2} s{mark}"
        );
    }
    let fair = shares.iter().all(Share::is_fair);
    let verdict = if fair { "within" } else { "NOT within" };
    println!("shares are {verdict} {:.0}% of what they should be", OFF_MAX * 100.0);
}

fn as_json(shares: &[Share]) -> Value {
    let row = |share: &Share| {
        json!({
            "kind": share.kind,
            "name": share.name,
            "weight": share.weight,
            "due": share.due,
            "measured": share.got,
            "off": share.off(),
            "longest_wait_ms": share.longest_wait_ms,
        })
    };
    json!({
        "shares": shares.iter().map(row).collect::<Vec<_>>(),
        "off_max": OFF_MAX,
        "fair": shares.iter().all(Share::is_fair),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::mutant::{Mutant, plant};

    #[test]
    fn the_shares_are_fair_and_a_strict_queue_is_seen() {
        assert!(measure(7).iter().all(Share::is_fair));
        plant(Some(Mutant::FairQueueStrict));
        let shares = measure(7);
        plant(None);
        assert!(!shares.iter().all(Share::is_fair), "strict priority passed for fair");
    }
}
