//! `majordomo agents add`, `remove`, `drain` and others: who is in the team while it works.

use super::Global;
use super::control::tell;
use super::team_file::{TeamFileArg, load};
use crate::exit::Exit;
use clap::Subcommand;
use majordomo::control::{Door, Request, recruits};

/// What may become of a member.
#[derive(Subcommand)]
pub(super) enum Member {
    /// Let the agents of a team file join the team at work, until its process ends; all or none
    Add {
        #[command(flatten)]
        file: TeamFileArg,
    },
    /// Let an agent leave; what it holds goes to others
    Remove {
        /// Its name
        agent: String,
    },
    /// Let an agent finish what it has, give it no new work, and let it leave then
    Drain {
        /// Its name
        agent: String,
    },
    /// Stop an agent and start it again, also one that was given up; what it holds goes to others
    Restart {
        /// Its name
        agent: String,
    },
    /// Let an agent work on more or fewer tasks at once; what runs beyond that may finish
    Resize {
        /// Its name
        agent: String,
        /// How many at once, until its process ends
        #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
        slots: u32,
    },
    Pause(Pause),
    Resume(Unpause),
}

/// Give an agent no new work
#[derive(clap::Args)]
pub(crate) struct Pause {
    /// Its name
    agent: String,
}

/// Give a paused agent work again
#[derive(clap::Args)]
pub(crate) struct Unpause {
    /// Its name
    agent: String,
}

impl Member {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Member::Add { file } => add(&file, global).await,
            Member::Remove { agent } => {
                let said = format!("{agent} has left; what it held goes to others");
                tell(global, Request::RemoveAgent { agent }, &said).await
            }
            Member::Drain { agent } => {
                let said = format!("{agent} finishes what it has, and leaves then");
                tell(global, Request::DrainAgent { agent }, &said).await
            }
            Member::Restart { agent } => {
                let said = format!("{agent} is started again; what it held goes to others");
                tell(global, Request::RestartAgent { agent }, &said).await
            }
            Member::Resize { agent, slots } => {
                let said = format!("{agent} works on {slots} at once from now on");
                tell(global, Request::ResizeAgent { agent, slots }, &said).await
            }
            Member::Pause(it) => it.run(global).await,
            Member::Resume(it) => it.run(global).await,
        }
    }
}

async fn add(file: &TeamFileArg, global: &Global) -> anyhow::Result<Exit> {
    let Some((definition, path)) = load(file, global)? else { return Ok(Exit::Usage) };
    let (agents, notes) = recruits(definition, path);
    notes.iter().for_each(|note| anstream::eprintln!("note: {note}"));
    if agents.is_empty() {
        anyhow::bail!("nobody in {} can join here", file.team.display());
    }
    if !Door::of(&global.data())?.is_held() {
        anyhow::bail!(
            "no team is at work here that an agent could join: start `majordomo up TEAM`"
        );
    }
    let names: Vec<&str> = agents.keys().map(String::as_str).collect();
    let said = format!("joined: {}", names.join(", "));
    tell(global, Request::AddAgents { agents }, &said).await
}

impl Pause {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let said = format!("{} gets no new work; what it has, it finishes", self.agent);
        tell(global, Request::Pause { agent: self.agent }, &said).await
    }
}

impl Unpause {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let said = format!("{} gets work again", self.agent);
        tell(global, Request::Unpause { agent: self.agent }, &said).await
    }
}
