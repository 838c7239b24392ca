//! `sim`: runs worlds, replays one, plants bugs, measures who gets what share.

mod commands;

use clap::{Parser, Subcommand};
use majordomo_sim::run::On;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sim", about = "Deterministic simulation of Majordomo")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Live through many seeds; a red one prints the line that reproduces it.
    Run(commands::run::Arguments),
    /// Replay one seed with a readable trace.
    Seed {
        /// Which.
        seed: u64,
        /// Kernel steps under faults.
        #[arg(long, default_value_t = 400)]
        steps: u64,
        /// On the log and a disk that fails.
        #[arg(long)]
        disk: bool,
    },
    /// Plant every known bug; each must be caught, and the clean control must be green.
    Mutants(commands::mutants::Arguments),
    /// What every change must pass: 2,000 seeds and all planted bugs.
    Gate,
    /// Print the digests of a hundred short worlds, to compare builds.
    Digest,
    /// Measure what share of a flooded pool each class and tenant gets, and the longest wait.
    Fair(commands::fair::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Run(arguments) => commands::run::run(&arguments),
        Verb::Seed { seed, steps, disk } => {
            let on = if disk { On::Disk } else { On::BySeed };
            commands::run::replay(seed, steps, on)
        }
        Verb::Mutants(arguments) => commands::mutants::run(&arguments),
        Verb::Gate => commands::gate::run(),
        Verb::Digest => commands::digest::run(),
        Verb::Fair(arguments) => commands::fair::run(&arguments),
    }
}
