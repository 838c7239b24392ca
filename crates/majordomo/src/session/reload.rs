//! Another definition while the team works: the difference is shown, and applied.
//!
//! ```text
//!      refused: nothing has changed  │  from here on it holds
//! check ─▶ policies ─▶ agents join ──┼──▶ runs follow it ─▶ resize, replace, drain ─▶ schedules
//! ```
//!
//! The scope stays, and so do the agents that both definitions have. One that has changed finishes
//! what it has before the other takes its place, so no work is done twice. Runs that are under way
//! keep the steps they are pinned to; an agent that only they need stays until they have ended.

use super::leaving::{Successors, has_left};
use super::scope::Joined;
use super::{Error, Own, Session};
use crate::crew::{self, Said};
use crate::team::capability::{Asked, Capability};
use crate::team::definitions::Definition;
use crate::team::difference::{Change, Difference, Kind};
use crate::team::file::{Agent, Contract, TeamFile};
use crate::team::roster;
use kernel::{AgentId, Command, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a reload changes, or would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reload {
    /// Whether it holds now.
    pub applied: bool,
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
    /// Open runs that go on with the definition they began with.
    pub runs: Vec<u64>,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The two definitions, and what the difference asks for.
struct Turn<'a> {
    own: &'a Own,
    old: Arc<Definition>,
    new: Arc<Definition>,
    /// Agents that leave, with the runs that still need them.
    leaving: BTreeMap<String, Vec<TaskId>>,
    /// Agents on their way out, whose places others are to take.
    awaited: BTreeSet<String>,
}

impl Session {
    /// The definition of this session is another from now on; with `dry_run` nothing changes.
    /// `name` is what the file calls the team: it must be this one.
    ///
    /// # Errors
    /// The definition cannot run here, or belongs to another team; nothing has changed then.
    pub async fn reload(&self, name: &str, file: TeamFile, dry_run: bool) -> Result<Reload, Error> {
        let own = self.own.as_ref().ok_or(Error::NoTeam)?;
        if own.name != name {
            let (own, other) = (own.name.clone(), name.to_owned());
            return Err(Error::OtherTeam { own, other });
        }
        // One reload at a time, and nobody joins beside it.
        let mut joined = self.joined.lock().await;
        let mut successors = self.successors.lock().await;
        let old = own.definition();
        let (definitions, kept) = (self.definitions.clone(), file.clone());
        let new = tokio::task::spawn_blocking(move || match dry_run {
            true => definitions.look_at(kept),
            false => definitions.keep(kept),
        });
        let new = new.await.map_err(|_| Error::Ended)??;
        self.check_schedules(own, &file)?;
        check_contracts(&old.file, &file)?;
        let mut reload = Reload {
            difference: Difference::between(&old.file, &file),
            runs: self.runs_but_of(own, &new),
            notes: self.notes_on(&new.file),
            applied: false,
        };
        let named = joined.named(&own.scope);
        let missing = self.missing(&named, &successors, (&old.file, &file));
        reload.difference.agents.extend(missing);
        let leaving = self.leaving(own, &old, &new, &reload.difference);
        let awaited = self.awaited(&named, &successors, &new.file);
        let turn = Turn { own, old, new, leaving, awaited };
        turn.say_what_follows(&mut reload.difference);
        // Whether everybody can be made ready is seen before anything is changed.
        let file = &turn.new.file;
        crew::members(&file.agents, Said::of(file), &self.outside, &own.scope)?;
        if !dry_run {
            crew::govern(file);
        }
        if !dry_run && !reload.difference.is_nothing() {
            let here = (&mut *joined, &mut *successors);
            let troubles = self.apply(&turn, here, &reload.difference).await?;
            reload.notes.extend(troubles);
        }
        reload.applied = !dry_run;
        Ok(reload)
    }

    /// Changes everything, or nothing. Gives what of it did not go as it should after that.
    async fn apply(
        &self,
        turn: &Turn<'_>,
        (joined, successors): (&mut Joined, &mut Successors),
        difference: &Difference,
    ) -> Result<Vec<String>, Error> {
        let Turn { own, new, .. } = turn;
        let scope = &own.scope;
        let before = joined.clone();
        let policies = self.team.policies_of(scope);
        let added = with(difference, Kind::Added);
        let mut entries = self.entries(&new.file, scope, &added, joined)?;
        let named = joined.named(scope);
        if let Err(why) = self.govern(scope, &new.file, &named).await {
            *joined = before;
            return Err(why);
        }
        let mut here: Vec<String> = Vec::new();
        while let Some(entry) = entries.pop() {
            let name = entry.spec.name.to_string();
            if let Err(why) = self.team.join(entry).await {
                for name in &here {
                    let _ = self.team.leave(name).await; // It has just come.
                }
                let _ = self.team.configure_scope(scope, (*policies).clone()).await; // As it was.
                *joined = before;
                return Err(why.into());
            }
            here.push(name);
        }
        own.follow(new.clone());
        joined.follow(scope, new.digest);
        let mut troubles = self.change_agents(turn, (joined, successors), difference).await;
        if let Err(why) = self.set_topics(&new.file).await {
            troubles.push(why.to_string());
        }
        if let Err(why) = self.set_schedules(own, &new.file).await {
            troubles.push(why.to_string());
        }
        Ok(troubles)
    }

    /// Those that are in both and differ, and those that are no more.
    async fn change_agents(
        &self,
        turn: &Turn<'_>,
        (joined, successors): (&mut Joined, &mut Successors),
        difference: &Difference,
    ) -> Vec<String> {
        let scope = &turn.own.scope;
        let named = joined.named(scope);
        let id = |name: &String| self.team.agent_id(named.get(name).unwrap_or(name));
        let mut troubles = Vec::new();
        for name in with(difference, Kind::Changed) {
            let agents = (turn.old.file.agents.get(&name), turn.new.file.agents.get(&name));
            let (Some(old), Some(new), Some(agent)) = (agents.0, agents.1, id(&name)) else {
                continue;
            };
            if turn.is_resized(&name, old, new) && !has_left(&self.team, agent) {
                let slots = new.common().slots;
                let _ = self.team.command(Command::Resize { agent, slots }).await; // It is here.
            } else if let Err(why) =
                self.replace(agent, successors, (named.get(&name), &name, new), turn).await
            {
                troubles.push(format!("{name} has left, and cannot join as it is now: {why}"));
            }
        }
        for (name, runs) in &turn.leaving {
            let Some(agent) = id(name) else { continue };
            joined.forget(scope, name);
            if runs.is_empty() {
                successors.remove(&agent);
                let _ = self.team.command(Command::DrainAgent(agent)).await; // It may have left.
            } else {
                self.drain_after(runs.clone(), agent).await;
            }
        }
        troubles
    }

    /// The one that is here finishes what it has; then the other takes its place and its name.
    async fn replace(
        &self,
        agent: AgentId,
        successors: &mut Successors,
        (joined_as, name, new): (Option<&String>, &String, &Agent),
        turn: &Turn<'_>,
    ) -> Result<(), Error> {
        let (scope, said) = (&turn.own.scope, Said::of(&turn.new.file));
        let one = BTreeMap::from([(name.clone(), new.clone())]);
        for mut entry in crew::members(&one, said, &self.outside, scope)? {
            entry.spec.name = joined_as.unwrap_or(name).as_str().into();
            let _ = self.team.command(Command::DrainAgent(agent)).await; // It may be gone already.
            if has_left(&self.team, agent) {
                successors.remove(&agent);
                self.team.join(entry).await?;
            } else {
                self.replace_later(agent, entry, successors).await;
            }
        }
        Ok(())
    }

    /// Agents of both definitions that are not here: removed by hand, or never come.
    fn missing(
        &self,
        named: &BTreeMap<String, String>,
        successors: &Successors,
        (old, new): (&TeamFile, &TeamFile),
    ) -> Vec<Change> {
        let same = new.agents.iter().filter(|(name, agent)| old.agents.get(*name) == Some(agent));
        let is_here = |name: &String| {
            let agent = self.team.agent_id(named.get(name).unwrap_or(name));
            agent.is_some_and(|it| successors.contains_key(&it) || !has_left(&self.team, it))
        };
        let missing = same.filter(|(name, _)| !is_here(name));
        let back = |(name, _): (&String, _)| Change {
            name: name.clone(),
            change: Kind::Added,
            fields: Vec::new(),
            then: String::new(),
        };
        missing.map(back).collect()
    }

    /// Agents of the file whose places others are to take.
    fn awaited(
        &self,
        named: &BTreeMap<String, String>,
        successors: &Successors,
        file: &TeamFile,
    ) -> BTreeSet<String> {
        let is_awaited = |name: &&String| {
            let agent = self.team.agent_id(named.get(*name).unwrap_or(name));
            agent.is_some_and(|agent| successors.contains_key(&agent))
        };
        file.agents.keys().filter(is_awaited).cloned().collect()
    }

    /// Agents that are no more, each with the open runs whose steps nobody else would serve.
    fn leaving(
        &self,
        own: &Own,
        old: &Definition,
        new: &Definition,
        difference: &Difference,
    ) -> BTreeMap<String, Vec<TaskId>> {
        let stays: BTreeSet<Capability> =
            new.file.agents.values().flat_map(roster::capabilities).collect();
        let open: Vec<(TaskId, Vec<Asked>)> = self
            .team
            .pinned()
            .into_iter()
            .filter(|it| *it.pin.team == *own.scope)
            .filter_map(|it| {
                let definition = self.definitions.get(it.pin.definition).ok()?;
                Some((it.run, asked(&definition)))
            })
            .collect();
        let of = |name: String| {
            let serves = old.file.agents.get(&name).map(roster::capabilities).unwrap_or_default();
            let alone: Vec<&Capability> = serves.iter().filter(|it| !stays.contains(it)).collect();
            let takes =
                |asks: &[Asked]| asks.iter().any(|ask| alone.iter().any(|it| ask.takes(it)));
            let needing = open.iter().filter(|(_, asks)| takes(asks));
            let runs = needing.map(|(run, _)| *run).collect();
            (name, runs)
        };
        with(difference, Kind::Removed).into_iter().map(of).collect()
    }

    /// Open runs of this team that follow another definition.
    fn runs_but_of(&self, own: &Own, new: &Definition) -> Vec<u64> {
        let open = self.team.pinned().into_iter();
        let others =
            open.filter(|it| *it.pin.team == *own.scope && it.pin.definition != new.digest);
        others.map(|it| it.run.0).collect()
    }

    /// What cannot hold before the next start.
    fn notes_on(&self, file: &TeamFile) -> Vec<String> {
        let limits = self.team.limits();
        let steps = u32::try_from(file.limits.tasks).unwrap_or(u32::MAX);
        let mut notes = Vec::new();
        for (name, said, holds) in [
            ("depth", u64::from(file.limits.depth), u64::from(limits.depth_max)),
            ("tasks", u64::from(steps), u64::from(limits.steps_max)),
        ] {
            if said > holds {
                notes.push(format!(
                    "`limits.{name}` is {said}; above {holds} it holds when the process starts anew"
                ));
            }
        }
        notes
    }
}

impl Turn<'_> {
    /// Whether it stays, and works on more or fewer at once. Who is on the way out is not resized:
    /// whoever takes its place is as the file says.
    fn is_resized(&self, name: &str, old: &Agent, new: &Agent) -> bool {
        only_slots_differ(old, new) && !self.awaited.contains(name)
    }

    /// Says of each agent what becomes of it.
    fn say_what_follows(&self, difference: &mut Difference) {
        for change in &mut difference.agents {
            let agent = |of: &Definition| of.file.agents.get(&change.name).cloned();
            change.then = match (change.change, agent(&self.old), agent(&self.new)) {
                (Kind::Added, ..) => "joins".to_owned(),
                (Kind::Removed, ..) => match self.leaving.get(&change.name).map(Vec::as_slice) {
                    None | Some([]) => "finishes what it has, and leaves".to_owned(),
                    Some(runs) => format!("leaves when {}", have_ended(runs)),
                },
                (Kind::Changed, Some(old), Some(new))
                    if self.is_resized(&change.name, &old, &new) =>
                {
                    "resized".to_owned()
                }
                (Kind::Changed, ..) => "replaced when it has finished what it has".to_owned(),
            };
        }
    }
}

fn have_ended(runs: &[TaskId]) -> String {
    let named: Vec<String> = runs.iter().map(ToString::to_string).collect();
    match named.as_slice() {
        [one] => format!("run {one} has ended, which needs it"),
        several => format!("runs {} have ended, which need it", several.join(", ")),
    }
}

/// Those who are here, and the runs that are under way, rely on what was said of a capability.
fn check_contracts(old: &TeamFile, new: &TeamFile) -> Result<(), Error> {
    let served = |file: &TeamFile| -> BTreeSet<Capability> {
        file.agents.values().flat_map(roster::capabilities).collect()
    };
    let differs = |it: &Capability| {
        Contract::of(&old.capabilities, it) != Contract::of(&new.capabilities, it)
    };
    match served(old).intersection(&served(new)).find(|it| differs(it)) {
        None => Ok(()),
        Some(capability) => Err(Error::Contract { capability: capability.to_string() }),
    }
}

/// What the steps of a definition ask for.
pub(super) fn asked(definition: &Definition) -> Vec<Asked> {
    let steps = definition.file.steps.values();
    steps.filter_map(|step| Asked::parse(&step.ask).ok()).collect()
}

fn with(difference: &Difference, kind: Kind) -> Vec<String> {
    let of_kind = difference.agents.iter().filter(|it| it.change == kind);
    of_kind.map(|it| it.name.clone()).collect()
}

fn only_slots_differ(old: &Agent, new: &Agent) -> bool {
    let mut old = old.clone();
    old.common_mut().slots = new.common().slots;
    old == *new
}
