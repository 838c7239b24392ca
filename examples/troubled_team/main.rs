//! A team in trouble: one agent crashes, one hangs, one is slow, and all work is done all the same.
//!
//! ```text
//! cargo run --example troubled_team
//! ```
//!
//! Three steady Rust functions and three Python programs (`agents.py`) serve one capability. What
//! fails under one is given to another; who fails too often is kept from the work by a *breaker*,
//! is tried again after a second, and gets all of it back when it does well. What dies is started
//! again, within what its supervisor bears. Needs `python3`.

#![allow(missing_docs, unreachable_pub)] // A program of its own: nobody else reads its items.

#[path = "../watch.rs"]
mod watch;

use clap::Parser;
use majordomo::command::{Command, Program, Spec};
use majordomo::kernel::{
    self, BreakerPolicy, Intensity, Policies, RetryPolicy, Strategy, Supervisor, Supervisors, Terms,
};
use majordomo::{AgentEntry, Context, Failure, Result, Team, capability};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watch::{Report, Watch};

/// Who has trouble, and which; `agents.py` is started with it.
pub const TROUBLED: [&str; 3] = ["crash", "hang", "slow"];
/// Parcels that are under way at once: enough to keep everybody busy.
const AT_ONCE: usize = 12;
/// When everybody should be well again.
const PATIENCE: Duration = Duration::from_secs(20);

/// One agent crashes, one hangs, one is slow; all work is done.
#[derive(Parser)]
pub struct Options {
    /// For programs: one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("troubled_team: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Serialize, Deserialize)]
pub struct Parcel {
    postcode: u64,
}

/// To which region a parcel goes: its first digit. The Python programs do the same.
#[capability("parcel.sort@1")]
pub async fn sort(_: Context, parcel: Parcel) -> Result<u64> {
    tokio::time::sleep(Duration::from_millis(60)).await; // The way to the shelf.
    Ok(parcel.postcode / 10_000)
}

/// Lets the team sort parcels until everybody has been in trouble and is well again.
pub async fn run(options: &Options) -> Result<String> {
    let home = tempfile::tempdir()?;
    let watch = Arc::new(Watch::default());
    let mut team = Team::in_memory_watched(vec![watch.clone()]);
    for name in ["steady-1", "steady-2", "steady-3"] {
        team = team.agent(AgentEntry::native(name, 1, sort));
    }
    for trouble in TROUBLED {
        team = team.agent(program(trouble, home.path()).entry(trouble));
    }
    let team = team.start().await?;
    let (breaker, supervisors) = (breaker(), supervisors());
    let policies = Arc::new(Policies { breaker, supervisors, ..Policies::default() });
    team.command(kernel::Command::Configure { team: "".into(), policies }).await?;
    let sorted = sort_until_well(&team, &watch).await;
    team.drain(Duration::from_secs(1)).await;
    let report = watch.report();
    Ok(if options.json { as_json(sorted?, &report) } else { as_text(sorted?, &report) })
}

/// The Python program with this trouble, ended when it works at one task for too long.
fn program(trouble: &str, home: &Path) -> Command {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/troubled_team/agents.py");
    let argv = ["python3".to_owned(), script.to_string_lossy().into_owned(), trouble.to_owned()];
    let mut program = Program::new(argv.to_vec());
    program.directory = Some(home.to_owned());
    let mut spec = Spec::jsonl(program, &["parcel.sort@1"]);
    spec.limits.wall_ms = Some(800);
    spec.limits.grace_ms = 100;
    Command::new(spec)
}

/// Opens after four bad results and tries again after a second. The defaults look at more results
/// and wait for longer; this is to be seen in a few seconds.
fn breaker() -> BreakerPolicy {
    BreakerPolicy {
        window: 8,
        minimum: 4,
        slow_ms: 500,
        open_ms: 1_000,
        probes: 2,
        ..BreakerPolicy::default()
    }
}

/// The troubled have a supervisor, who bears ten deaths in half a minute; they die eight times.
fn supervisors() -> Supervisors {
    let intensity = Intensity { restarts: 10, period_ms: 30_000 };
    let children = TROUBLED.map(Into::into).to_vec();
    let troubled = Supervisor::new("troubled", Strategy::OneForOne, children);
    Supervisors { named: vec![Supervisor { intensity, ..troubled }], ..Supervisors::default() }
}

/// Keeps the team busy, and gives how many parcels were sorted. Each is; where, is told apart.
async fn sort_until_well(team: &Team, watch: &Arc<Watch>) -> Result<u64> {
    let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut sorters = Vec::new();
    for _ in 0..AT_ONCE {
        let (team, watch, next) = (team.clone(), watch.clone(), next.clone());
        sorters.push(tokio::spawn(async move {
            while begun.elapsed() < PATIENCE && !is_well(&watch) {
                sort_one(&team, next.fetch_add(1, Ordering::Relaxed)).await?;
            }
            Ok::<(), Failure>(())
        }));
    }
    for sorter in sorters {
        sorter.await??;
    }
    Ok(next.load(Ordering::Relaxed))
}

async fn sort_one(team: &Team, number: u64) -> Result<()> {
    let mut terms = Terms::new("parcel.sort");
    terms.retry = RetryPolicy { attempts_max: 10, base_ms: 50, cap_ms: 500 };
    let postcode = number * 7_919 % 100_000;
    let input = serde_json::to_vec(&Parcel { postcode })?;
    let region = team.submit(terms, input, Default::default()).await?.typed::<u64>();
    let region = region.outcome().await?;
    if region == postcode / 10_000 {
        Ok(())
    } else {
        Err(Failure::rejected(format!("parcel {postcode} went to region {region}")))
    }
}

/// Whether each of the troubled was kept from the work and has got it back.
fn is_well(watch: &Watch) -> bool {
    TROUBLED.iter().all(|name| watch.has_seen(name, "breaker closed"))
}

fn as_json(sorted: u64, report: &Report) -> String {
    let object = json!({
        "sorted": sorted,
        "troubles": report.troubles,
        "agents": report.agents,
    });
    format!("{object}\n")
}

fn as_text(sorted: u64, report: &Report) -> String {
    let mut text = String::from("what happened\n");
    for it in &report.troubles {
        let _ = writeln!(text, "  {:>6.2} s  {:<9} {}", it.at_ms as f64 / 1e3, it.agent, it.what);
    }
    let _ = write!(text, "\nwho did how much\n{}", report.agents_as_text());
    let _ = writeln!(text, "\nall {sorted} parcels were sorted");
    text
}
