//! The command line: one verb per file.

mod agents;
mod attend;
mod bus;
#[cfg_attr(not(feature = "llm"), path = "no_cassette.rs")]
mod cassette;
mod check;
mod completions;
mod control;
mod cost;
mod dead;
mod demo;
mod ear;
mod health;
mod inbox;
mod init;
#[cfg(test)]
mod manual;
mod members;
#[cfg(feature = "llm")]
mod models;
mod read;
mod reload;
mod replay;
mod resume;
mod run;
mod schedule;
mod store;
mod submit;
mod team_file;
mod teams;
mod topics;
mod up;
mod views;
mod watch;

use crate::exit::Exit;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use majordomo::data::DataDir;
use majordomo::team::quantity::Size;
use std::path::PathBuf;

/// Runs teams of agents: durable, supervised, explainable.
///
/// Exit codes: 0 done; 1 it failed; 2 the command or the team file is wrong; 3 another process
/// holds the data; 4 the data is damaged or cannot be written; 130 stopped by a signal, to be
/// resumed.
#[derive(Parser)]
#[command(name = "majordomo", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(clap::Args)]
pub(crate) struct Global {
    /// Where journal, blobs and views stand
    #[arg(long, global = true, default_value = ".majordomo", value_name = "DIR",
        value_parser = PathBufValueParser::new().try_map(directory))]
    data: PathBuf,
    /// How much journal and blobs may take together, as `20GiB`; 10 GiB unless said. Near it new
    /// work is refused
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    data_max: Option<u64>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Bytes, with their unit.
fn size(text: &str) -> Result<u64, String> {
    const LEAST_BYTES: u64 = 1 << 20;
    let bytes = Size::parse(text).map_err(|why| why.to_string())?.as_bytes();
    let too_little = "that is too little to begin with: at least 1MiB";
    if bytes < LEAST_BYTES { Err(too_little.to_owned()) } else { Ok(bytes) }
}

/// A directory, or one that is yet to be made.
fn directory(path: PathBuf) -> Result<PathBuf, &'static str> {
    if path.exists() && !path.is_dir() {
        return Err("that is a file; the data stands in a directory of its own: name one");
    }
    Ok(path)
}

impl Global {
    /// The data directory.
    pub(crate) fn data(&self) -> DataDir {
        let data = DataDir::new(&self.data);
        match self.data_max {
            Some(bytes) => data.at_most(bytes),
            None => data,
        }
    }
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    Up(up::Up),
    Reload(reload::Reload),
    Resume(resume::Resume),
    Replay(replay::Replay),
    Demo(demo::Demo),
    Check(check::Check),
    Init(init::Init),
    Teams(teams::Teams),
    Submit(submit::Submit),
    Inbox(inbox::Inbox),
    Answer(inbox::Answer),
    Schedule(schedule::Schedule),
    Bus(bus::Bus),
    Topics(topics::Topics),
    Cancel(control::Cancel),
    Stop(control::Stop),
    Pause(members::Pause),
    Unpause(members::Unpause),
    Dead(dead::Dead),
    Watch(watch::Watch),
    Runs(read::Runs),
    Tasks(read::Tasks),
    Show(read::Show),
    Why(read::Why),
    Logs(read::Logs),
    Timeline(read::Timeline),
    Agents(agents::Agents),
    Cost(cost::Cost),
    #[cfg(feature = "llm")]
    Models(models::Models),
    Health(health::Health),
    Views(views::Views),
    Journal(store::Journal),
    Backup(store::Backup),
    Restore(store::Restore),
    Forget(store::Forget),
    Completions(completions::Completions),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<Exit> {
        let global = &self.global;
        match self.verb {
            Verb::Run(it) => it.run(global).await,
            Verb::Up(it) => it.run(global).await,
            Verb::Reload(it) => it.run(global).await,
            Verb::Resume(it) => it.run(global).await,
            Verb::Replay(it) => it.run(global).await,
            Verb::Demo(it) => it.run(global).await,
            Verb::Check(it) => it.run(global),
            Verb::Init(it) => it.run(global),
            Verb::Teams(it) => it.run(global),
            Verb::Submit(it) => it.run(global).await,
            Verb::Inbox(it) => it.run(global).await,
            Verb::Answer(it) => it.run(global).await,
            Verb::Schedule(it) => it.run(global).await,
            Verb::Bus(it) => it.run(global).await,
            Verb::Topics(it) => it.run(global).await,
            Verb::Cancel(it) => it.run(global).await,
            Verb::Stop(it) => it.run(global).await,
            Verb::Pause(it) => it.run(global).await,
            Verb::Unpause(it) => it.run(global).await,
            Verb::Dead(it) => it.run(global).await,
            Verb::Watch(it) => it.run(global).await,
            Verb::Runs(it) => it.run(global),
            Verb::Tasks(it) => it.run(global),
            Verb::Show(it) => it.run(global),
            Verb::Why(it) => it.run(global),
            Verb::Logs(it) => it.run(global).await,
            Verb::Timeline(it) => it.run(global),
            Verb::Agents(it) => it.run(global).await,
            Verb::Cost(it) => it.run(global),
            #[cfg(feature = "llm")]
            Verb::Models(it) => it.run(global).await,
            Verb::Health(it) => it.run(global),
            Verb::Views(it) => it.run(global).await,
            Verb::Journal(it) => it.run(global),
            Verb::Backup(it) => it.run(global),
            Verb::Restore(it) => it.run(global),
            Verb::Forget(it) => it.run(global).await,
            Verb::Completions(it) => it.run(global),
        }
    }
}
