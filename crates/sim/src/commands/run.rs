//! `sim run` and `sim seed`.

use majordomo_sim::run::{self, On, Plan, Report};
use majordomo_sim::{Fault, KINDS};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

/// Below this many seeds a fault may have had no occasion to fire.
const SEEDS_FOR_ALL_FAULTS: u64 = 2_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Replay this seed with a readable trace, and nothing else.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// Kernel steps under faults, a seed.
    #[arg(long, default_value_t = 400)]
    steps: u64,
    /// Threads; the machine's, if not said.
    #[arg(long)]
    threads: Option<u64>,
    /// Write every journal with the log on a disk that fails; else one seed in forty is.
    #[arg(long)]
    disk: bool,
    /// Stop after so many red seeds.
    #[arg(long, default_value_t = 5)]
    reds: usize,
}

impl Arguments {
    fn on(&self) -> On {
        if self.disk { On::Disk } else { On::BySeed }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if let Some(seed) = arguments.seed {
        return replay(seed, arguments.steps, arguments.on());
    }
    let plan = Plan {
        from: arguments.from,
        seeds: arguments.seeds,
        steps: arguments.steps,
        threads: arguments.threads.unwrap_or_else(super::threads),
        on: arguments.on(),
        bug: None,
        reds_max: arguments.reds,
    };
    let begun = Instant::now();
    let report = live(plan);
    print_tally(&report);
    let zeros = zeros(&report, plan.seeds);
    print_reds(&report, plan);
    for name in &zeros {
        println!("never happened: {name}");
    }
    println!(
        "{} seeds · {} steps · {} red · {:.1} s",
        report.digests.len(),
        report.tally.steps,
        report.reds.len(),
        begun.elapsed().as_secs_f64()
    );
    if report.reds.is_empty() && zeros.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lives through the seeds of a plan, with progress for people.
pub(crate) fn live(plan: Plan) -> Report {
    let terminal = std::io::stderr().is_terminal();
    let report = run::many(plan, &|done| {
        if terminal && done.is_multiple_of(50) {
            eprint!("\r{done} of {} seeds", plan.seeds);
            _ = std::io::stderr().flush();
        }
    });
    if terminal {
        eprint!("\r                              \r");
    }
    report
}

/// Faults that never fired and events that never occurred, when there was occasion for all.
pub(crate) fn zeros(report: &Report, seeds: u64) -> Vec<String> {
    if seeds < SEEDS_FOR_ALL_FAULTS {
        return Vec::new();
    }
    let fired =
        |fault: &&Fault| report.tally.faults.get(**fault as usize).is_none_or(|it| *it == 0);
    let faults = Fault::ALL.iter().filter(fired).map(|fault| format!("{fault:?}"));
    let events = KINDS.iter().filter(|kind| !report.tally.events.contains_key(*kind));
    faults.chain(events.map(|kind| (*kind).to_owned())).collect()
}

/// Each red seed with the line that reproduces it.
pub(crate) fn print_reds(report: &Report, plan: Plan) {
    let Plan { steps, on, .. } = plan;
    let disk = if on == On::Disk { " --disk" } else { "" };
    for (seed, red) in &report.reds {
        let steps = if steps == 400 { String::new() } else { format!(" --steps {steps}") };
        println!("RED seed {seed}: {}: {}", red.check, red.why);
        println!("  cargo xtask sim --seed {seed}{steps}{disk}");
    }
}

fn print_tally(report: &Report) {
    let counts = Fault::ALL.iter().zip(&report.tally.faults);
    let faults: Vec<_> = counts.map(|(fault, count)| (format!("{fault:?}"), *count)).collect();
    let events = report.tally.events.iter().map(|(name, count)| ((*name).to_owned(), *count));
    print_columns("faults", &faults);
    print_columns("events", &events.collect::<Vec<_>>());
}

fn print_columns(title: &str, rows: &[(String, u64)]) {
    println!("{title}");
    for row in rows.chunks(3) {
        let cells = row.iter().map(|(name, count)| format!("{name:<20} {count:>9}"));
        println!("  {}", cells.collect::<Vec<_>>().join("   "));
    }
}

/// Lives through one seed and tells it all.
pub(crate) fn replay(seed: u64, steps: u64, on: On) -> ExitCode {
    let ended = run::one(seed, steps, on, true);
    let mut out = std::io::stdout().lock();
    for line in &ended.trace {
        if writeln!(out, "{line}").is_err() {
            return ExitCode::FAILURE; // Nobody reads any more.
        }
    }
    let verdict = match &ended.red {
        None => format!("seed {seed} is green, digest {:016x}", ended.digest),
        Some(red) => format!("seed {seed} is RED: {}: {}", red.check, red.why),
    };
    _ = writeln!(out, "{verdict}");
    if ended.red.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
