//! Requests about who is in the team while it works.
//!
//! What becomes of a member is journaled like everything else: joined, paused, left. The member
//! itself is code of this process, so one that was added is gone when the process ends; whoever
//! should be there next time stands in the team file.

use super::Response;
use crate::crew::{self, Outside, Said};
use crate::team::file::{self, TeamFile};
use crate::{Team, session};
use kernel::{Agent, AgentId, Command, Presence};
use runtime::api::{Failure, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// At most so many names are told to whoever named somebody else.
const NAMES_TOLD: usize = 20;

/// The agents of a team file as they can run here, and a line that names those that cannot.
#[must_use]
pub fn recruits(
    file: TeamFile,
    path: Option<PathBuf>,
) -> (BTreeMap<String, file::Agent>, Vec<String>) {
    let mut notes = Vec::new();
    // Steps are not part of this: only who is left out is of interest.
    let file = TeamFile { steps: BTreeMap::new(), ..file };
    (session::settle(file, path, None, &mut notes).agents, notes)
}

/// A team file read anew, as it can run here: the team's name, the definition, and a line for each
/// agent that is left out.
#[must_use]
pub fn successor(file: TeamFile, path: Option<PathBuf>) -> (String, TeamFile, Vec<String>) {
    let mut notes = Vec::new();
    let name = session::name(&file, path.as_deref());
    let definition = session::settle(file, path, None, &mut notes);
    (name, definition, notes)
}

/// Everybody joins, or nobody does.
pub(super) async fn add(
    work: &Team,
    scope: &str,
    outside: &Outside,
    agents: &BTreeMap<String, file::Agent>,
) -> Result<Response> {
    if scope.is_empty() {
        let why = "no team is at work here that an agent could join; start `majordomo up TEAM`";
        return Err(Failure::rejected(why));
    }
    if let Some(name) = agents.keys().find(|name| present(work, name).is_some()) {
        return Err(Failure::rejected(format!(
            "an agent named {name} is here already, and nobody was added; give it another name, or \
             `majordomo agents remove {name}` first ({})",
            who_is_here(work)
        )));
    }
    let (contracts, models) = (BTreeMap::new(), BTreeMap::new());
    let said = Said { contracts: &contracts, models: &models };
    let entries = crew::members(agents, said, outside, scope)
        .map_err(|why| Failure::rejected(format!("{why}; nobody was added")))?;
    let mut joined: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.spec.name.to_string();
        if let Err(why) = work.join(entry).await {
            for name in &joined {
                work.leave(name).await?;
            }
            return Err(Failure::rejected(format!("{why}; nobody was added")));
        }
        joined.push(name);
    }
    Ok(Response::Done)
}

/// What it holds goes to others.
pub(super) async fn remove(work: &Team, name: &str) -> Result<Response> {
    find(work, name)?;
    work.leave(name).await.map(|()| Response::Done)
}

/// Says something about one that is here.
pub(super) async fn tell(
    work: &Team,
    name: &str,
    command: impl FnOnce(AgentId) -> Command,
) -> Result<Response> {
    let command = command(find(work, name)?);
    work.command(command).await.map(|_| Response::Done)
}

/// The number of an agent that is here.
fn find(work: &Team, name: &str) -> Result<AgentId> {
    present(work, name).ok_or_else(|| {
        let gone = work.agent_id(name).is_some();
        let why = if gone { "is not here any more" } else { "is not known" };
        Failure::rejected(format!("agent {name} {why}; {}", who_is_here(work)))
    })
}

fn present(work: &Team, name: &str) -> Option<AgentId> {
    let named = |it: &Agent| &*it.spec.name == name && it.presence != Presence::Left;
    work.agents().into_iter().find(named).map(|it| it.id)
}

/// `here are analyst, lead (paused)`.
fn who_is_here(work: &Team) -> String {
    let agents = work.agents();
    let said = |it: &Agent| match it.presence {
        Presence::Active => Some(it.spec.name.to_string()),
        Presence::Paused => Some(format!("{} (paused)", it.spec.name)),
        Presence::Draining => Some(format!("{} (draining)", it.spec.name)),
        Presence::Left => None,
    };
    let mut names: Vec<String> = agents.iter().filter_map(said).collect();
    names.sort();
    let more = names.len().saturating_sub(NAMES_TOLD);
    names.truncate(NAMES_TOLD);
    match (names.is_empty(), more) {
        (true, _) => "nobody is here: agents come with `majordomo up TEAM`".to_owned(),
        (false, 0) => format!("here are {}", names.join(", ")),
        (false, more) => format!("here are {} and {more} more", names.join(", ")),
    }
}
