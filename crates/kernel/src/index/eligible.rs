//! Who could do the work of a shape, a bounded number at a time, and shapes that are meant for one
//! agent alone.

use super::profile::Free;
use super::{Index, Shape, ShapeId, ShapeKey};
use crate::{AgentId, Constraint};

/// Free agents that a policy looks at for one grant. What comes first in the order of choice is
/// seen first; where agents differ in what they serve, the round begins with others each time.
pub(crate) const LOOK_MAX: usize = 64;

/// Agents that a key may belong to: of a shape that more could serve, those that joined first.
pub(crate) const OWNERS_MAX: usize = 1_024;

/// A free agent and what it is ranked by before its load.
#[derive(Clone, Copy)]
pub(crate) struct Able {
    /// Its labels are what the task wishes.
    pub(crate) wished: bool,
    pub(crate) prefer: i32,
    pub(crate) free: Free,
}

impl Index {
    /// Free agents of a shape; `turn` says where the round begins.
    pub(crate) fn candidates(
        &self,
        shape: ShapeId,
        wish: Option<&Constraint>,
        turn: u64,
    ) -> Vec<Able> {
        let Shape { key, profiles: ids, .. } = &self.shapes[shape.0 as usize];
        let start = (turn % ids.len().max(1) as u64) as usize;
        let (before, after) = ids.split_at(start.min(ids.len()));
        let round = after.iter().chain(before).map(|id| &self.fleet.profiles[*id]);
        let free = round.flat_map(|it| {
            let wished = wish.is_some_and(|wish| wish.is_met_by(&it.key.labels));
            let prefer = it.key.prefer;
            it.free_for(key.weight).map(move |free| Able { wished, prefer, free: *free })
        });
        free.take(LOOK_MAX).collect()
    }

    /// Agents that may have work of a shape, free or not: whether they are wished for, their
    /// preference, and who.
    pub(crate) fn eligible(
        &self,
        shape: ShapeId,
        wish: Option<&Constraint>,
    ) -> impl Iterator<Item = (bool, i32, AgentId)> {
        let weight = self.shapes[shape.0 as usize].key.weight;
        let agents = self.profiles_of(shape).flat_map(move |it| {
            let wished = wish.is_some_and(|wish| wish.is_met_by(&it.key.labels));
            it.roster.iter().map(move |agent| (wished, it.key.prefer, *agent))
        });
        let large = move |agent: AgentId| self.fleet.agents[agent.0 as usize].slots >= weight;
        agents.filter(move |it| large(it.2)).take(OWNERS_MAX)
    }

    /// Whether an agent may have work of a shape when it has the room.
    pub(crate) fn may_have(&self, agent: AgentId, shape: ShapeId) -> bool {
        let key = &self.shapes[shape.0 as usize].key;
        let fits = self.fleet.agents.get(agent.0 as usize).is_some_and(|it| {
            let profile = &self.fleet.profiles[it.profile as usize];
            it.works() && it.slots >= key.weight && profile.key.fits(key).is_ok()
        });
        fits && key.only.is_none_or(|only| only == agent)
    }

    /// Whether an agent may have work of a shape as soon as it is done with bidding.
    pub(crate) fn has_room_but_for_bids(&self, agent: AgentId, shape: ShapeId) -> bool {
        let weight = self.shapes[shape.0 as usize].key.weight;
        self.fleet.agents.get(agent.0 as usize).is_some_and(|it| {
            let used = it.used.saturating_sub(it.bidding);
            it.works() && !it.held && it.slots.saturating_sub(used) >= weight
        })
    }

    /// Whether its breaker keeps an agent from a capability.
    pub(crate) fn is_barred(&self, agent: AgentId, capability: &str) -> bool {
        self.fleet.agents.get(agent.0 as usize).is_some_and(|it| {
            let barred = &self.fleet.profiles[it.profile as usize].key.barred;
            barred.iter().any(|(it, _)| &**it == capability)
        })
    }

    /// An agent's place among the free ones, if it has the room for work of a shape.
    pub(crate) fn free_place(&self, agent: AgentId, shape: ShapeId) -> Option<Free> {
        let weight = self.shapes[shape.0 as usize].key.weight;
        self.fleet.agents.get(agent.0 as usize)?.free.filter(|free| free.room.get() >= weight)
    }

    /// Whether an agent is free and serves a shape.
    pub(crate) fn is_free_for(&self, agent: AgentId, shape: ShapeId) -> bool {
        let key = &self.shapes[shape.0 as usize].key;
        self.fleet.is_free_for(agent, key)
    }

    /// The same work, for this agent alone.
    pub(crate) fn addressed(&mut self, shape: ShapeId, agent: AgentId) -> ShapeId {
        let key = ShapeKey { only: Some(agent), ..self.shapes[shape.0 as usize].key.clone() };
        match self.shape_ids.get(&key) {
            Some(id) => *id,
            None => self.new_shape(key),
        }
    }
}
