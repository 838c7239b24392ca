//! What is stopped and started because a child has failed, and who decides it.
//!
//! The nearest level that may still restart does. One that may not stops its children and fails
//! itself, as a child of the level above; past the root the child is given up. A restart that is
//! under way already is not counted again, but taken into the new one.

use super::advance::advance;
use super::tree::{Rung, supervisors_of};
use super::{Level, Supervisors, Tier};
use crate::agent::{Presence, Stage};
use crate::command::Extent;
use crate::kernel::Draft;
use crate::rule::{backoff, intensity};
use crate::{AgentId, Planned, Restart, Supervised, Text, Time};
use std::collections::BTreeSet;

/// Decides about an agent that has died and is to come back.
///
/// A process of an agent on its own that dies at its work is started again and not counted: the
/// attempt pays for it, and what bounds a task's attempts and an agent's failures bounds this too.
/// Otherwise a few tasks that kill whoever takes them would take the agent from all the others.
pub(super) fn restart(draft: &mut Draft<'_>, agent: AgentId, extent: Extent) {
    let Some(known) = draft.agent(agent) else { return };
    let (team, name) = (known.spec.team.clone(), known.spec.name.clone());
    let policies = supervisors_of(draft, &team);
    let tree = &policies.supervisors;
    let rungs = tree.climb(&team, &name).rungs;
    if extent == Extent::AtWork && rungs[0].level.tier == Tier::Agent {
        let (counted, forgets, at) = (None, Vec::new(), draft.now);
        let (stop, start) = (vec![agent], vec![agent]);
        return plan(draft, Planned { agent, counted, forgets, stop, start, at });
    }
    let before: u32 =
        rungs.iter().map(|rung| draft.supervision.count(&rung.level, draft.now)).sum();
    let mut stop: Vec<AgentId> = Vec::new();
    for (at, rung) in rungs.iter().enumerate() {
        let window = draft.supervision.windows.get(&rung.level).cloned().unwrap_or_default();
        if window.allows(rung.intensity, draft.now) {
            let cap_ms = intensity::cap_ms(rungs[at..].iter().map(|it| it.intensity));
            let (drawn, _) = backoff::draw(draft.seed);
            let put_off = draft.now.after(intensity::delay_ms(before, cap_ms, drawn));
            return decide(draft, tree, agent, rung, stop, put_off);
        }
        draft.supervise(Supervised::Escalated { level: rung.level.clone(), agent });
        let failed = rung.supervisor.map_or(&rung.child, |it| &it.name);
        add(&mut stop, ids(draft, &tree.agents_below(failed)).into_iter().rev());
        if !rung.comes_back() || at + 1 == rungs.len() {
            let failed = failed.clone();
            return give_up(draft, tree, &failed, stop, rung);
        }
    }
}

/// This level restarts what its strategy says.
fn decide(
    draft: &mut Draft<'_>,
    tree: &Supervisors,
    agent: AgentId,
    rung: &Rung<'_>,
    mut stop: Vec<AgentId>,
    at: Time,
) {
    let affected = rung.affected();
    for child in affected.iter().rev() {
        add(&mut stop, ids(draft, &tree.agents_below(child)).into_iter().rev());
    }
    let mut start = Vec::new();
    for child in &affected {
        let is_agent = tree.named(child).is_none();
        for id in ids(draft, &tree.agents_below(child)) {
            let starts = id == agent || !is_agent || !is_temporary(draft, id);
            start.extend(starts.then_some(id));
        }
    }
    // A supervisor that is started anew has restarted nothing yet.
    let fresh = affected.iter().flat_map(|child| tree.supervisors_below(child));
    let forgets = fresh.map(|it| level(&rung.level.team, Tier::Group, &it.name)).collect();
    let counted = Some((rung.level.clone(), rung.intensity));
    plan(draft, Planned { agent, counted, forgets, stop, start, at });
}

/// Nobody restarts this subtree any more: what of it still runs is stopped.
fn give_up(
    draft: &mut Draft<'_>,
    tree: &Supervisors,
    failed: &Text,
    stop: Vec<AgentId>,
    rung: &Rung<'_>,
) {
    let members = ids(draft, &tree.agents_below(failed));
    let Some(agent) = members.first().copied() else { return };
    let (restarts, seconds) = (rung.intensity.restarts, rung.intensity.period_ms / 1_000);
    let reason: Text = format!(
        "`{failed}` died again after {restarts} restarts in {seconds} s; mend it, then `majordomo \
         agents restart`"
    )
    .into();
    for agent in members {
        draft.supervise(Supervised::GivenUp { agent, reason: reason.clone() });
    }
    let (counted, forgets, start) = (None, Vec::new(), Vec::new());
    plan(draft, Planned { agent, counted, forgets, stop, start, at: Time(0) });
}

/// Writes a restart down, with those under way that it touches taken into it, and sets about it.
pub(super) fn plan(draft: &mut Draft<'_>, mut new: Planned) {
    let members: BTreeSet<AgentId> = new.stop.iter().chain(&new.start).copied().collect();
    let plans: BTreeSet<u64> =
        members.iter().filter_map(|id| draft.agent(*id).and_then(|it| it.life.plan)).collect();
    for number in plans {
        let Some(old) = draft.supervision.plans.get(&number).cloned() else { continue };
        let life = |id: &AgentId| draft.agent(*id).map(|it| &it.life);
        let unstopped = |id: &AgentId| {
            life(id).is_some_and(|it| matches!(it.stage, Stage::Condemned | Stage::Stopping))
        };
        // What is given up here is not started by a restart from before.
        let wanted = |id: &AgentId| life(id).is_some_and(|it| it.given_up.is_none());
        add(&mut new.stop, old.stop.into_iter().filter(unstopped));
        add(&mut new.start, old.start.into_iter().filter(wanted));
        put_in_start_order(draft, &mut new.start);
        let at_once = new.counted.is_none() && !new.start.is_empty();
        new.at = if at_once { new.at } else { new.at.max(old.at) };
    }
    let agent = new.agent;
    draft.supervise(Supervised::Planned(Box::new(new)));
    advance(draft, agent);
}

/// Start order is the order of the tree; all of them are below one child of the root.
fn put_in_start_order(draft: &Draft<'_>, start: &mut [AgentId]) {
    let first = start.first().and_then(|id| draft.agent(*id));
    let Some(spec) = first.map(|agent| agent.spec.clone()) else { return };
    let policies = supervisors_of(draft, &spec.team);
    let tree = &policies.supervisors;
    let Some(top) = tree.climb(&spec.team, &spec.name).rungs.pop() else { return };
    let order = ids(draft, &tree.agents_below(&top.child));
    start.sort_by_key(|id| order.iter().position(|it| it == id));
}

/// The agents of these names that are present, in the same order.
pub(super) fn ids(draft: &Draft<'_>, names: &[Text]) -> Vec<AgentId> {
    let present = names.iter().filter_map(|name| draft.agent_named(name));
    let present = present.filter(|agent| agent.presence != Presence::Left && !agent.spec.remote);
    present.map(|agent| agent.id).collect()
}

fn is_temporary(draft: &Draft<'_>, agent: AgentId) -> bool {
    draft.agent(agent).is_some_and(|it| it.spec.restart == Restart::Temporary)
}

pub(super) fn level(team: &Text, tier: Tier, name: &Text) -> Level {
    Level { team: team.clone(), tier, name: name.clone() }
}

/// Adds what is not there yet.
fn add(to: &mut Vec<AgentId>, more: impl Iterator<Item = AgentId>) {
    for agent in more {
        if !to.contains(&agent) {
            to.push(agent);
        }
    }
}
