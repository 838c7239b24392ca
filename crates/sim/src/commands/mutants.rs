//! `sim mutants`: every planted bug must be caught, and the clean control must be green.

use majordomo_sim::mutants::Bug;
use majordomo_sim::run::{self, Plan};
use std::process::ExitCode;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Give a bug up after so many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// Kernel steps under faults, a seed.
    #[arg(long, default_value_t = 400)]
    steps: u64,
    /// Only bugs whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let plan = Plan {
        from: 0,
        seeds: arguments.seeds,
        steps: arguments.steps,
        threads: super::threads(),
        on: run::On::Memory,
        bug: None,
        reds_max: 1,
    };
    let only = arguments.only.as_deref().unwrap_or_default();
    let bugs: Vec<Bug> = Bug::all().filter(|bug| bug.name().contains(only)).collect();
    let mut survivors = 0;
    println!("{:<36} {:<36} {:>5}", "planted bug", "caught by", "seed");
    for bug in &bugs {
        match run::catch(*bug, plan) {
            Some((seed, red)) => println!("{:<36} {:<36} {seed:>5}", bug.name(), red.check),
            None => {
                survivors += 1;
                println!("{:<36} SURVIVED {} seeds", bug.name(), plan.seeds);
            }
        }
    }
    let control = run::many(Plan { seeds: 100, ..plan }, &|_| {});
    let clean = control.reds.is_empty();
    println!("{:<36} {}", "none (control, 100 seeds)", if clean { "green" } else { "RED" });
    super::run::print_reds(&control, plan);
    let caught = bugs.len() - survivors;
    println!("{caught} of {} caught · {:.1} s", bugs.len(), begun.elapsed().as_secs_f64());
    if survivors == 0 && clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
