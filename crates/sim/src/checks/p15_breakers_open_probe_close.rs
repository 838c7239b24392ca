//! P15: breakers open when they must and not before, let exactly so many probes through, close,
//! and never shut everyone out. And P12's part in it: no breaker opens because of one task.
//!
//! The model has a list of results for each agent and capability, kept from durable events, and
//! knows nothing of the kernel's windows. What must follow at once is demanded of the very next
//! entry.

pub(crate) mod scene;

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{
    AgentId, BreakerPolicy, Event, FailureKind, Forced, Presence, State, TaskId, Text, Time, Token,
    Tripped,
};
use std::collections::{BTreeMap, BTreeSet};

/// Every breaker, by the journal alone.
#[derive(Default)]
pub struct Breakers {
    of: BTreeMap<(AgentId, Text), Model>,
    /// Who works on what: agent, capability, token.
    holders: BTreeMap<TaskId, (AgentId, Text, Token)>,
    /// What the next entry has to be.
    demand: Option<((AgentId, Text), Demand)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Demand {
    Opened,
    Closed,
    /// A probe failed: open, or half-open anew where it cannot be spared.
    Decided,
}

/// One breaker.
#[derive(Default)]
struct Model {
    phase: Phase,
    forced: Option<Forced>,
    /// Results since it was closed last, oldest first: the task of each bad one.
    results: Vec<Option<TaskId>>,
    /// Other policies came: how many results are looked at is no longer known.
    reconfigured: bool,
}

#[derive(Default)]
enum Phase {
    #[default]
    Closed,
    Open(Time),
    HalfOpen {
        probes: BTreeSet<Token>,
        passed: u32,
        failed: bool,
    },
}

impl Model {
    fn is_open(&self) -> bool {
        match self.forced {
            None => matches!(self.phase, Phase::Open(_)),
            Some(forced) => forced == Forced::Open,
        }
    }
}

/// Whether a failure of this kind is held against the agent: a list of our own.
fn blames(kind: FailureKind) -> bool {
    use FailureKind::{Crash, Error, Garbage, LeaseExpired, Overloaded, Panic, Timeout};
    [Crash, Error, Garbage, LeaseExpired, Overloaded, Panic, Timeout].contains(&kind)
}

impl Check for Breakers {
    fn name(&self) -> &'static str {
        "p15_breakers_open_probe_close"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        self.heed(&seen.entry.event)?;
        match &seen.entry.event {
            Event::LeaseGranted(granted) => {
                let capability = seen.before.task(granted.task).map(|it| &it.terms.capability);
                let Some(capability) = capability.cloned() else { return Ok(()) };
                self.granted(seen.before, granted.task, granted.agent, capability, granted.token)
            }
            Event::TaskCompleted { task, .. } => self.result(seen, *task, Some(false)),
            Event::AttemptFailed { task, failure, .. } => {
                self.result(seen, *task, blames(failure.kind).then_some(true))
            }
            Event::AttemptLost { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.result(seen, *task, None),
            Event::TaskWaiting { task } => {
                self.withdraw(*task);
                Ok(())
            }
            Event::Configured { .. } => {
                self.of.values_mut().for_each(|model| model.reconfigured = true);
                self.begin_anew();
                Ok(())
            }
            Event::RuntimeStarted { .. } => {
                self.begin_anew();
                Ok(())
            }
            Event::BreakerOpened { agent, capability, until, why } => {
                self.opened(seen.before, (*agent, capability.clone()), *until, *why)
            }
            Event::BreakerHalfOpened { agent, capability } => {
                self.half_opened(seen, (*agent, capability.clone()))
            }
            Event::BreakerClosed { agent, capability } => {
                self.closed(seen.before, &(*agent, capability.clone()))
            }
            Event::BreakerForced { agent, capability, forced } => {
                let forced = *forced;
                let model = Model { forced, ..Model::default() };
                self.of.insert((*agent, capability.clone()), model);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Breakers {
    /// What had to follow has followed, or the process ended before it could.
    fn heed(&mut self, event: &Event) -> Verdict {
        let Some(((agent, capability), demand)) = self.demand.take() else { return Ok(()) };
        let met = match event {
            Event::BreakerOpened { agent: who, capability: what, .. } => {
                demand != Demand::Closed && *who == agent && *what == capability
            }
            Event::BreakerHalfOpened { agent: who, capability: what } => {
                demand == Demand::Decided && *who == agent && *what == capability
            }
            Event::BreakerClosed { agent: who, capability: what } => {
                demand == Demand::Closed && *who == agent && *what == capability
            }
            Event::RuntimeStarted { .. } => true,
            _ => false,
        };
        let what = match demand {
            Demand::Opened => "has failed often enough and is not kept from it",
            Demand::Closed => "has passed its probes and is still kept from it",
            Demand::Decided => "has failed as a probe and nothing follows",
        };
        if met { Ok(()) } else { Err(format!("agent {agent} {what}: {capability}")) }
    }

    fn granted(
        &mut self,
        before: &State,
        task: TaskId,
        agent: AgentId,
        capability: Text,
        token: Token,
    ) -> Verdict {
        let id = (agent, capability.clone());
        self.holders.insert(task, (agent, capability, token));
        let policy = before.facts().breaker_policy(agent, &id.1);
        let Some(model) = self.of.get_mut(&id).filter(|it| it.forced.is_none()) else {
            return self.forced_open(&id);
        };
        match &mut model.phase {
            Phase::Closed => Ok(()),
            Phase::Open(_) if !policy.on => Ok(()),
            Phase::Open(until) => {
                Err(format!("agent {agent} got {} while it was out until {}", id.1, until.0))
            }
            Phase::HalfOpen { probes, passed, failed } => {
                probes.insert(token);
                let all = probes.len() as u32 + *passed;
                if policy.on && (all > policy.probes || *failed) {
                    let most = policy.probes;
                    return Err(format!(
                        "agent {agent} was let try {} {all} times of {most}",
                        id.1
                    ));
                }
                Ok(())
            }
        }
    }

    fn forced_open(&self, id: &(AgentId, Text)) -> Verdict {
        match self.of.get(id).and_then(|model| model.forced) {
            Some(Forced::Open) => Err(format!("agent {} got {}, against orders", id.0, id.1)),
            Some(Forced::Closed) | None => Ok(()),
        }
    }

    /// What is half-open begins anew, with as many probes as may be.
    fn begin_anew(&mut self) {
        for model in self.of.values_mut() {
            if let Phase::HalfOpen { probes, passed, failed } = &mut model.phase {
                (*passed, *failed) = (0, false);
                probes.clear();
            }
        }
    }

    /// An attempt that was a probe says nothing about its agent any more.
    fn withdraw(&mut self, task: TaskId) {
        let Some((agent, capability, token)) = self.holders.get(&task) else { return };
        if let Some(model) = self.of.get_mut(&(*agent, capability.clone()))
            && let Phase::HalfOpen { probes, .. } = &mut model.phase
        {
            probes.remove(token);
        }
    }

    /// An attempt has ended; `None`: that says nothing about its agent.
    fn result(&mut self, seen: &Recorded<'_>, task: TaskId, bad: Option<bool>) -> Verdict {
        if bad.is_none() {
            self.withdraw(task);
        }
        let Some((agent, capability, token)) = self.holders.remove(&task) else { return Ok(()) };
        let Some(bad) = bad else { return Ok(()) };
        let policy = seen.before.facts().breaker_policy(agent, &capability);
        let worked_ms = seen.before.task(task).map_or(0, |it| it.status.worked_ms(seen.entry.at));
        let slow = policy.slow_ms > 0 && worked_ms > policy.slow_ms;
        let id = (agent, capability);
        let model = self.of.entry(id.clone()).or_default();
        match &mut model.phase {
            Phase::Closed => model.results.push(bad.then_some(task)),
            Phase::Open(_) => {}
            Phase::HalfOpen { probes, passed, failed } => {
                if probes.remove(&token) {
                    *failed |= bad || slow;
                    *passed += u32::from(!bad && !slow);
                }
            }
        }
        if policy.on && model.forced.is_none() {
            self.demand = self.follows(seen.before, &id, &policy, bad || slow).map(|it| (id, it));
        }
        Ok(())
    }

    /// What must follow at once from the results of this breaker.
    fn follows(
        &self,
        before: &State,
        id: &(AgentId, Text),
        policy: &BreakerPolicy,
        bad: bool,
    ) -> Option<Demand> {
        let model = self.of.get(id)?;
        match &model.phase {
            Phase::HalfOpen { failed: true, .. } => bad.then_some(Demand::Decided),
            Phase::HalfOpen { passed, .. } => (*passed >= policy.probes).then_some(Demand::Closed),
            Phase::Open(_) => None,
            Phase::Closed => {
                // So many bad ones in a row are enough, whatever was before.
                let enough = policy.minimum.max(policy.window) as usize;
                let latest = model.results.iter().rev().take(enough);
                let tasks: BTreeSet<TaskId> = latest.clone().flatten().copied().collect();
                let all_bad =
                    latest.clone().count() == enough && latest.flatten().count() == enough;
                let must = all_bad && tasks.len() >= 3 && !model.reconfigured;
                (must && self.may_spare(before, id)).then_some(Demand::Opened)
            }
        }
    }

    /// Whether at most half are out when this one is.
    fn may_spare(&self, before: &State, id: &(AgentId, Text)) -> bool {
        let Some(agent) = before.agent(id.0) else { return false };
        let able = before.agents().iter().filter(|it| {
            let serves = it.spec.serves.iter().any(|serves| serves.capability == id.1);
            it.presence == Presence::Active && it.spec.team == agent.spec.team && serves
        });
        let able: Vec<AgentId> = able.map(|it| it.id).collect();
        let open = |who: &&AgentId| {
            **who != id.0
                && self.of.get(&(**who, id.1.clone())).is_some_and(|model| model.is_open())
        };
        !able.contains(&id.0) || (able.iter().filter(open).count() + 1) * 2 <= able.len()
    }

    fn opened(
        &mut self,
        before: &State,
        id: (AgentId, Text),
        until: Time,
        why: Tripped,
    ) -> Verdict {
        if !self.may_spare(before, &id) {
            return Err(format!("agent {} is out of {} as more than half are", id.0, id.1));
        }
        let policy = before.facts().breaker_policy(id.0, &id.1);
        let model = self.of.entry(id.clone()).or_default();
        let allowed = match (&model.phase, why) {
            (Phase::Closed, Tripped::Failed) => enough_failed(model, &policy),
            (Phase::HalfOpen { failed: true, .. }, Tripped::Probe) => Ok(()),
            (Phase::Closed, Tripped::Slow) if policy.slow_ms > 0 => Ok(()),
            (Phase::Closed | Phase::Open(_) | Phase::HalfOpen { .. }, _) => {
                Err(format!("it opened because of {why:?}"))
            }
        };
        model.phase = Phase::Open(until);
        model.results.clear();
        allowed.map_err(|why| format!("agent {} is out of {}: {why}", id.0, id.1))
    }

    fn half_opened(&mut self, seen: &Recorded<'_>, id: (AgentId, Text)) -> Verdict {
        let early = match self.of.get(&id).map(|model| &model.phase) {
            Some(Phase::Open(until)) => seen.entry.at < *until,
            Some(Phase::HalfOpen { failed, .. }) => !failed,
            Some(Phase::Closed) | None => {
                return Err(format!("agent {} is tried at {} and was never out", id.0, id.1));
            }
        };
        // Before its time only where too few are left without it.
        if early && self.may_spare(seen.before, &id) {
            return Err(format!("agent {} is tried at {} before its time", id.0, id.1));
        }
        let model = self.of.entry(id).or_default();
        model.phase = Phase::HalfOpen { probes: BTreeSet::new(), passed: 0, failed: false };
        Ok(())
    }

    fn closed(&mut self, before: &State, id: &(AgentId, Text)) -> Verdict {
        let policy = before.facts().breaker_policy(id.0, &id.1);
        let model = self.of.entry(id.clone()).or_default();
        let passed = match &model.phase {
            Phase::HalfOpen { passed, failed: false, .. } => *passed,
            Phase::Closed | Phase::Open(_) | Phase::HalfOpen { .. } => 0,
        };
        *model = Model::default();
        if passed < policy.probes {
            return Err(format!("agent {} is let in to {} after {passed} probes", id.0, id.1));
        }
        Ok(())
    }
}

/// So many of the latest results are failures of so many tasks that it may open.
fn enough_failed(model: &Model, policy: &BreakerPolicy) -> Verdict {
    if model.results.len() < policy.minimum as usize {
        return Err(format!("of {} results, {} are too few", model.results.len(), policy.minimum));
    }
    let window = policy.window.max(policy.minimum) as usize;
    let latest = model.results.iter().rev().take(window);
    let (all, bad) = (latest.clone().count(), latest.clone().flatten().count());
    if bad as u64 * 100 < all as u64 * u64::from(policy.failed_percent) && !model.reconfigured {
        return Err(format!("{bad} of {all} results were bad"));
    }
    let tasks: BTreeSet<TaskId> = model.results.iter().flatten().copied().collect();
    if tasks.len() < 3 {
        return Err(format!("{} task(s) alone made it open", tasks.len()));
    }
    Ok(())
}
