//! How each fact changes the state. Total: there is no event that this cannot take.

mod agent;
mod auction;
mod breaker;
mod deliberate;
mod ending;
mod lease;
mod purse;
mod schedule;
mod step;
mod supervise;
mod topic;

pub use purse::Payer;

use crate::mutant::{Mutant, planted};
use crate::rule::breaker::Breaker;
use crate::rule::budget::Purse;
use crate::state::{Facts, KeyRecord, Pin};
use crate::{
    Accepted, Agent, AgentId, Budget, Digest, Entry, Event, Ledger, Part, Policies, Presence,
    State, Status, Task, TaskId, Text, Time, Token,
};
use std::sync::Arc;

impl State {
    /// Applies one fact.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        let at = entry.at;
        self.facts.time = self.facts.time.max(at);
        self.index.now = self.index.now.max(at);
        match &entry.event {
            Event::RuntimeStarted { .. } => self.runtime_started(at, &entry.event),
            Event::DrainStarted => self.drain_started(),
            Event::RunStarted { run, team, definition } => {
                self.run_started(*run, team.clone(), *definition);
            }
            Event::TaskAccepted(accepted) => self.task_accepted(at, accepted),
            Event::LeaseGranted(granted) => self.lease_granted(at, granted),
            Event::Routing { task, step } => self.routing(*task, step),
            Event::TaskStarted { task } => self.task_started(*task),
            Event::TaskWaiting { task } => self.task_waiting(at, *task),
            Event::TaskResumed { task, until } => self.task_resumed(at, *task, *until),
            Event::OnceStarted { task, step, token } => self.once_started(*task, step, *token),
            Event::OnceDone { task, step, outcome } => {
                self.step_settled(*task, step, outcome.clone().into(), false);
            }
            Event::TimerSet { task, step, due } => self.timer_set(*task, step, *due),
            Event::TimerFired { task, step } => self.timer_fired(*task, step),
            Event::Spent { task, token, cost, .. } => self.spent(*task, *token, *cost),
            Event::AttemptFailed { task, token, failure, retry_at, stop } => {
                self.attempt_failed(at, *task, *token, failure, *retry_at, *stop);
            }
            Event::AttemptLost { task, cause, retry_at, .. } => {
                self.attempt_lost(at, *task, *cause, *retry_at);
            }
            Event::WorkEnded { token, .. } => self.work_ended(*token),
            Event::TaskCompleted { task, output, .. } => {
                self.task_completed(at, *task, output.clone());
            }
            Event::TaskFailed { task, failure } => self.task_failed(at, *task, failure),
            Event::TaskCancelled { task, reason } => self.task_cancelled(at, *task, reason),
            Event::TaskDied { task, failure } => self.task_died(at, *task, failure),
            Event::DeadReleased { task, .. } | Event::DeadDiscarded { task } => {
                self.facts.dead.remove(task);
                self.facts.pins.remove(task);
            }
            Event::KeyForgotten { tenant, key } => self.key_forgotten(tenant.clone(), key.clone()),
            Event::Configured { team, policies } => self.configured(team.clone(), policies.clone()),
            Event::AgentJoined { agent, spec } => self.agent_joined(at, *agent, spec.clone()),
            Event::AgentLeft { agent } => self.set_presence(*agent, Presence::Left),
            Event::AgentPaused { agent } => self.set_presence(*agent, Presence::Paused),
            Event::AgentUnpaused { agent } => self.set_presence(*agent, Presence::Active),
            Event::AgentResized { agent, slots } => self.agent_resized(*agent, *slots),
            Event::AgentDraining { agent } => self.set_presence(*agent, Presence::Draining),
            Event::AgentRestarted { agent, .. } => self.agent_restarted(*agent),
            Event::BreakerOpened { agent, capability, until, .. } => {
                self.change_breaker(*agent, capability, |it| it.opened(*until));
            }
            Event::BreakerHalfOpened { agent, capability } => {
                self.change_breaker(*agent, capability, Breaker::half_opened);
            }
            Event::BreakerClosed { agent, capability } => {
                self.change_breaker(*agent, capability, Breaker::closed);
            }
            Event::BreakerForced { agent, capability, forced } => {
                self.change_breaker(*agent, capability, |it| it.force(*forced));
            }
            Event::Schedule { name, what } => self.schedule_event(name, what),
            Event::Topic { topic, what } => self.topic_event(at, topic, what),
            Event::WallClockMoved { wall_ms, set_back } => {
                self.wall_clock_is(at, *wall_ms, *set_back);
            }
            Event::Supervised(event) => self.supervised(at, event),
        }
    }

    fn runtime_started(&mut self, at: Time, event: &Event) {
        self.close_the_life_before();
        let Event::RuntimeStarted { incarnation, generation, seed, wall_ms, .. } = event else {
            return;
        };
        let Event::RuntimeStarted { leases_until, journal, .. } = event else { return };
        let facts = &mut self.facts;
        facts.journal = facts.journal.or(*journal);
        facts.incarnation = *incarnation;
        facts.token = facts.token.max(Token::floor(*generation));
        facts.seed = *seed;
        facts.draining = false;
        let set_back = (*wall_ms as i64).saturating_sub(at.0 as i64) < facts.wall_offset_ms;
        if planted(Mutant::CeilingForgottenAtStart) {
            self.facts.ledger = Ledger::default();
        }
        self.wall_clock_is(at, *wall_ms, set_back);
        self.extend_remote_leases(*leases_until);
        self.breakers_begin_anew(None);
        self.topics_begin_anew();
    }

    /// What lived in the process before is gone: its agents, and the work it was ending.
    fn close_the_life_before(&mut self) {
        let Facts { agents, stopping, .. } = &mut self.facts;
        let local = |agents: &[Agent], id: AgentId| {
            agents.get(id.0 as usize).is_none_or(|agent| !agent.spec.remote)
        };
        let ended: Vec<Token> = stopping
            .iter()
            .filter(|(_, it)| local(agents, it.agent))
            .map(|(token, _)| *token)
            .collect();
        let gone: Vec<AgentId> = agents
            .iter()
            .filter(|agent| !agent.spec.remote && agent.presence != Presence::Left)
            .map(|agent| agent.id)
            .collect();
        ended.into_iter().for_each(|token| self.work_ended(token));
        self.begin_supervision_afresh();
        gone.into_iter().for_each(|agent| self.set_presence(agent, Presence::Left));
    }

    fn drain_started(&mut self) {
        self.facts.draining = true;
        self.relink_schedules();
    }

    fn run_started(&mut self, run: TaskId, team: Text, definition: Digest) {
        if self.task(run).is_some() {
            self.facts.pins.insert(run, Pin { team, definition });
        }
    }

    fn key_forgotten(&mut self, tenant: Text, key: Text) {
        let id = (tenant, key);
        if let Some(record) = self.facts.keys.remove(&id) {
            self.index.key_order.remove(&(record.at, id.0, id.1));
        }
    }

    fn configured(&mut self, team: Text, policies: Arc<Policies>) {
        if *policies == Policies::default() {
            self.facts.policies.remove(&team);
        } else {
            self.facts.policies.insert(team.clone(), policies);
        }
        self.index.configure(&self.facts);
        self.breakers_begin_anew(Some(&team));
    }

    fn task_accepted(&mut self, at: Time, accepted: &Accepted) {
        let (terms, shape) = self.index.intern(&accepted.terms);
        let parent = accepted.parent.as_ref().and_then(|parent| self.task(parent.task));
        let owns_purse = parent.is_none() || accepted.budget.is_some();
        let task = Task {
            id: accepted.task,
            run: parent.map_or(accepted.task, |parent| parent.run),
            is_bid: accepted.is_bid,
            is_advice: accepted.is_advice,
            purse: if owns_purse {
                accepted.task
            } else {
                parent.map_or(accepted.task, |it| it.purse)
            },
            depth: parent.map_or(1, |parent| parent.depth + 1),
            terms,
            input: accepted.input.clone(),
            parent: accepted.parent.clone().map(Box::new),
            key: accepted.key.clone().map(Box::new),
            budget: accepted
                .budget
                .as_ref()
                .filter(|_| parent.is_none())
                .map(|it| self.index.share(it)),
            affinity: accepted.affinity.clone().map(Box::new),
            deadline: accepted.deadline.unwrap_or(Time::NEVER),
            accepted_at: at,
            status: Status::Queued { ready_at: accepted.ready_at.unwrap_or(Time(0)) },
            grants: 0,
            failed: 0,
            lost: 0,
            past: None,
            shape,
        };
        self.open_purse(&task, accepted.budget.as_ref());
        if let Some(parent) = &task.parent {
            match (task.is_bid, task.is_advice) {
                (true, _) => self.bid_asked(parent.task, &task),
                (false, true) => self.consulted(parent.task, task.id),
                (false, false) => self.child_recorded(parent, &task),
            }
        }
        if let Some(key) = &task.key {
            let id = (task.terms.tenant.clone(), Text::clone(key));
            let record = KeyRecord {
                task: task.id,
                at,
                capability: task.terms.capability.clone(),
                input: task.input.digest,
                outcome: None,
            };
            self.facts.keys.insert(id, record);
        }
        self.facts.retries.deposit(&self.limits);
        self.facts.last_task = self.facts.last_task.max(task.id);
        self.facts.counts.accepted += 1;
        self.index.count_payload(&task.input);
        self.index.link(&task, shape);
        self.facts.tasks.insert(task.id.0, task);
    }

    /// Gives a child its purse, taken out of the purse above. A root's is opened when it is needed.
    fn open_purse(&mut self, task: &Task, budget: Option<&Budget>) {
        let above = task.parent.as_ref().and_then(|it| self.task(it.task)).map(|it| it.purse);
        let Some(above) = above else { return };
        self.debit(above, Part::Tasks, 1);
        self.hold_purse(above);
        let Some(budget) = budget else { return };
        let mut purse = Purse::new(budget);
        purse.above = Some(above);
        for part in Part::ALL {
            if let Some(owner) = self.owner_of(above, part)
                && let Some(above) = self.purse_mut(owner)
            {
                above.reserve(part, purse.limit(part).unwrap_or(0));
            }
        }
        self.facts.purses.insert(task.id, purse);
    }

    /// Changes one task and keeps every index in step with it.
    fn change(&mut self, id: TaskId, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.facts.tasks.get_mut(id.0) {
            self.index.unlink(task);
            change(task);
            self.index.link(task, task.shape);
        }
    }
}
