//! Work that may be stopped for more urgent work, and agents that are kept back for that work until
//! there is room.
//!
//! Where nobody may preempt, this costs one comparison, and for work that is marked as preemptible
//! a place among its like. Which agents are kept back, and which shapes are to be looked at,
//! follows from no fact and is forgotten by a replay, as with those kept back for heavy work.

use super::hold::Match;
use super::{Index, ShapeId};
use crate::mutant::{Mutant, planted};
use crate::state::Facts;
use crate::{AgentId, Class, Lease, Task, TaskId, Text, Token};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Attempts of one profile that are looked at for one victim.
const LOOK_MAX: usize = 64;

/// An attempt that may be stopped, in the order in which they are: the lowest class first, and in
/// it whoever has worked for the shortest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Victim {
    class: Reverse<Class>,
    token: Reverse<Token>,
    pub(crate) task: TaskId,
    pub(crate) agent: AgentId,
    weight: u32,
}

impl Victim {
    pub(crate) fn token(&self) -> Token {
        self.token.0
    }

    fn is_below(&self, class: Class) -> bool {
        self.class.0 > class
    }
}

/// Who may preempt, and what goes on about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Preemptions {
    /// The classes that may, by team.
    may: BTreeMap<Text, BTreeSet<Class>>,
    /// Agents that are kept back, and for what: classes of shapes, most urgent first.
    taken: BTreeMap<AgentId, BTreeSet<(Class, u32)>>,
    /// Shapes in which urgent work may have no room, and may find some.
    look: BTreeSet<u32>,
}

impl Index {
    /// The policies of teams are these now.
    pub(super) fn set_preempting(&mut self, facts: &Facts) {
        let may = facts.policies.iter().filter(|(_, it)| !it.preempt.is_empty());
        self.preemptions.may = may.map(|(team, it)| (team.clone(), it.preempt.clone())).collect();
    }

    /// The classes that may preempt in a team, most urgent first.
    fn preempting<'i>(&'i self, team: &Text) -> impl Iterator<Item = Class> + use<'i> {
        self.preemptions.may.get(team).into_iter().flatten().copied()
    }

    /// The classes that may preempt for work of a shape, most urgent first.
    pub(crate) fn preempting_in(&self, shape: ShapeId) -> Vec<Class> {
        self.preempting(&self.shapes[shape.0 as usize].key.team).collect()
    }

    /// Urgent work of this shape may have to look for room.
    pub(crate) fn look_for_room(&mut self, shape: ShapeId) {
        if !self.preemptions.may.is_empty() {
            self.preemptions.look.insert(shape.0);
        }
    }

    /// The same of everything that an agent serves.
    pub(super) fn look_for_room_at(&mut self, agent: AgentId) {
        if self.preemptions.may.is_empty() {
            return;
        }
        let shapes = self.served_by(agent).filter(|at| !self.shapes[*at].queue.is_empty());
        let shapes: Vec<u32> = shapes.map(|at| at as u32).collect();
        self.preemptions.look.extend(shapes);
    }

    pub(super) fn served_by(&self, agent: AgentId) -> impl Iterator<Item = usize> + '_ {
        let own = self.fleet.addressed.get(&agent).into_iter().flatten();
        self.fleet.shapes_of(agent).iter().chain(own).copied()
    }

    /// Whether all urgent work has looked for room: one step stops only so much.
    pub(crate) fn all_looked(&self) -> bool {
        self.preemptions.look.is_empty()
    }

    /// A shape with work whose class may preempt.
    pub(crate) fn next_look(&mut self) -> Option<ShapeId> {
        while let Some(id) = self.preemptions.look.pop_first() {
            let shape = &self.shapes[id as usize];
            let urgent = |class| shape.queue.next_in(class).is_some();
            if self.is_ready(shape) && self.preempting(&shape.key.team).any(urgent) {
                return Some(ShapeId(id));
            }
        }
        None
    }

    /// An attempt begins, or goes on, that may be stopped.
    pub(super) fn add_victim(&mut self, task: &Task, lease: &Lease) {
        if let Some(victim) = victim(task, lease)
            && let Some(standing) = self.fleet.agents.get(lease.agent.0 as usize)
        {
            self.fleet.profiles[standing.profile as usize].victims.insert(victim);
            self.look_for_room_at(lease.agent);
        }
    }

    /// It does no more.
    pub(super) fn drop_victim(&mut self, task: &Task, lease: &Lease) {
        if let Some(victim) = victim(task, lease)
            && let Some(standing) = self.fleet.agents.get(lease.agent.0 as usize)
        {
            self.fleet.profiles[standing.profile as usize].victims.remove(&victim);
        }
    }

    /// An agent has changed its profile: what it works on goes along.
    pub(super) fn move_victims(&mut self, agent: AgentId, from: usize, to: usize) {
        if from == to || self.fleet.profiles[from].victims.is_empty() {
            return;
        }
        let victims = &mut self.fleet.profiles[from].victims;
        let (moved, kept) = std::mem::take(victims).into_iter().partition(|it| it.agent == agent);
        *victims = kept;
        let moved: BTreeSet<Victim> = moved;
        self.fleet.profiles[to].victims.extend(moved);
    }

    /// Every attempt that may be stopped, for checkers.
    pub(super) fn victims(&self) -> BTreeSet<Victim> {
        self.fleet.profiles.iter().flat_map(|it| &it.victims).copied().collect()
    }

    /// What is to be stopped to make room for one task of this class and shape; empty if nothing
    /// would help. All of it is at one agent, and none of it is among the `spared`.
    pub(crate) fn victims_for(
        &self,
        shape: ShapeId,
        class: Class,
        spared: &[TaskId],
    ) -> Vec<Victim> {
        let profiles = &self.shapes[shape.0 as usize].profiles;
        let only = self.shapes[shape.0 as usize].key.only;
        let own = only.and_then(|agent| self.fleet.agents.get(agent.0 as usize));
        let own = own.map(|standing| standing.profile as usize);
        let enough = |victim: &Victim| {
            let may = only.is_none_or(|agent| agent == victim.agent)
                && !spared.contains(&victim.task)
                && self.can_make_room(shape, victim.agent);
            let enough = may.then(|| self.enough(shape, class, victim.agent, spared));
            enough.filter(|it| !it.is_empty()).map(|it| (*victim, it))
        };
        let first = |at: usize| {
            let victims = self.fleet.profiles[at].victims.iter();
            victims.take_while(|it| it.is_below(class)).take(LOOK_MAX).find_map(enough)
        };
        let first = profiles.iter().copied().chain(own).filter_map(first).min_by_key(|it| it.0);
        first.map(|(_, enough)| enough).unwrap_or_default()
    }

    /// Whether room that is made at an agent can go to this shape.
    fn can_make_room(&self, shape: ShapeId, agent: AgentId) -> bool {
        let standing = &self.fleet.agents[agent.0 as usize];
        self.may_have(agent, shape)
            && (!standing.held || self.preemptions.taken.contains_key(&agent))
            // What waited there goes before what has not begun.
            && !self.fleet.resumable.contains_key(&agent)
    }

    /// The first of an agent's victims that together make enough room; none if they cannot.
    fn enough(
        &self,
        shape: ShapeId,
        class: Class,
        agent: AgentId,
        spared: &[TaskId],
    ) -> Vec<Victim> {
        let weight = self.shapes[shape.0 as usize].key.weight;
        let standing = &self.fleet.agents[agent.0 as usize];
        let mut room = i64::from(standing.slots) - i64::from(standing.used);
        let mut enough = Vec::new();
        let victims = self.fleet.profiles[standing.profile as usize].victims.iter();
        let of_agent = |it: &&Victim| it.agent == agent && !spared.contains(&it.task);
        for victim in victims.take_while(|it| it.is_below(class)).filter(of_agent) {
            room += i64::from(victim.weight);
            enough.push(*victim);
            if room >= i64::from(weight) {
                return enough;
            }
        }
        Vec::new()
    }

    /// Whether a task of this class takes, at this agent, a place that more urgent work which may
    /// preempt waits for: there is more of it than there are others who are free for it.
    pub(crate) fn takes_turn(&self, task: &Task, agent: AgentId) -> bool {
        let terms = &task.terms;
        let urgent: Vec<Class> =
            self.preempting(&terms.team).filter(|it| *it < terms.class).collect();
        if urgent.is_empty() {
            return false;
        }
        let left = self.fleet.agents[agent.0 as usize].room().saturating_sub(terms.weight);
        self.served_by(agent).any(|at| {
            let shape = &self.shapes[at];
            let waiting = urgent.iter().filter(|it| shape.queue.next_in(**it).is_some());
            let waiting: usize = waiting.map(|it| shape.queue.len_of(*it)).sum();
            let profiles = shape.profiles.iter().map(|it| &self.fleet.profiles[*it]);
            let free: u32 = profiles.map(|it| it.count_free(shape.key.weight)).sum();
            let others = free.saturating_sub(1) + u32::from(left >= shape.key.weight);
            waiting > others as usize && self.is_ready(shape)
        })
    }

    /// Keeps an agent back for one class of a shape, unless it is for heavy work: what becomes free
    /// there is for it.
    pub(crate) fn take_for(&mut self, agent: AgentId, shape: ShapeId, class: Class) {
        let Some(standing) = self.fleet.agents.get(agent.0 as usize) else { return };
        if !standing.held || self.preemptions.taken.contains_key(&agent) {
            self.preemptions.taken.entry(agent).or_default().insert((class, shape.0));
            self.fleet.hold(agent, true);
        }
    }

    /// It got what it was kept back for, or was kept back for nothing.
    fn let_go(&mut self, agent: AgentId, class: Class, shape: ShapeId) {
        let Some(taken) = self.preemptions.taken.get_mut(&agent) else { return };
        taken.remove(&(class, shape.0));
        if taken.is_empty() {
            self.preemptions.taken.remove(&agent);
            self.fleet.hold(agent, false);
        }
    }

    /// A task was granted to an agent that may have been kept back for it. Others of its shape look
    /// whether room is being made for them there.
    pub(super) fn taken_by(&mut self, task: &Task, agent: AgentId) {
        if self.preemptions.taken.contains_key(&agent) {
            self.let_go(agent, task.terms.class, task.shape);
            self.look_for_room(task.shape);
        }
    }

    pub(super) fn has_taken(&self) -> bool {
        !self.preemptions.taken.is_empty()
    }

    /// An agent that was kept back for urgent work and has the room now. Those that are kept back
    /// for nothing are let go, and those without any room are not asked again before they change.
    pub(super) fn next_taken(&mut self) -> Option<Match> {
        let woken: Vec<AgentId> = self.fleet.woken.iter().copied().collect();
        for agent in woken {
            let taken = self.preemptions.taken.get(&agent).cloned().unwrap_or_default();
            for (class, id) in taken {
                let (shape, key) = (ShapeId(id), &self.shapes[id as usize].key);
                let room = self.fleet.agents[agent.0 as usize].room();
                if !self.has_use(agent, shape, class) {
                    self.let_go(agent, class, shape);
                } else if room >= key.weight {
                    return Some(Match { shape, agent: Some(agent), class: Some(class) });
                }
            }
            let taken = self.preemptions.taken.contains_key(&agent);
            if !taken || self.fleet.agents[agent.0 as usize].room() == 0 {
                self.fleet.woken.remove(&agent);
            }
        }
        None
    }

    /// Whether there is work of this class and shape that an agent may have.
    fn has_use(&self, agent: AgentId, shape: ShapeId, class: Class) -> bool {
        let of = &self.shapes[shape.0 as usize];
        let waits = self.is_ready(of) && of.queue.next_in(class).is_some();
        waits && self.may_have(agent, shape)
    }
}

fn victim(task: &Task, lease: &Lease) -> Option<Victim> {
    let may = task.terms.preemptible || planted(Mutant::PreemptsUnasked);
    (may && !lease.firm && !task.is_bid).then(|| Victim {
        class: Reverse(task.terms.class),
        token: Reverse(lease.token),
        task: task.id,
        agent: lease.agent,
        weight: task.terms.weight,
    })
}
