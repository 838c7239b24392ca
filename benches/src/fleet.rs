//! Agents that have nothing to do: how fast they come, and what each takes of memory.
//!
//! Each side is measured in a process of its own, as memory that one gives back would be given to
//! the next. Beside ours stands the least that waits for anything: a task of tokio's with a
//! channel.

use crate::bus::median;
use crate::noop::agent;
use crate::report::Report;
use anyhow::{Context as _, Result, ensure};
use majordomo::Team;
use std::any::Any;
use std::process::Command;
use std::time::Instant;

/// By which a process is told to measure one side: `fleet NAME COUNT`.
pub(crate) const NAME: &str = "fleet";

/// How many come, and in how many rounds, of which the median is told.
const FLEETS: [(u32, usize); 2] = [(100_000, 3), (1_000_000, 1)];

/// Whatever keeps a fleet alive.
pub(crate) type Alive = Box<dyn Any>;

/// Who does the same.
pub(crate) struct Fleet {
    pub(crate) name: &'static str,
    /// So many have come, and wait.
    pub(crate) come: fn(u32) -> Result<Alive>,
}

/// The least, and ours.
pub(crate) fn fleets() -> Vec<Fleet> {
    vec![Fleet { name: "tokio", come: tasks }, Fleet { name: "majordomo", come: agents }]
}

/// Measures all of them in turn.
pub(crate) fn run(report: &Report, fleets: &[Fleet]) -> Result<()> {
    for (count, rounds) in FLEETS {
        let mut measured = vec![Vec::new(); fleets.len()];
        for _ in 0..rounds {
            for (fleet, measured) in fleets.iter().zip(&mut measured) {
                measured.push(alone(fleet.name, count)?);
            }
        }
        for (fleet, measured) in fleets.iter().zip(measured) {
            let of = |figure: fn(&(f64, f64)) -> f64| median(measured.iter().map(figure).collect());
            let what = format!("{count} idle agents, {}", fleet.name);
            let figures = [("come_per_s", of(|it| it.0)), ("bytes_each", of(|it| it.1))];
            report.line(NAME, &what, &figures);
        }
    }
    Ok(())
}

/// One side in a process of its own: how many came in a second, and the bytes of each.
fn alone(name: &str, count: u32) -> Result<(f64, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args([NAME, name, &count.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{count} agents of {name} did not come: {said}");
    let told = String::from_utf8(output.stdout)?;
    let (per_s, bytes) = told.trim().split_once(' ').context("two figures")?;
    Ok((per_s.parse()?, bytes.parse()?))
}

/// What that process does: `NAME COUNT`.
pub(crate) fn measure(fleets: &[Fleet], words: &[String]) -> Result<()> {
    let [name, count] = words else { anyhow::bail!("usage: {NAME} NAME COUNT") };
    let count: u32 = count.parse()?;
    let fleet = fleets.iter().find(|it| it.name == name).context("there is no such side")?;
    let (own, begun) = (std::process::id(), Instant::now());
    let before = resident(own)?;
    let alive = (fleet.come)(count)?;
    let took = begun.elapsed().as_secs_f64();
    let grown = resident(own)? - before;
    println!("{} {}", f64::from(count) / took, grown as f64 / f64::from(count));
    std::mem::forget(alive); // The process ends here; nobody waits until a million have gone.
    Ok(())
}

/// Bytes of memory that a process holds now.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = statm.split_whitespace().nth(1).context("statm has a second field")?;
    Ok(pages.parse::<u64>()? * rustix::param::page_size() as u64)
}

/// Threads for whoever is measured.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Each waits for a message that does not come.
fn tasks(count: u32) -> Result<Alive> {
    let tokio = runtime()?;
    let senders: Vec<_> = tokio.block_on(async {
        let spawned = (0..count).map(|_| {
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(crate::bus::ROOM);
            tokio::spawn(async move { while receiver.recv().await.is_some() {} });
            sender
        });
        spawned.collect()
    });
    Ok(Box::new((tokio, senders)))
}

/// Each has joined, is supervised, and would be given a task; what is journaled of that is kept,
/// as everything here is, in memory.
fn agents(count: u32) -> Result<Alive> {
    let tokio = runtime()?;
    let team = tokio.block_on(async {
        let team = Team::in_memory().start().await?;
        for nth in 0..count {
            team.join(agent(&format!("agent-{nth}"), 1)).await?;
        }
        anyhow::Ok(team)
    })?;
    Ok(Box::new((tokio, team)))
}
