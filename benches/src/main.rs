//! Speeds and sizes, measured in one run beside a spike: `cargo xtask bench [--json]`.
//!
//! Machines differ by several times, and so does one machine from minute to minute. So every figure
//! that can be is printed beside the least that the same disk and the same threads must do (the
//! spike: one inbox, one batch, append, sync, answer, no kernel), measured alternately.

mod bus;
mod cancel;
mod classes;
mod closed_loop;
mod deadline;
mod disk;
mod durable;
mod fixed;
mod fleet;
mod lives;
mod llm;
mod memory;
mod noop;
mod process;
mod recovery;
mod report;
mod restart;
mod soak;
mod spike;
mod workflow;

use anyhow::Result;
use report::Report;
use std::process::Command;

/// What can be measured, in order.
const SECTIONS: [&str; 13] = [
    "durable", "workflow", "memory", "restart", "cancel", "deadline", "classes", "recovery",
    "kernel", "fleet", "process", "bus", "llm",
];

fn main() -> Result<()> {
    let (flags, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let report = Report { json: flags.iter().any(|flag| flag == "--json") };
    match &names[..] {
        [] => SECTIONS.iter().try_for_each(|section| alone(section, &flags)),
        [section, rest @ ..] if section == fixed::NAME => fixed::run(&report, rest),
        [section, rest @ ..] if section == fleet::NAME && !rest.is_empty() => {
            fleet::measure(&fleet::fleets(), rest)
        }
        [section, rest @ ..] if section == soak::NAME => soak::run(rest),
        [section, rest @ ..] if section == llm::server::NAME => llm::server::run(rest),
        [section, rest @ ..] if section == llm::NAME => llm::run_alone(rest),
        [section] => measure(section, &report),
        several => several.iter().try_for_each(|section| alone(section, &flags)),
    }
}

/// Measures one section in a process of its own: none inherits the memory and threads of another.
fn alone(section: &str, flags: &[String]) -> Result<()> {
    let status = Command::new(std::env::current_exe()?).arg(section).args(flags).status()?;
    anyhow::ensure!(status.success(), "the section `{section}` failed");
    Ok(())
}

fn measure(section: &str, report: &Report) -> Result<()> {
    match section {
        "durable" => fleet::runtime()?.block_on(durable::run(report)),
        "workflow" => fleet::runtime()?.block_on(workflow::run(report)),
        "memory" => fleet::runtime()?.block_on(memory::run(report)),
        "restart" => fleet::runtime()?.block_on(restart::run(report, vec![restart::restart()])),
        "cancel" => fleet::runtime()?.block_on(cancel::run(report)),
        "deadline" => fleet::runtime()?.block_on(deadline::run(report)),
        "bus" => fleet::runtime()?.block_on(bus::run(report, Vec::new(), &[])),
        "llm" => fleet::runtime()?.block_on(llm::run(report)),
        "classes" => fleet::runtime()?.block_on(classes::run(report)),
        "recovery" => recovery::run(report),
        "kernel" => lives::run(report),
        "fleet" => fleet::run(report, &fleet::fleets()),
        "process" => process::run(report),
        unknown => {
            anyhow::bail!("there is no section `{unknown}`; they are {}", SECTIONS.join(", "))
        }
    }
}
