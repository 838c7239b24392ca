//! Who gets nothing of a capability just now, because a breaker says so.
//!
//! A barred agent stands in the profile of those who do not serve the capability at all, and so no
//! question about who is free has to ask about breakers. What is kept besides is counts: how many
//! are out, for the reasons of a choice and for the floor under those who are left.

use super::{Index, Timer};
use crate::rule::breaker::Phase;
use crate::state::Facts;
use crate::{Agent, AgentId, Presence, Text};
use std::collections::{BTreeMap, BTreeSet};

/// Why an agent is barred from a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bar {
    /// Its breaker has opened.
    Open,
    /// An operator has opened its breaker.
    Forced,
    /// As many probes as may be are under way.
    Probing,
}

/// How many are out of one capability in one team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Out {
    /// Present and barred, for whatever reason.
    pub(crate) barred: u32,
    /// Would get work, if their breakers had not opened.
    pub(crate) open: u32,
    /// Would get work, if an operator had not opened their breakers.
    pub(crate) forced: u32,
}

/// The bars, and what follows from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Bars {
    of: BTreeMap<(AgentId, Text), Bar>,
    /// By team and capability.
    out: BTreeMap<(Text, Text), Out>,
    /// Where too many may be out, since somebody came or went. No fact: it is looked at and dropped
    /// before the next grant.
    doubtful: BTreeSet<(Text, Text)>,
}

impl Bars {
    /// What this agent is barred from.
    pub(super) fn of(&self, agent: AgentId) -> Vec<(Text, Bar)> {
        if self.of.is_empty() {
            return Vec::new(); // So it mostly is.
        }
        let from = (agent, Text::default());
        let mine = self.of.range(from..).take_while(|((it, _), _)| *it == agent);
        mine.map(|((_, capability), bar)| (capability.clone(), *bar)).collect()
    }

    /// An agent of this team comes (1) or goes (-1) with these bars.
    pub(super) fn count(
        &mut self,
        team: &Text,
        barred: &[(Text, Bar)],
        presence: Presence,
        by: i32,
    ) {
        for (capability, bar) in barred {
            let id = (team.clone(), capability.clone());
            let out = self.out.entry(id.clone()).or_default();
            let add = |count: &mut u32| *count = count.saturating_add_signed(by);
            match presence {
                Presence::Left => {}
                Presence::Paused | Presence::Draining => add(&mut out.barred),
                Presence::Active => {
                    add(&mut out.barred);
                    match bar {
                        Bar::Open => add(&mut out.open),
                        Bar::Forced => add(&mut out.forced),
                        Bar::Probing => {}
                    }
                }
            }
            if *out == Out::default() {
                self.out.remove(&id);
            }
        }
    }

    /// Somebody who serves these came or went.
    pub(super) fn doubt<'a>(&mut self, team: &Text, capabilities: impl Iterator<Item = &'a Text>) {
        if self.out.is_empty() {
            return;
        }
        for capability in capabilities {
            let id = (team.clone(), capability.clone());
            if self.out.get(&id).is_some_and(|out| out.open > 0) {
                self.doubtful.insert(id);
            }
        }
    }

    /// Who is barred from what; how many are out follows from it and is compared with it.
    pub(super) fn kept(&self) -> (&BTreeMap<(AgentId, Text), Bar>, Vec<Out>) {
        (&self.of, self.out.values().copied().collect())
    }
}

impl Index {
    /// Enters every breaker of these facts.
    pub(super) fn link_breakers(&mut self, facts: &Facts) {
        for ((id, capability), breaker) in &facts.breakers {
            let Some(agent) = facts.agents.get(id.0 as usize) else { continue };
            if let Phase::Open { until } = breaker.phase() {
                self.add_timer(*until, Timer::Breaker(*id, capability.clone()));
            }
            let policy = facts.breaker_policy(*id, capability);
            self.set_bar(agent, capability, breaker.bar(&policy));
        }
    }

    /// Bars an agent from a capability, for another reason than before, or no longer.
    pub(crate) fn set_bar(&mut self, agent: &Agent, capability: &Text, bar: Option<Bar>) {
        let id = (agent.id, capability.clone());
        let old = match bar {
            Some(bar) => self.bars.of.insert(id, bar),
            None if self.bars.of.is_empty() => None,
            None => self.bars.of.remove(&id),
        };
        if old != bar {
            self.agent_changed(agent);
        }
    }

    /// How many are out of this capability.
    pub(crate) fn out_of(&self, team: &Text, capability: &Text) -> Out {
        if self.bars.out.is_empty() {
            return Out::default();
        }
        self.bars.out.get(&(team.clone(), capability.clone())).copied().unwrap_or_default()
    }

    /// Where too many may be out.
    pub(crate) fn next_doubt(&mut self) -> Option<(Text, Text)> {
        self.bars.doubtful.pop_first()
    }
}
