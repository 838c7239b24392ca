//! Speeds and sizes, measured in one run beside a spike: `cargo xtask bench [--json]`.
//!
//! Machines differ by several times, and so does one machine from minute to minute. So every figure
//! that can be is printed beside the least that the same disk and the same threads must do (the
//! spike: one inbox, one batch, append, sync, answer, no kernel), measured alternately.

mod closed_loop;
mod disk;
mod durable;
mod lives;
mod memory;
mod process;
mod recovery;
mod report;
mod spike;

use anyhow::Result;
use report::Report;
use std::process::Command;

/// What can be measured, in order.
const SECTIONS: [&str; 5] = ["durable", "memory", "recovery", "kernel", "process"];

fn main() -> Result<()> {
    let (flags, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let report = Report { json: flags.iter().any(|flag| flag == "--json") };
    match &names[..] {
        [] => SECTIONS.iter().try_for_each(|section| alone(section, &flags)),
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
    let tokio = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match section {
        "durable" => tokio()?.block_on(durable::run(report)),
        "memory" => tokio()?.block_on(memory::run(report)),
        "recovery" => recovery::run(report),
        "kernel" => lives::run(report),
        "process" => process::run(report),
        unknown => {
            anyhow::bail!("there is no section `{unknown}`; they are {}", SECTIONS.join(", "))
        }
    }
}
