//! From the cancellation of a root to the end of the last process below it.
//!
//! A root asks a second workflow, which asks four programs at once; each is a shell and a process
//! of its own that would run for minutes. All eight must be gone.

use crate::closed_loop::quantiles;
use crate::disk;
use crate::report::Report;
use adapters::agent::command::{Command, Program, Spec};
use anyhow::{Result, anyhow, ensure};
use kernel::Terms;
use majordomo::{AgentEntry, Context, Team, capability};
use runtime::api::native;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs cancelled.
const ROUNDS: usize = 40;
/// Programs of one run.
const PROGRAMS: usize = 4;
/// Each says who it is and whom it has started, in files named by process id.
const SCRIPT: &str = "sleep 600 & : > $!; : > $$; wait";
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether they are gone: what is measured is not finer.
const LOOK: Duration = Duration::from_micros(200);

#[capability("bench.root@1")]
async fn root(cx: Context, _: String) -> majordomo::Result<()> {
    cx.ask::<branch>(String::new()).await
}

#[capability("bench.branch@1")]
async fn branch(cx: Context, _: String) -> majordomo::Result<()> {
    let ask = |cx: Context, _: usize| async move { cx.ask_value("bench.wait", Value::Null).await };
    cx.map(0..PROGRAMS, ToString::to_string, PROGRAMS, ask).await.map(|_| ())
}

/// Cancels runs one after the other.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let (data, pids) = (disk::scratch()?, disk::scratch()?);
    let mut program = Program::new(["/bin/sh", "-c", SCRIPT]);
    program.directory = Some(std::fs::canonicalize(pids.path())?);
    let slots = PROGRAMS as u32;
    let wait = Command::new(Spec { slots, ..Spec::plain(program, &["bench.wait"]) });
    let team = Team::open(data.path())
        .agent(AgentEntry::new("root", "native", &["bench.root@1"], 1, native(root)))
        .agent(AgentEntry::new("branch", "native", &["bench.branch@1"], 1, native(branch)))
        .agent(wait.entry("wait"))
        .start()
        .await?;
    let mut nanos = Vec::new();
    for _ in 0..ROUNDS {
        nanos.push(round(&team, pids.path()).await?.as_nanos() as u64);
    }
    team.drain(Duration::from_secs(5)).await;
    let (least, p50, p99) = quantiles(&mut nanos);
    let figures = [("least_us", least), ("p50_us", p50), ("p99_us", p99)];
    report.line("cancel", "root cancelled to last process gone", &figures);
    Ok(())
}

async fn round(team: &Team, pids: &Path) -> Result<Duration> {
    let ticket = team.submit(Terms::new("bench.root"), b"\"\"".to_vec(), Default::default()).await;
    let ticket = ticket.map_err(|why| anyhow!(why.message))?;
    let asked = Instant::now();
    let mut started = Vec::new();
    while started.len() < 2 * PROGRAMS {
        ensure!(asked.elapsed() < PATIENCE, "only {} processes have started", started.len());
        tokio::time::sleep(Duration::from_millis(2)).await;
        started = names(pids)?;
    }
    let cancelled = Instant::now();
    team.cancel(ticket.task, "the bench").await.map_err(|why| anyhow!(why.message))?;
    while started.iter().any(|pid| is_alive(pid)) {
        ensure!(cancelled.elapsed() < PATIENCE, "processes outlive their cancellation");
        tokio::time::sleep(LOOK).await;
    }
    let took = cancelled.elapsed();
    for name in started {
        std::fs::remove_file(pids.join(name))?;
    }
    Ok(took)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// A process that has ended and was not asked for yet is gone all the same.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}
