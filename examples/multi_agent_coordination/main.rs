//! A master and its workers: one agent reads the task, splits it and assigns the parts to others.
//!
//! ```text
//! cargo run --example multi_agent_coordination -- --scenario code-review   [PATH]
//! cargo run --example multi_agent_coordination -- --scenario documentation [PATH]
//! cargo run --example multi_agent_coordination -- --scenario diagnosis     [PATH]
//! ```
//!
//! Everybody here is a Rust function (see `workers.rs`), and so is the master (`master.rs`). None
//! needs a model: they do small but real work on the files that you name. When the master finds
//! more work than its one coder can do, it asks for a second one, who joins while the team is at
//! work.
//!
//! With `--model PROVIDER/MODEL` a language model says who gets what (see `assigned.rs`), with a
//! second analyst and a second coder to choose from; the work itself stays as it is.
//!
//! What is printed at the end (who got which task and why, how long each waited and worked) is
//! counted by nobody here: `watch.rs` listens to the team's own record.

#![allow(missing_docs, unreachable_pub)] // A program of its own: nobody else reads its items.

#[path = "../watch.rs"]
mod watch;

mod assigned;
mod code_review;
mod diagnosis;
mod documentation;
mod master;
mod recruiter;
mod show;
mod work;
mod workers;

use clap::Parser;
use majordomo::runtime::port::Llm;
use majordomo::{AgentEntry, Result, Team};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use watch::Watch;
pub use work::Scenario;
use work::{Task, Told};

/// A master and its workers, on a real file and without a model.
#[derive(Parser)]
pub struct Options {
    /// What the team is to do.
    #[arg(long, value_enum)]
    pub scenario: Scenario,
    /// A file or a directory; something small that comes along by default.
    pub path: Option<String>,
    /// The language model that assigns tasks, as in `ollama/qwen3`; the lowest load does otherwise.
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub model: Option<String>,
    /// For programs: one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("multi_agent_coordination: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Lets the team work on the task, and gives what is to be printed.
pub async fn run(options: &Options) -> Result<String> {
    let llm = options.model.as_deref().map(assigned::from_environment).transpose()?;
    run_with(options, llm).await
}

/// The same with this for the language model, if there is to be one.
pub async fn run_with(options: &Options, llm: Option<Arc<dyn Llm>>) -> Result<String> {
    let path = options.path.clone().unwrap_or_else(|| options.scenario.default_path());
    let task = Task { scenario: options.scenario, path };
    let model = llm.zip(options.model.as_deref());
    let (told, watch) = at_work(task, model).await?;
    let report = watch.report();
    Ok(if options.json { show::json(&told, &report) } else { show::text(&told, &report) })
}

/// A team in memory: four agents, and one who can bring more.
async fn at_work(task: Task, model: Option<(Arc<dyn Llm>, &str)>) -> Result<(Told, Arc<Watch>)> {
    let watch = Arc::new(Watch::default());
    let team = Team::in_memory_watched(vec![watch.clone()])
        .agent(AgentEntry::native("master", 1, master::master))
        .agent(AgentEntry::native("analyst", 2, workers::analyse))
        .agent(AgentEntry::native("coder", 1, workers::code))
        .agent(AgentEntry::native("writer", 1, workers::write));
    let team = match model {
        Some((llm, model)) => assigned::by(llm, model, team)?,
        None => team,
    };
    let team = team.start().await?;
    team.join(recruiter::entry(&team)).await?;
    let told = team.ask::<master::master>(task).await;
    team.drain(Duration::from_secs(1)).await;
    Ok((told?, watch))
}
