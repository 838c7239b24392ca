//! The agents by what they serve and how busy they are.
//!
//! Agents that serve the same things with the same preference and labels share a *profile*, so a
//! thousand equal agents cost one comparison when work is matched, and an idle agent costs one
//! place in a set.

use super::profile::{Free, Miss, Profile, ProfileKey, take_one};
use super::resume::Need;
use super::words::Words;
use super::{Index, Shape, ShapeKey};
use crate::mutant::{Mutant, planted};
use crate::{Agent, AgentId, AgentSpec, Presence, Serves, TaskId, Terms, Text, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// One agent's standing.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Its place among the profiles; half a word, since there is one of these for each agent.
    pub(super) profile: u32,
    pub(super) presence: Presence,
    /// What is behind it runs, as far as anybody knows.
    pub(super) is_well: bool,
    pub(super) slots: u32,
    pub(super) used: u32,
    /// Of these, slots in which it is asked for bids.
    pub(super) bidding: u32,
    /// Slots that its load is measured against at most: it grows with what the agent completes.
    window: u32,
    last: Token,
    pub(super) free: Option<Free>,
    /// It is kept back for a task that needs more room than it has yet, or that is more urgent.
    pub(super) held: bool,
    /// Its tasks that wait for steps.
    pub(super) waiting: u32,
}

/// An agent's tasks that waited and have news, by what they need to go on.
pub(super) type Resumable = BTreeMap<Need, BTreeSet<TaskId>>;

#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) agents: Vec<Standing>,
    pub(super) profiles: Vec<Profile>,
    pub(super) profile_ids: BTreeMap<ProfileKey, usize>,
    dirty: Vec<usize>,
    /// Shapes that are meant for one agent alone.
    pub(super) addressed: BTreeMap<AgentId, Vec<usize>>,
    /// Of those agents, the ones that may have become free.
    dirty_agents: BTreeSet<AgentId>,
    /// Agents that are kept back and have changed.
    pub(super) woken: BTreeSet<AgentId>,
    /// For agents that have any: few of those that are idle.
    pub(super) resumable: BTreeMap<AgentId, Resumable>,
    /// Agents with a task to resume and slots for it.
    pub(super) resume: BTreeSet<AgentId>,
    /// Agents that finish what they have, and have nothing left.
    pub(super) drained: BTreeSet<AgentId>,
    pub(super) words: Words,
    /// Agents present, by team.
    present: BTreeMap<Text, u32>,
    /// Tasks that take more than one slot have been seen: free slots are counted.
    is_heavy: bool,
}

/// Whether an agent so described may get tasks on these terms.
pub(crate) fn serves(spec: &AgentSpec, terms: &Terms) -> bool {
    let fits =
        |it: &Serves| it.capability == terms.capability && terms.versions.contains(it.version);
    spec.team == terms.team
        && spec.serves.iter().any(fits)
        && terms.require.as_ref().is_none_or(|it| it.is_met_by(&spec.labels))
}

impl Standing {
    /// Whether it gets new work at all.
    pub(super) fn works(&self) -> bool {
        self.presence == Presence::Active && self.is_well
    }

    pub(super) fn room(&self) -> u32 {
        if planted(Mutant::SlotsIgnored) {
            return u32::MAX;
        }
        self.slots.saturating_sub(self.used)
    }

    /// Room for work that it has begun. What has become larger than the whole agent goes on alone.
    pub(super) fn may_resume(&self, weight: u32) -> bool {
        weight <= self.room() || self.used == 0
    }

    /// Whether work that it has begun waits for more room than there is: new work would take it.
    fn owes_room(&self, resumable: &Resumable) -> bool {
        resumable.keys().any(|need| need.weight > 1 && !self.may_resume(need.weight))
    }

    fn free(&self, agent: AgentId, resumable: Option<&Resumable>) -> Option<Free> {
        let room = NonZeroU32::new(self.room())?;
        let may = self.works() && !self.held;
        if !may || resumable.is_some_and(|it| self.owes_room(it)) {
            return None;
        }
        let measure = self.slots.min(self.window).max(1);
        let load = u64::from(self.used) * 1024 / u64::from(measure);
        Some(Free { load: load as u32, last: self.last, agent, room })
    }
}

impl Fleet {
    /// The profiles that serve a new shape, which learn of it, and those that nearly do. A shape
    /// for one agent alone has none.
    pub(super) fn connect(
        &mut self,
        shape: usize,
        key: &ShapeKey,
    ) -> (Vec<usize>, Vec<(usize, Miss)>) {
        if key.weight > 1 && !std::mem::replace(&mut self.is_heavy, true) {
            self.profiles.iter_mut().for_each(|profile| {
                profile.free.iter().for_each(|free| {
                    *profile.rooms.entry(free.room.get()).or_default() += 1;
                });
            });
        }
        let (mut serving, mut near) = (Vec::new(), Vec::new());
        if let Some(agent) = key.only {
            self.addressed.entry(agent).or_default().push(shape);
            return (serving, near);
        }
        for (id, profile) in self.profiles.iter_mut().enumerate() {
            match profile.key.fits(key) {
                Ok(()) => {
                    profile.shapes.push(shape);
                    serving.push(id);
                }
                Err(Some(miss)) => near.push((id, miss)),
                Err(None) => {}
            }
        }
        (serving, near)
    }

    pub(super) fn any_free(&self, shape: &Shape) -> bool {
        match shape.key.only {
            Some(agent) => self.is_free_for(agent, &shape.key),
            None => shape.profiles.iter().any(|id| self.profiles[*id].has_room(shape.key.weight)),
        }
    }

    /// Whether an agent has the room and serves what a shape asks for.
    pub(super) fn is_free_for(&self, agent: AgentId, key: &ShapeKey) -> bool {
        let standing = self.agents.get(agent.0 as usize);
        standing.is_some_and(|it| {
            it.free.is_some_and(|free| free.room.get() >= key.weight)
                && self.profiles[it.profile as usize].key.fits(key).is_ok()
        })
    }

    /// The shapes that an agent serves with others.
    pub(super) fn shapes_of(&self, agent: AgentId) -> &[usize] {
        let standing = self.agents.get(agent.0 as usize);
        standing.map_or(&[], |it| &self.profiles[it.profile as usize].shapes)
    }

    pub(super) fn dirty_agent(&self) -> Option<AgentId> {
        self.dirty_agents.first().copied()
    }

    pub(super) fn clean_agent(&mut self) {
        self.dirty_agents.pop_first();
    }

    pub(super) fn granted(&mut self, agent: AgentId, token: Token) {
        if let Some(standing) = self.agents.get_mut(agent.0 as usize) {
            standing.last = token;
        }
    }

    /// Keeps an agent back for one shape, or lets it go.
    pub(super) fn hold(&mut self, agent: AgentId, held: bool) {
        if let Some(standing) = self.agents.get_mut(agent.0 as usize) {
            standing.held = held;
            if !held {
                self.woken.remove(&agent);
            }
            self.refresh(agent);
        }
    }

    pub(super) fn dirty_profile(&self) -> Option<usize> {
        self.dirty.last().copied()
    }

    pub(super) fn clean_profile(&mut self) {
        if let Some(id) = self.dirty.pop() {
            self.profiles[id].dirty = false;
        }
    }

    /// Brings an agent's place among the free ones up to date.
    pub(super) fn refresh(&mut self, agent: AgentId) {
        let standing = &mut self.agents[agent.0 as usize];
        let resumable = self.resumable.get(&agent).filter(|_| standing.waiting > 0);
        let free = standing.free(agent, resumable);
        if standing.held {
            self.woken.insert(agent);
        }
        let resumes = standing.presence != Presence::Left
            && resumable.is_some_and(|it| it.keys().any(|need| standing.may_resume(need.weight)));
        if resumes {
            self.resume.insert(agent);
        } else {
            self.resume.remove(&agent);
        }
        if standing.presence == Presence::Draining && standing.used + standing.waiting == 0 {
            self.drained.insert(agent);
        } else if !self.drained.is_empty() {
            self.drained.remove(&agent);
        }
        if standing.free == free {
            return;
        }
        let profile = &mut self.profiles[standing.profile as usize];
        if let Some(old) = standing.free.take() {
            profile.drop_free(&old, self.is_heavy);
        }
        if let Some(new) = free {
            profile.add_free(new, self.is_heavy);
            standing.free = free;
            if !self.addressed.is_empty() && self.addressed.contains_key(&agent) {
                self.dirty_agents.insert(agent);
            }
            if !std::mem::replace(&mut profile.dirty, true) {
                self.dirty.push(standing.profile as usize);
            }
        }
    }

    /// Takes an agent out of its profile, as it was.
    fn withdraw(&mut self, at: usize) {
        let Some(old) = self.agents.get_mut(at) else { return };
        let profile = &mut self.profiles[old.profile as usize];
        if let Some(free) = old.free.take() {
            profile.drop_free(&free, self.is_heavy);
        }
        if old.works() {
            profile.roster.remove(&AgentId(at as u32));
            take_one(&mut profile.sizes, old.slots);
        }
        profile.down -= u32::from(old.presence == Presence::Active && !old.is_well);
        if old.presence != Presence::Left {
            profile.members -= 1;
            if let Some(present) = self.present.get_mut(&profile.key.team) {
                *present -= 1;
            }
        }
    }
}

impl Index {
    /// An agent joined, left, was paused or resumed, or has other slots: `agent` is how it is now.
    pub(crate) fn agent_changed(&mut self, agent: &Agent) {
        let at = agent.id.0 as usize;
        let before = self.fleet.agents.get(at).map(|it| it.profile as usize);
        if let Some(old) = self.fleet.agents.get(at) {
            let key = &self.fleet.profiles[old.profile as usize].key;
            self.bars.count(&key.team, &key.barred, old.presence, -1);
            self.bars.doubt(&key.team, key.serves.iter().map(|it| &it.capability));
        }
        self.fleet.withdraw(at);
        let barred = self.bars.of(agent.id);
        let id = self.profile(ProfileKey::of(&agent.spec, barred));
        let profile = &mut self.fleet.profiles[id];
        let key = &profile.key;
        self.bars.count(&key.team, &key.barred, agent.presence, 1);
        self.bars.doubt(&key.team, key.serves.iter().map(|it| &it.capability));
        let (is_active, is_well) = (agent.presence == Presence::Active, agent.life.is_well());
        profile.down += u32::from(is_active && !is_well);
        if is_active && is_well {
            profile.roster.insert(agent.id);
            *profile.sizes.entry(agent.spec.slots).or_default() += 1;
        }
        let here = u32::from(agent.presence != Presence::Left);
        profile.members += here;
        *self.fleet.present.entry(agent.spec.team.clone()).or_default() += here;
        let (presence, slots, window) = (agent.presence, agent.spec.slots, agent.window());
        match self.fleet.agents.get_mut(at) {
            Some(standing) => {
                (standing.profile, standing.presence) = (id as u32, presence);
                (standing.slots, standing.window) = (slots, window);
                standing.is_well = is_well;
            }
            None => self.fleet.agents.push(Standing {
                profile: id as u32,
                presence,
                is_well,
                slots,
                window,
                used: 0,
                bidding: 0,
                last: Token::default(),
                free: None,
                held: false,
                waiting: 0,
            }),
        }
        if let Some(before) = before {
            self.move_victims(agent.id, before, id);
            self.look_for_room_at(agent.id);
        }
        self.names.insert(agent.spec.name.clone(), agent.id);
        self.fleet.refresh(agent.id);
    }

    /// Slots of this agent are in use.
    pub(crate) fn occupy(&mut self, agent: AgentId, token: Token, weight: u32) {
        let weight = if planted(Mutant::WeightIgnored) { 1 } else { weight };
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.used += weight;
            standing.last = standing.last.max(token);
            self.fleet.refresh(agent);
        }
    }

    /// Slots of this agent are free again.
    pub(crate) fn vacate(&mut self, agent: AgentId, weight: u32) {
        let weight = if planted(Mutant::WeightIgnored) { 1 } else { weight };
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.used = standing.used.saturating_sub(weight);
            self.fleet.refresh(agent);
        }
    }

    /// It is asked for one more bid (1), or one fewer (-1).
    pub(crate) fn bids(&mut self, agent: AgentId, by: i32) {
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.bidding = standing.bidding.saturating_add_signed(by);
        }
    }

    /// An agent completed something: one that is new may be given more at once.
    pub(crate) fn completed(&mut self, agent: AgentId) {
        if let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) {
            standing.window = standing.window.saturating_add(1);
        }
    }

    pub(crate) fn slots_used(&self, agent: AgentId) -> u32 {
        self.fleet.agents.get(agent.0 as usize).map_or(0, |standing| standing.used)
    }

    pub(crate) fn profiles_of(&self, shape: super::ShapeId) -> impl Iterator<Item = &Profile> {
        let profiles = &self.shapes[shape.0 as usize].profiles;
        profiles.iter().map(|id| &self.fleet.profiles[*id])
    }

    /// Agents present that know a shape's capability and yet do not fit it, and why.
    pub(crate) fn misses_of(&self, shape: super::ShapeId) -> impl Iterator<Item = (u32, Miss)> {
        let near = self.shapes[shape.0 as usize].near.iter();
        near.map(|(id, miss)| (self.fleet.profiles[*id].members, *miss))
    }

    /// Agents that are there for work of this capability, those too that are down just now or kept
    /// from it by a breaker.
    pub(crate) fn active_in(&self, team: &Text, capability: &Text) -> u32 {
        let able = self.fleet.profiles.iter().filter(|it| it.key.serves(team, capability));
        able.map(|profile| profile.available() + profile.down).sum()
    }

    /// Agents present in a shape's team, whether they serve it or not.
    pub(crate) fn present_in(&self, shape: super::ShapeId) -> u32 {
        let team = &self.shapes[shape.0 as usize].key.team;
        self.fleet.present.get(team).copied().unwrap_or(0)
    }

    /// An agent that was to finish what it had, and has.
    pub(crate) fn next_drained(&self) -> Option<AgentId> {
        self.fleet.drained.first().copied()
    }
}
