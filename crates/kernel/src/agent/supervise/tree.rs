//! Who stands where in a team's tree of supervisors. The tree is small; it is walked, not indexed.

use super::{Level, Strategy, Supervisor, Supervisors, Tier};
use crate::mutant::{Mutant, planted};
use crate::rule::intensity::Intensity;
use crate::{Policies, Restart, State, Text};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tree of a team, as it is configured.
pub(crate) fn supervisors_of(state: &State, team: &Text) -> Arc<Policies> {
    state.policies.get(team).cloned().unwrap_or_default()
}

/// What stands between a child and the root: who counts its restarts, nearest first, with the
/// child that is restarted there.
pub(crate) struct Climb<'t> {
    pub(crate) rungs: Vec<Rung<'t>>,
}

/// One place where a restart may be decided.
pub(crate) struct Rung<'t> {
    pub(crate) level: Level,
    pub(crate) intensity: Intensity,
    /// The supervisor; none for an agent on its own and for the root.
    pub(crate) supervisor: Option<&'t Supervisor>,
    /// The child that failed there: an agent, or the supervisor of the rung below.
    pub(crate) child: Text,
}

impl Supervisors {
    /// The supervisor of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Supervisor> {
        self.named.iter().find(|it| *it.name == *name)
    }

    /// The supervisor that has this agent or supervisor as a child.
    #[must_use]
    pub fn above(&self, child: &str) -> Option<&Supervisor> {
        self.named.iter().find(|it| it.children.iter().any(|name| **name == *child))
    }

    /// What counts the restarts of this agent first, and how many it bears.
    #[must_use]
    pub fn level_of(&self, team: &Text, agent: &Text) -> (Level, Intensity) {
        match self.above(agent) {
            Some(above) => {
                let (team, name) = (team.clone(), above.name.clone());
                (Level { team, tier: Tier::Group, name }, above.intensity)
            }
            None => {
                let (team, name) = (team.clone(), agent.clone());
                (Level { team, tier: Tier::Agent, name }, self.agent)
            }
        }
    }

    /// All that may count a restart of this agent, nearest first, and how many each bears.
    #[must_use]
    pub fn levels_of(&self, team: &Text, agent: &Text) -> Vec<(Level, Intensity)> {
        let rungs = self.climb(team, agent).rungs;
        rungs.into_iter().map(|rung| (rung.level, rung.intensity)).collect()
    }

    /// From an agent up to the root. A circle, which no configuration has, would end at the root
    /// too.
    pub(crate) fn climb(&self, team: &Text, agent: &Text) -> Climb<'_> {
        let mut rungs = Vec::new();
        let (level, intensity) = self.level_of(team, agent);
        let mut child = agent.clone();
        if level.tier == Tier::Agent {
            rungs.push(Rung { level, intensity, supervisor: None, child: child.clone() });
        }
        for _ in 0..self.named.len() {
            let Some(above) = self.above(&child) else { break };
            let (team, name) = (team.clone(), above.name.clone());
            let level = Level { team, tier: Tier::Group, name };
            let (intensity, supervisor) = (above.intensity, Some(above));
            rungs.push(Rung { level, intensity, supervisor, child });
            child = above.name.clone();
        }
        let level = Level { team: team.clone(), tier: Tier::Root, name: child.clone() };
        rungs.push(Rung { level, intensity: self.root, supervisor: None, child });
        Climb { rungs }
    }

    /// The agents below a child, itself if it is one, in start order.
    pub(crate) fn agents_below(&self, child: &Text) -> Vec<Text> {
        let (mut agents, mut seen) = (Vec::new(), BTreeSet::new());
        self.collect(child, &mut agents, &mut seen);
        agents
    }

    fn collect(&self, child: &Text, agents: &mut Vec<Text>, seen: &mut BTreeSet<Text>) {
        if !seen.insert(child.clone()) {
            return;
        }
        match self.named(child) {
            Some(supervisor) => {
                supervisor.children.iter().for_each(|it| self.collect(it, agents, seen));
            }
            None => agents.push(child.clone()),
        }
    }

    /// The supervisors below a child, itself if it is one.
    pub(crate) fn supervisors_below(&self, child: &Text) -> Vec<&Supervisor> {
        let mut found: Vec<&Supervisor> = self.named(child).into_iter().collect();
        let mut at = 0;
        while let Some(supervisor) = found.get(at).copied() {
            let below = supervisor.children.iter().filter_map(|it| self.named(it));
            let new = below.filter(|it| !found.iter().any(|known| known.name == it.name));
            let new: Vec<&Supervisor> = new.collect();
            found.extend(new);
            at += 1;
        }
        found
    }
}

impl Rung<'_> {
    /// The children that are restarted with the one that failed, itself included, in start order.
    pub(crate) fn affected(&self) -> Vec<Text> {
        let Some(supervisor) = self.supervisor else { return vec![self.child.clone()] };
        let children = &supervisor.children;
        let at = children.iter().position(|it| *it == self.child).unwrap_or(0);
        match supervisor.strategy {
            Strategy::OneForAll if !planted(Mutant::OneForAllRestartsOne) => children.clone(),
            Strategy::OneForOne | Strategy::OneForAll => vec![self.child.clone()],
            Strategy::RestForOne if planted(Mutant::RestForOneWrongSide) => {
                children[..=at.min(children.len().saturating_sub(1))].to_vec()
            }
            Strategy::RestForOne => children.get(at..).unwrap_or_default().to_vec(),
        }
    }

    /// Whether the supervisor above starts this one again after it has given up: it ended with
    /// `shutdown`, which is no abnormal end.
    pub(crate) fn comes_back(&self) -> bool {
        self.supervisor.is_none_or(|it| it.restart == Restart::Permanent)
    }
}
