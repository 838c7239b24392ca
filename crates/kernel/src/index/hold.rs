//! Whose turn it is, and agents that are kept back for work that needs more room than there is.
//!
//! A task that takes three slots would wait for ever behind tasks that take one: as soon as a slot
//! is free, one of them has it. So when its turn comes and nobody has the room, one agent gets no
//! new work until it has. Nobody is kept back for work that could not begin anyway. Which agents
//! are held follows from no fact and is forgotten by a replay: the turn comes again.

use super::{Index, Shape, ShapeId};
use crate::mutant::{Mutant, planted};
use crate::{AgentId, Class};

/// Work that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) shape: ShapeId,
    /// The agent that was kept back for it.
    pub(crate) agent: Option<AgentId>,
    /// The class that it was kept back for, since less urgent work was stopped for that one.
    pub(crate) class: Option<Class>,
}

impl Index {
    /// Work with somebody free to do it; the shape whose turn it is.
    pub(crate) fn next_match(&mut self) -> Option<Match> {
        if !self.holds.is_empty()
            && let Some(held) = self.next_held()
        {
            return Some(held);
        }
        if self.has_taken()
            && let Some(taken) = self.next_taken()
        {
            return Some(taken);
        }
        let plain = |shape| Match { shape, agent: None, class: None };
        while let Some(id) = self.dirty_shapes.last().copied() {
            let shape = &self.shapes[id as usize];
            if self.is_ready(shape) {
                if self.fleet.any_free(shape) {
                    return Some(plain(ShapeId(id)));
                }
                if shape.key.weight > 1 && self.is_at_turn(ShapeId(id)) {
                    self.hold(ShapeId(id));
                }
            }
            self.shapes[id as usize].dirty = false;
            self.dirty_shapes.pop();
        }
        while let Some(agent) = self.fleet.dirty_agent() {
            match self.turn_of(agent, |_| true) {
                Some(shape) if self.is_free_for(agent, shape) => return Some(plain(shape)),
                Some(shape) if self.hold(shape) => {}
                Some(_) => match self.turn_of(agent, |shape| self.is_free_for(agent, shape)) {
                    Some(shape) => return Some(plain(shape)),
                    None => self.fleet.clean_agent(),
                },
                None => self.fleet.clean_agent(),
            }
        }
        while let Some(id) = self.fleet.dirty_profile() {
            match self.at_turn(id) {
                Some(shape) if self.has_room(id, shape) => return Some(plain(shape)),
                Some(shape) if self.hold(shape) => {}
                Some(_) => match self.lightest_turn(id) {
                    Some(shape) => return Some(plain(shape)),
                    None => self.fleet.clean_profile(),
                },
                None => self.fleet.clean_profile(),
            }
        }
        None
    }

    /// Whether something of this shape waits that no quota stops.
    pub(super) fn is_ready(&self, shape: &super::Shape) -> bool {
        shape.queue.has_ready() && !self.is_full(shape.meter)
    }

    fn has_room(&self, profile: usize, shape: ShapeId) -> bool {
        let weight = self.shapes[shape.0 as usize].key.weight;
        self.fleet.profiles[profile].has_room(weight)
    }

    /// The shape of a profile whose turn it is, whether there is room for it or not; what has an
    /// agent kept back for it already is not asked again.
    fn at_turn(&self, profile: usize) -> Option<ShapeId> {
        self.lowest(profile, |at| {
            let shape = ShapeId(at as u32);
            self.has_room(profile, shape) || !self.holds.contains_key(&shape.0)
        })
    }

    /// The same among those that there is room for.
    fn lightest_turn(&self, profile: usize) -> Option<ShapeId> {
        self.lowest(profile, |at| self.has_room(profile, ShapeId(at as u32)))
    }

    /// Whether no other shape comes before it with any agents.
    fn is_at_turn(&self, shape: ShapeId) -> bool {
        let Shape { key, profiles, .. } = &self.shapes[shape.0 as usize];
        let is_first = |first: Option<ShapeId>| first.is_none_or(|it| it.0 == shape.0);
        match key.only {
            Some(agent) => is_first(self.first_of(self.served_by(agent))),
            None => profiles.iter().all(|id| is_first(self.lowest(*id, |_| true))),
        }
    }

    fn lowest(&self, profile: usize, may: impl Fn(usize) -> bool) -> Option<ShapeId> {
        let shapes = self.fleet.profiles[profile].shapes.iter().copied();
        self.first_of(shapes.filter(|id| may(*id)))
    }

    /// For an agent with work of its own that waits: the shape whose turn it is, its own or one
    /// that it serves with others. What has an agent kept back for it already is not asked again.
    fn turn_of(&self, agent: AgentId, may: impl Fn(ShapeId) -> bool) -> Option<ShapeId> {
        let may = |id: &usize| !self.holds.contains_key(&(*id as u32)) && may(ShapeId(*id as u32));
        let own = self.fleet.addressed.get(&agent)?.iter().copied();
        let own = self.first_of(own.filter(may))?;
        let shared = self.fleet.shapes_of(agent).iter().copied();
        let shared = self.first_of(shared.filter(may)).map(|it| it.0 as usize);
        self.first_of(shared.into_iter().chain([own.0 as usize]))
    }

    /// Of these shapes, what is ready and comes first.
    fn first_of(&self, shapes: impl Iterator<Item = usize>) -> Option<ShapeId> {
        let ready = shapes.filter(|id| self.is_ready(&self.shapes[*id]));
        let first = ready.min_by_key(|id| (self.shapes[*id].pass, *id));
        first.map(|id| ShapeId(id as u32))
    }

    /// Keeps an agent back for a shape that nobody has the room for: of those that are large enough
    /// the one with the most. `false` if there is none, or no need.
    fn hold(&mut self, shape: ShapeId) -> bool {
        let key = &self.shapes[shape.0 as usize].key;
        let weight = key.weight;
        if weight <= 1 || self.holds.contains_key(&shape.0) || planted(Mutant::HeavyStarves) {
            return false;
        }
        let only = key.only.filter(|agent| self.may_have(*agent, shape));
        let able = self.profiles_of(shape).filter(|it| it.has_size(weight));
        let agents = able.flat_map(|it| &it.roster).copied().chain(only);
        let may = |agent: &AgentId| {
            let standing = &self.fleet.agents[agent.0 as usize];
            !standing.held && standing.slots >= weight
        };
        let room = |agent: &AgentId| self.fleet.agents[agent.0 as usize].room();
        let roomiest = agents.filter(may).max_by_key(|it| (room(it), std::cmp::Reverse(*it)));
        let Some(agent) = roomiest else { return false };
        self.holds.insert(shape.0, agent);
        self.fleet.hold(agent, true);
        true
    }

    /// Lets the agent that is kept back for a shape go.
    pub(super) fn release(&mut self, shape: ShapeId) {
        if let Some(agent) = self.holds.remove(&shape.0) {
            self.fleet.hold(agent, false);
        }
    }

    /// A held agent that has the room now. Those that are held for nothing are let go.
    fn next_held(&mut self) -> Option<Match> {
        let held: Vec<(u32, AgentId)> = self.holds.iter().map(|(id, it)| (*id, *it)).collect();
        for (id, agent) in held {
            let (shape, of) = (ShapeId(id), &self.shapes[id as usize]);
            if !self.is_ready(of) || !self.may_have(agent, shape) {
                self.release(shape);
            } else if self.fleet.agents[agent.0 as usize].room() >= of.key.weight {
                return Some(Match { shape, agent: Some(agent), class: None });
            }
        }
        None
    }
}
