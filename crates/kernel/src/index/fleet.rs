//! The agents by what they serve and how busy they are.
//!
//! Agents that serve the same things with the same preference share a *profile*, so a thousand
//! equal agents cost one comparison when work is matched, and an idle agent costs one place in a
//! set.

use super::bars::Bar;
use super::{Index, ShapeKey};
use crate::mutant::{Mutant, planted};
use crate::{Agent, AgentId, AgentSpec, Presence, Serves, TaskId, Terms, Text, Token};
use std::collections::{BTreeMap, BTreeSet};

/// What makes agents interchangeable for matching.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProfileKey {
    pub(crate) team: Text,
    pub(crate) serves: Vec<Serves>,
    pub(crate) prefer: i32,
    /// What breakers keep them from: they do not fit it, though they serve it.
    pub(crate) barred: Vec<(Text, Bar)>,
}

/// A group of interchangeable agents.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) key: ProfileKey,
    pub(crate) shapes: Vec<usize>,
    /// Those that may get a task now, best first.
    pub(crate) free: BTreeSet<Free>,
    /// Present, paused ones included.
    pub(crate) members: u32,
    /// Present and not paused.
    pub(crate) available: u32,
    dirty: bool,
}

/// An agent with a free slot; the order is the order of choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Free {
    /// Slots in use, in 1/1024 of its slots.
    pub(crate) load: u32,
    /// Its latest grant: the lower, the longer ago.
    last: Token,
    pub(crate) agent: AgentId,
}

/// One agent's standing.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Its place among the profiles; half a word, since there is one of these for each agent.
    profile: u32,
    presence: Presence,
    slots: u32,
    pub(super) used: u32,
    last: Token,
    free: Option<Free>,
    /// Its tasks that waited and have news.
    pub(super) resumable: BTreeSet<TaskId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) agents: Vec<Standing>,
    pub(super) profiles: Vec<Profile>,
    profile_ids: BTreeMap<ProfileKey, usize>,
    dirty: Vec<usize>,
    /// Agents with a free slot and a task to resume.
    resume: BTreeSet<AgentId>,
    /// Agents present, by team.
    present: BTreeMap<Text, u32>,
}

/// Whether an agent so described may get tasks on these terms.
pub(crate) fn serves(spec: &AgentSpec, terms: &Terms) -> bool {
    spec.team == terms.team
        && spec
            .serves
            .iter()
            .any(|it| it.capability == terms.capability && terms.versions.contains(it.version))
}

impl ProfileKey {
    fn of(spec: &AgentSpec, barred: Vec<(Text, Bar)>) -> ProfileKey {
        let mut serves = spec.serves.clone();
        serves.sort();
        ProfileKey { team: spec.team.clone(), serves, prefer: spec.prefer, barred }
    }

    fn fits(&self, shape: &ShapeKey) -> bool {
        let fits =
            |it: &Serves| it.capability == shape.capability && shape.versions.contains(it.version);
        let barred = self.barred.iter().any(|(it, _)| *it == shape.capability);
        self.team == shape.team && !barred && self.serves.iter().any(fits)
    }

    fn serves(&self, team: &Text, capability: &Text) -> bool {
        self.team == *team && self.serves.iter().any(|it| it.capability == *capability)
    }
}

impl Fleet {
    /// The profiles that serve a new shape; they learn of it.
    pub(super) fn connect(&mut self, shape: usize, key: &ShapeKey) -> Vec<usize> {
        let fits = |(_, profile): &(usize, &mut Profile)| profile.key.fits(key);
        let profiles = self.profiles.iter_mut().enumerate().filter(fits);
        profiles
            .map(|(id, profile)| {
                profile.shapes.push(shape);
                id
            })
            .collect()
    }

    pub(super) fn any_free(&self, profiles: &[usize]) -> bool {
        profiles.iter().any(|id| !self.profiles[*id].free.is_empty())
    }

    pub(super) fn granted(&mut self, agent: AgentId, token: Token) {
        if let Some(standing) = self.agents.get_mut(agent.0 as usize) {
            standing.last = token;
        }
    }

    pub(super) fn set_resumable(&mut self, agent: AgentId, task: TaskId, resumable: bool) {
        let Some(standing) = self.agents.get_mut(agent.0 as usize) else { return };
        if resumable {
            standing.resumable.insert(task);
        } else {
            standing.resumable.remove(&task);
        }
        self.refresh(agent);
    }

    pub(super) fn dirty_profile(&self) -> Option<&Profile> {
        self.dirty.last().map(|id| &self.profiles[*id])
    }

    pub(super) fn clean_profile(&mut self) {
        if let Some(id) = self.dirty.pop() {
            self.profiles[id].dirty = false;
        }
    }

    /// Brings an agent's place among the free ones up to date.
    fn refresh(&mut self, agent: AgentId) {
        let standing = &mut self.agents[agent.0 as usize];
        let has_slot = standing.used < standing.slots || planted(Mutant::SlotsIgnored);
        let free = (standing.presence == Presence::Active && has_slot).then(|| {
            let load = u64::from(standing.used) * 1024 / u64::from(standing.slots.max(1));
            Free { load: load as u32, last: standing.last, agent }
        });
        let resumes =
            standing.presence != Presence::Left && has_slot && !standing.resumable.is_empty();
        if resumes {
            self.resume.insert(agent);
        } else {
            self.resume.remove(&agent);
        }
        if standing.free == free {
            return;
        }
        let profile = &mut self.profiles[standing.profile as usize];
        if let Some(old) = standing.free.take() {
            profile.free.remove(&old);
        }
        if let Some(new) = free {
            profile.free.insert(new);
            standing.free = free;
            if !std::mem::replace(&mut profile.dirty, true) {
                self.dirty.push(standing.profile as usize);
            }
        }
    }
}

impl Index {
    /// An agent joined, left, was paused or resumed: `agent` is how it is now.
    pub(crate) fn agent_changed(&mut self, agent: &Agent) {
        let at = agent.id.0 as usize;
        if let Some(old) = self.fleet.agents.get_mut(at) {
            let profile = &mut self.fleet.profiles[old.profile as usize];
            let key = &profile.key;
            self.bars.count(&key.team, &key.barred, old.presence, -1);
            self.bars.doubt(&key.team, key.serves.iter().map(|it| &it.capability));
            if let Some(free) = old.free.take() {
                profile.free.remove(&free);
            }
            profile.members -= u32::from(old.presence != Presence::Left);
            profile.available -= u32::from(old.presence == Presence::Active);
            if old.presence != Presence::Left
                && let Some(present) = self.fleet.present.get_mut(&profile.key.team)
            {
                *present -= 1;
            }
        }
        let barred = self.bars.of(agent.id);
        let id = self.profile(ProfileKey::of(&agent.spec, barred));
        let here = agent.presence != Presence::Left;
        let profile = &mut self.fleet.profiles[id];
        let key = &profile.key;
        self.bars.count(&key.team, &key.barred, agent.presence, 1);
        self.bars.doubt(&key.team, key.serves.iter().map(|it| &it.capability));
        profile.members += u32::from(here);
        profile.available += u32::from(agent.presence == Presence::Active);
        *self.fleet.present.entry(agent.spec.team.clone()).or_default() += u32::from(here);
        match self.fleet.agents.get_mut(at) {
            Some(standing) => {
                standing.profile = id as u32;
                standing.presence = agent.presence;
                standing.slots = agent.spec.slots;
            }
            None => self.fleet.agents.push(Standing {
                profile: id as u32,
                presence: agent.presence,
                slots: agent.spec.slots,
                used: 0,
                last: Token::default(),
                free: None,
                resumable: BTreeSet::new(),
            }),
        }
        self.names.insert(agent.spec.name.clone(), agent.id);
        self.fleet.refresh(agent.id);
    }

    fn profile(&mut self, key: ProfileKey) -> usize {
        if let Some(id) = self.fleet.profile_ids.get(&key) {
            return *id;
        }
        let id = self.fleet.profiles.len();
        let mut shapes = Vec::new();
        for (at, shape) in self.shapes.iter_mut().enumerate() {
            if key.fits(&shape.key) {
                shape.profiles.push(id);
                shapes.push(at);
            }
        }
        self.fleet.profile_ids.insert(key.clone(), id);
        let free = BTreeSet::new();
        self.fleet.profiles.push(Profile {
            key,
            shapes,
            free,
            members: 0,
            available: 0,
            dirty: false,
        });
        id
    }

    /// A slot of this agent is in use.
    pub(crate) fn occupy(&mut self, agent: AgentId, token: Token) {
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.used += 1;
            standing.last = standing.last.max(token);
            self.fleet.refresh(agent);
        }
    }

    /// A slot of this agent is free again.
    pub(crate) fn vacate(&mut self, agent: AgentId) {
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.used = standing.used.saturating_sub(1);
            self.fleet.refresh(agent);
        }
    }

    pub(crate) fn slots_used(&self, agent: AgentId) -> u32 {
        self.fleet.agents.get(agent.0 as usize).map_or(0, |standing| standing.used)
    }

    pub(crate) fn profiles_of(&self, shape: super::ShapeId) -> impl Iterator<Item = &Profile> {
        let profiles = &self.shapes[shape.0 as usize].profiles;
        profiles.iter().map(|id| &self.fleet.profiles[*id])
    }

    /// Agents that would get work of this capability, if no breaker kept them from it.
    pub(crate) fn active_in(&self, team: &Text, capability: &Text) -> u32 {
        let able = self.fleet.profiles.iter().filter(|it| it.key.serves(team, capability));
        able.map(|profile| profile.available).sum()
    }

    /// Agents present in a shape's team, whether they serve it or not.
    pub(crate) fn present_in(&self, shape: super::ShapeId) -> u32 {
        let team = &self.shapes[shape.0 as usize].key.team;
        self.fleet.present.get(team).copied().unwrap_or(0)
    }

    /// A task that waited, has news, and whose agent has a slot for it.
    pub(crate) fn next_resume(&self) -> Option<TaskId> {
        let agent = self.fleet.resume.first()?;
        self.fleet.agents.get(agent.0 as usize)?.resumable.first().copied()
    }
}
