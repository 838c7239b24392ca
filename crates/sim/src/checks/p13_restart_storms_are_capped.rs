//! P13: no level restarts more often than its intensity in any sliding window, none escalates
//! sooner, and who is stopped and started, in which order, follows from the strategy.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{
    AgentId, Event, Exit, Intensity, Kernel, Level, Planned, Presence, Restart, Stage, State,
    Strategy, Supervised, Supervisors, Text, Tier, Time,
};
use std::collections::BTreeMap;

/// The restarts of each level, as the journal tells them.
#[derive(Default)]
pub struct Storms {
    restarts: BTreeMap<Level, Vec<Time>>,
}

impl Check for Storms {
    fn name(&self) -> &'static str {
        "p13_restart_storms_are_capped"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let (at, before) = (seen.entry.at, seen.before);
        match &seen.entry.event {
            Event::RuntimeStarted { .. } => self.restarts.clear(),
            Event::LeaseGranted(granted) => return runs(before, granted.agent),
            Event::Supervised(event) => match event {
                Supervised::Planned(planned) => return self.planned(at, before, planned),
                Supervised::Escalated { level, .. } => return self.escalated(at, before, level),
                Supervised::Exited { agent, reason, rest, .. } => {
                    return exited(before, *agent, reason, *rest);
                }
                Supervised::Stopping { agent, .. } => return stopping(before, *agent),
                Supervised::Starting { agent, .. } => return starting(before, *agent),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, kernel: &Kernel) -> Verdict {
        let state = kernel.state();
        let astray = state.agents().iter().find(|agent| {
            let here = agent.presence != Presence::Left;
            here && agent.life.plan.is_none() && agent.life.stage == Stage::Down
        });
        match astray {
            Some(agent) => Err(format!("{} is down and nobody starts it", agent.spec.name)),
            None => Ok(()),
        }
    }
}

impl Storms {
    fn count(&self, level: &Level, period_ms: u64, at: Time) -> usize {
        let restarts = self.restarts.get(level).into_iter().flatten();
        restarts.filter(|then| then.after(period_ms) >= at).count()
    }

    fn planned(&mut self, at: Time, before: &State, planned: &Planned) -> Verdict {
        planned.forgets.iter().for_each(|level| {
            self.restarts.remove(level);
        });
        let Some((level, intensity)) = &planned.counted else { return Ok(()) };
        let count = self.count(level, intensity.period_ms, at) + 1;
        if count > intensity.restarts as usize {
            return Err(format!("{level:?} restarts {count} times within {intensity:?}"));
        }
        self.restarts.entry(level.clone()).or_default().push(at);
        follows(before, level, planned)
    }

    fn escalated(&mut self, at: Time, before: &State, level: &Level) -> Verdict {
        let intensity = intensity_of(before, level);
        let count = self.count(level, intensity.period_ms, at);
        self.restarts.remove(level);
        if count < intensity.restarts as usize {
            return Err(format!("{level:?} escalates after {count} restarts within {intensity:?}"));
        }
        Ok(())
    }
}

/// Only what runs gets work.
fn runs(before: &State, agent: AgentId) -> Verdict {
    match before.agent(agent).map(|it| &it.life) {
        Some(life) if life.stage == Stage::Up && life.given_up.is_none() => Ok(()),
        life => Err(format!("agent {agent} gets work and is {life:?}")),
    }
}

/// Whether it is started again follows from how it ended, unless it was told to stop.
fn exited(before: &State, id: AgentId, reason: &Exit, rest: bool) -> Verdict {
    let Some(agent) = before.agent(id) else { return Ok(()) };
    let told = matches!(agent.life.stage, Stage::Condemned | Stage::Stopping);
    let comes_back = match agent.spec.restart {
        Restart::Permanent => true,
        Restart::Transient => matches!(reason, Exit::Abnormal(_)),
        Restart::Temporary => false,
    };
    let over = before.draining || agent.life.given_up.is_some();
    if !told && rest == (comes_back && !over) {
        let restart = agent.spec.restart;
        return Err(format!("{restart:?} agent {id} ended by {reason:?}; it rests: {rest}"));
    }
    Ok(())
}

/// One after the other, in the order of the plan.
fn stopping(before: &State, agent: AgentId) -> Verdict {
    let Some(plan) = plan_of(before, agent) else {
        return Err(format!("agent {agent} is stopped and no restart says so"));
    };
    let turn = plan.stop.iter().take_while(|it| **it != agent);
    let waits = |it: &&AgentId| matches!(stage(before, **it), Stage::Condemned | Stage::Stopping);
    match turn.copied().find(|it| waits(&it)) {
        Some(first) => Err(format!("agent {agent} is stopped before agent {first}")),
        None => Ok(()),
    }
}

/// Nobody starts before everybody has stopped, nor before those that it may depend on.
fn starting(before: &State, agent: AgentId) -> Verdict {
    let Some(plan) = plan_of(before, agent) else {
        return Err(format!("agent {agent} is started and no restart says so"));
    };
    let runs = |it: &&AgentId| matches!(stage(before, **it), Stage::Condemned | Stage::Stopping);
    if let Some(other) = plan.stop.iter().find(runs) {
        return Err(format!("agent {agent} is started before agent {other} has stopped"));
    }
    let earlier = plan.start.iter().take_while(|it| **it != agent);
    let waits = |it: &&AgentId| matches!(stage(before, **it), Stage::Down | Stage::Starting);
    match earlier.copied().find(|it| waits(&it)) {
        Some(first) => Err(format!("agent {agent} is started before agent {first}")),
        None => Ok(()),
    }
}

/// Whom a restart stops and starts follows from the strategy of the level that decides it.
fn follows(before: &State, level: &Level, planned: &Planned) -> Verdict {
    let policies = before.policies.get(&level.team).cloned().unwrap_or_default();
    let tree = &policies.supervisors;
    let Some(supervisor) = tree.named(&level.name).filter(|_| level.tier == Tier::Group) else {
        return Ok(());
    };
    let Some(died) = before.agent(planned.agent) else { return Ok(()) };
    let holds = |child: &Text| below(tree, child).contains(&died.spec.name);
    let place = supervisor.children.iter().position(holds).unwrap_or(0);
    for (at, child) in supervisor.children.iter().enumerate() {
        let affected = match supervisor.strategy {
            Strategy::OneForOne => at == place,
            Strategy::OneForAll => true,
            Strategy::RestForOne => at >= place,
        };
        for name in below(tree, child) {
            let here = |it: &&kernel::Agent| it.presence != Presence::Left && !it.spec.remote;
            let Some(agent) = before.agent_named(&name).filter(here) else { continue };
            let stopped = planned.stop.contains(&agent.id);
            // One that is part of a restart already may be taken into this one.
            if stopped != affected && (affected || agent.life.plan.is_none()) {
                let strategy = supervisor.strategy;
                return Err(format!("{strategy:?}: {name} stopped: {stopped}, of {planned:?}"));
            }
            let temporary = agent.spec.restart == Restart::Temporary && *child == name;
            if planned.start.contains(&agent.id) && temporary && agent.life.plan.is_none() {
                return Err(format!("temporary agent {name} is started by {planned:?}"));
            }
        }
    }
    Ok(())
}

/// The agents below a child, in start order.
fn below(tree: &Supervisors, child: &Text) -> Vec<Text> {
    match tree.named(child) {
        Some(supervisor) => supervisor.children.iter().flat_map(|it| below(tree, it)).collect(),
        None => vec![child.clone()],
    }
}

fn intensity_of(before: &State, level: &Level) -> Intensity {
    let policies = before.policies.get(&level.team).cloned().unwrap_or_default();
    let tree = &policies.supervisors;
    match level.tier {
        Tier::Agent => tree.agent,
        Tier::Root => tree.root,
        Tier::Group => tree.named(&level.name).map_or(tree.root, |it| it.intensity),
    }
}

fn plan_of(state: &State, agent: AgentId) -> Option<&kernel::Plan> {
    state.supervision.plans.get(&state.agent(agent)?.life.plan?)
}

fn stage(state: &State, agent: AgentId) -> Stage {
    let present = state.agent(agent).filter(|it| it.presence != Presence::Left);
    present.map_or(Stage::Resting, |it| it.life.stage)
}
