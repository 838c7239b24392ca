//! `cargo xtask soak`: what takes too long for every change, and is run before a release.
//!
//! The gate of every change meets two thousand worlds and five kills; what shows once in a hundred
//! thousand is found here. (The first time it was: an agent that left in the middle of a restart.)

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::Verb;
use crate::gate::{self, Stage, Total, last_line_is_the_note, simulator};
use crate::invoke::Line;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "soak",
    about: "What is run before a release: 200,000 worlds, 500 kills, a damaged journal",
    help: "\
Usage: cargo xtask soak [STAGE...]
       cargo xtask soak bus [--minutes N]

Takes one to two hours on two cores; nothing in the tree is written to. The seeds are those that
the test command has, and a hundred times as many more. `damage` truncates and flips a journal at
every place that it names, in release; `crash` kills a run of the real program 500 times. `bus`
has messages and durable topics among subscribers that are slow, die and lie, for ten minutes unless
it is told otherwise: none is lost, memory is bounded, others are not slowed. Alone, it prints each
life as it ends. Name stages to run only those:
  seeds mutants fair damage crash bus
",
    run,
};

const DAMAGE: &str = "cargo test --release --locked -p majordomo-adapters --test log_damage";
const CRASH: &str = "cargo xtask crash --kills 500";
const BUS: &str = "cargo run --quiet --release --locked -p majordomo-bench -- soak";
const BUS_MINUTES: u64 = 10;

const STAGES: &[Stage] = &[
    Stage { name: "seeds", run: |name| simulator(name, "run --from 0 --seeds 200000") },
    Stage { name: "mutants", run: |name| simulator(name, "mutants") },
    Stage { name: "fair", run: |name| simulator(name, "fair") },
    Stage { name: "damage", run: |name| gate::exit_code(name, &Line::new(DAMAGE)) },
    Stage { name: "crash", run: |name| last_line_is_the_note(name, &Line::new(CRASH)) },
    Stage { name: "bus", run: |name| last_line_is_the_note(name, &bus(BUS_MINUTES)) },
];

fn bus(minutes: u64) -> Line {
    Line::new(BUS).with(&[(minutes * 60).to_string()])
}

fn run(wanted: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = wanted.iter().map(String::as_str).collect();
    match words[..] {
        ["bus"] => return bus(BUS_MINUTES).hand_over(),
        ["bus", "--minutes", minutes] => {
            let minutes = minutes.parse().context("how many minutes, as a whole number")?;
            return bus(minutes).hand_over();
        }
        _ => {}
    }
    gate::knows(STAGES, &[], wanted, VERB.name)?;
    let mut total = Total::default();
    gate::run(STAGES, wanted, &mut total)?;
    Ok(total.told())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_stage() {
        let last = VERB.help.lines().last().unwrap();
        let all = STAGES.iter().map(|stage| stage.name);
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), all.collect::<Vec<_>>());
    }
}
