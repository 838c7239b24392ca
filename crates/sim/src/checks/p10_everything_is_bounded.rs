//! P10: the queue has a bound that roots cannot pass, slots are never overcommitted, names and
//! payloads have sizes.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{
    AgentId, Event, Granted, Limits, Loss, Outcome, Payload, Quota, State, Status, Task, TaskId,
    Terms, Token,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Open tasks, and who sits on which slot: by the journal alone.
pub struct Bounds {
    queue_max: u64,
    payload_max: u32,
    open: BTreeSet<TaskId>,
    /// Attempts that occupy slots, by agent, and how many each.
    seated: BTreeMap<AgentId, BTreeMap<Token, u32>>,
    /// Terms of open tasks, and of those whose work is being stopped.
    terms: BTreeMap<TaskId, Arc<Terms>>,
    /// Whose work each seated attempt is.
    tasks: BTreeMap<Token, TaskId>,
    /// Each task's present attempt: who, and whether it works rather than waits.
    holds: BTreeMap<TaskId, (AgentId, Token, bool)>,
    slots: BTreeMap<AgentId, (u32, bool)>,
}

impl Bounds {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Bounds {
        Bounds {
            queue_max: limits.queue_max,
            payload_max: limits.payload_one_max_bytes,
            open: BTreeSet::new(),
            seated: BTreeMap::new(),
            terms: BTreeMap::new(),
            tasks: BTreeMap::new(),
            holds: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    fn seat(&mut self, before: &State, task: TaskId, agent: AgentId, token: Token) -> Verdict {
        let Some(terms) = self.terms.get(&task).cloned() else { return Ok(()) };
        self.may_work(before, &terms)?;
        let seated = self.seated.entry(agent).or_default();
        seated.insert(token, terms.weight);
        self.tasks.insert(token, task);
        let slots = self.slots.get(&agent).map_or(0, |(slots, _)| *slots);
        // What has become larger than its agent goes on alone.
        if seated.values().sum::<u32>() > slots && seated.len() > 1 {
            return Err(format!("agent {agent} has {slots} slots and works on {seated:?}"));
        }
        Ok(())
    }

    /// Whether the quotas let one more task on these terms be worked on, counted from the journal.
    fn may_work(&self, before: &State, terms: &Terms) -> Verdict {
        let Some(policies) = before.policies.get(&terms.team) else { return Ok(()) };
        let seated = self.seated.values().flat_map(BTreeMap::keys);
        let working: Vec<&Arc<Terms>> = seated
            .filter_map(|token| self.terms.get(self.tasks.get(token)?))
            .filter(|it| it.team == terms.team)
            .collect();
        let within = |what: &str, quota: Option<Quota>, count: usize| {
            let max = quota.and_then(|it| it.working_max).unwrap_or(u32::MAX);
            if count as u64 >= u64::from(max) {
                return Err(format!("{count} of {what} are worked on, its quota is {max}"));
            }
            Ok(())
        };
        let of_capability = policies.capabilities.get(&terms.capability).map(|it| it.quota);
        let count = working.iter().filter(|it| it.capability == terms.capability).count();
        within(&terms.capability, of_capability, count)?;
        let of_tenant = policies.tenants.get(&terms.tenant).copied();
        within(
            &terms.tenant,
            of_tenant,
            working.iter().filter(|it| it.tenant == terms.tenant).count(),
        )
    }

    /// An agent gets only what its labels, its capabilities and its whole size are good for.
    fn fits_agent(&self, before: &State, granted: &Granted) -> Verdict {
        let agent = before.agent(granted.agent);
        let (Some(terms), Some(agent)) = (self.terms.get(&granted.task), agent) else {
            return Err(format!("task {} went to nobody known", granted.task));
        };
        let serves = agent
            .spec
            .serves
            .iter()
            .any(|it| it.capability == terms.capability && terms.versions.contains(it.version));
        let met = terms.require.as_ref().is_none_or(|it| it.is_met_by(&agent.spec.labels));
        if !serves || !met || agent.spec.slots < terms.weight {
            return Err(format!("task {} on {terms:?} went to {:?}", granted.task, agent.spec));
        }
        Ok(())
    }

    fn stand(&mut self, agent: AgentId, token: Token) {
        if let Some(seated) = self.seated.get_mut(&agent) {
            seated.remove(&token);
        }
    }

    /// The attempt is over. Work that must be stopped first keeps its slot until it has.
    fn attempt_ended(&mut self, task: TaskId, stops: bool) {
        if let Some((agent, token, works)) = self.holds.remove(&task)
            && !(stops && works)
        {
            self.stand(agent, token);
        }
    }

    fn ended(&mut self, task: TaskId, stops: bool) {
        self.open.remove(&task);
        self.attempt_ended(task, stops);
    }

    fn fits(&self, payload: &Payload, what: &str) -> Verdict {
        if payload.len <= self.payload_max {
            return Ok(());
        }
        Err(format!("{what} of {} bytes, allowed are {}", payload.len, self.payload_max))
    }

    fn restarted(&mut self) {
        let Bounds { seated, slots, holds, .. } = self;
        // Local work is gone with its process; the kernel says so attempt by attempt, except for
        // what it had already told to stop.
        for (agent, tokens) in seated {
            if slots.get(agent).is_some_and(|(_, remote)| !remote) {
                tokens.retain(|token, _| holds.values().any(|(_, held, _)| held == token));
            }
        }
    }
}

/// Whether one more task on these terms may wait, counted from the tasks themselves.
fn within_quotas(before: &State, terms: &Terms) -> Verdict {
    let Some(policies) = before.policies.get(&terms.team) else { return Ok(()) };
    let queued = |same: &dyn Fn(&Terms) -> bool| {
        let waits = |task: &&Task| matches!(task.status, Status::Queued { .. });
        let of_team = |task: &&Task| task.terms.team == terms.team && same(&task.terms);
        before.tasks().filter(waits).filter(of_team).count() as u64
    };
    let of_capability = policies.capabilities.get(&terms.capability).map(|it| it.quota);
    let of_tenant = policies.tenants.get(&terms.tenant).copied();
    let max = |quota: Option<Quota>| quota.and_then(|it| it.queued_max).unwrap_or(u64::MAX);
    let waiting = queued(&|it| it.capability == terms.capability);
    if waiting >= max(of_capability) {
        return Err(format!("a root was accepted with {waiting} {} waiting", terms.capability));
    }
    let waiting = queued(&|it| it.tenant == terms.tenant);
    if waiting >= max(of_tenant) {
        return Err(format!("a root was accepted with {waiting} of {} waiting", terms.tenant));
    }
    Ok(())
}

impl Check for Bounds {
    fn name(&self) -> &'static str {
        "p10_everything_is_bounded"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => {
                if accepted.parent.is_none() && self.open.len() as u64 >= self.queue_max {
                    let (open, max) = (self.open.len(), self.queue_max);
                    return Err(format!(
                        "root {} accepted with {open} of {max} open",
                        accepted.task
                    ));
                }
                if accepted.parent.is_none() {
                    within_quotas(seen.before, &accepted.terms)?;
                }
                self.open.insert(accepted.task);
                self.terms.insert(accepted.task, accepted.terms.clone());
                self.fits(&accepted.input, "an input")?;
            }
            Event::AgentJoined { agent, spec } => {
                self.slots.insert(*agent, (spec.slots, spec.remote));
            }
            Event::AgentResized { agent, slots } => {
                self.slots.entry(*agent).and_modify(|it| it.0 = *slots);
            }
            Event::RuntimeStarted { .. } => self.restarted(),
            Event::LeaseGranted(granted) => {
                self.fits_agent(seen.before, granted)?;
                self.holds.insert(granted.task, (granted.agent, granted.token, true));
                self.seat(seen.before, granted.task, granted.agent, granted.token)?;
            }
            Event::TaskWaiting { task } => {
                if let Some((agent, token, works)) = self.holds.get_mut(task) {
                    let (agent, token) = (*agent, *token);
                    *works = false;
                    self.stand(agent, token);
                }
            }
            Event::TaskResumed { task, .. } => {
                if let Some((agent, token, works)) = self.holds.get_mut(task) {
                    let (agent, token) = (*agent, *token);
                    *works = true;
                    self.seat(seen.before, *task, agent, token)?;
                }
            }
            Event::AttemptFailed { task, stop, .. } => self.attempt_ended(*task, *stop),
            Event::AttemptLost { task, cause, .. } => {
                let stops = matches!(
                    cause,
                    Loss::AgentLeft | Loss::AgentRestarted | Loss::Preempted { .. }
                );
                self.attempt_ended(*task, stops);
            }
            Event::WorkEnded { token, .. } => {
                self.seated.values_mut().for_each(|seated| _ = seated.remove(token));
            }
            Event::TaskCompleted { task, output, .. } => {
                self.ended(*task, false);
                self.fits(output, "an output")?;
            }
            Event::OnceDone { outcome: Outcome::Completed(result), .. } => {
                self.fits(result, "a side effect's result")?;
            }
            Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.ended(*task, true),
            _ => {}
        }
        Ok(())
    }
}
