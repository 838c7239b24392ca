//! Entries become changes of rows. Pure: no SQL, no clock.

mod agent;
mod cost;
mod routing;
mod slots;

use super::change::{
    Attempt, Changes, Dead, NewAttempt, NewTask, Step, StepChange, Wait, bucket_ms,
};
use super::memory::{Halted, Lease, Memory, Open};
use super::schema::int;
use super::{line, names};
use kernel::{
    Accepted, Entry, Event, Failure, Granted, Loss, Outcome, Payload, TaskId, Time, Token,
};
use std::borrow::Cow;

pub(super) use routing::awaited;
pub(super) use slots::process_ended;

/// One entry on its way into the changes.
pub(super) struct Fold<'m, 'e> {
    memory: &'m mut Memory,
    changes: &'m mut Changes<'e>,
    seq: i64,
    at: Time,
    at_ms: i64,
}

/// Folds one entry in. A start of the runtime is more than rows; `start.rs` has handled it before.
pub(super) fn fold<'e>(memory: &mut Memory, changes: &mut Changes<'e>, seq: u64, entry: &'e Entry) {
    let at_ms = wall_ms(memory, entry.at);
    let mut fold = Fold { memory, changes, seq: seq as i64, at: entry.at, at_ms };
    let line = line::of(fold.memory, fold.seq, at_ms, &entry.event);
    fold.changes.events.extend(line);
    fold.event(&entry.event);
    memory.applied = seq;
    memory.applied_ms = at_ms;
    memory.kernel_ms = int(entry.at.0);
}

/// Kernel time as wall time, as of the latest start.
pub(super) fn wall_ms(memory: &Memory, at: Time) -> i64 {
    (at.0 as i64).saturating_add(memory.offset_ms)
}

impl<'e> Fold<'_, 'e> {
    fn event(&mut self, event: &'e Event) {
        match event {
            Event::RuntimeStarted { .. } | Event::KeyForgotten { .. } => {} // A line says it all.
            Event::Configured { team, policies } => {
                self.changes.policies.insert(team, policies);
            }
            Event::DrainStarted => self.memory.draining = true,
            Event::RunStarted { run, team, definition } => {
                self.changes.pins.push((run.0, team, definition.to_string()));
            }
            Event::TaskAccepted(accepted) => self.accepted(accepted),
            Event::LeaseGranted(granted) => self.granted(granted),
            Event::Routing { task, step } => self.routing(*task, step),
            Event::TaskStarted { task } => self.started(*task),
            Event::TaskWaiting { task } => self.waiting(*task),
            Event::TaskResumed { task, .. } => self.resumed(*task),
            Event::OnceStarted { task, step, token } => {
                self.step(*task, step, StepChange::Once { token: token.0 });
            }
            Event::OnceDone { task, step, outcome } => {
                self.step(*task, step, StepChange::Ended(Some(outcome)));
            }
            Event::TimerSet { task, step, due } => {
                let due_ms = wall_ms(self.memory, *due);
                let token = self.token_of(*task);
                self.step(*task, step, StepChange::Timer { due_ms, token });
            }
            Event::TimerFired { task, step } => self.step(*task, step, StepChange::Ended(None)),
            Event::Spent { task, token, cost, on } => self.spent(*task, *token, *cost, on),
            Event::AttemptFailed { task, failure, retry_at, stop, .. } => {
                self.attempt_failed(*task, failure, *retry_at, *stop);
            }
            Event::AttemptLost { task, cause, retry_at, .. } => {
                self.attempt_lost(*task, *cause, *retry_at);
            }
            Event::WorkEnded { token, late } => self.work_ended(*token, *late),
            Event::TaskCompleted { task, output, .. } => self.completed(*task, output),
            Event::TaskFailed { task, failure } => {
                self.ended(*task, "failed", (names::failure(failure.kind), &failure.message));
            }
            Event::TaskCancelled { task, reason } => {
                self.ended(*task, "cancelled", ("cancelled", reason));
            }
            Event::TaskDied { task, failure } => self.died(*task, failure),
            Event::DeadReleased { task, into } => self.dead_closed(*task, Some(into.0)),
            Event::DeadDiscarded { task } => self.dead_closed(*task, None),
            Event::AgentJoined { .. }
            | Event::AgentLeft { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentDraining { .. }
            | Event::AgentResized { .. }
            | Event::AgentRestarted { .. } => self.agent_event(event),
            Event::Supervised(event) => self.supervised(event),
            Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. } => self.breaker(event),
            Event::Schedule { name, what } => self.schedule(name, what),
            // Views tell of tasks and agents; topics are asked of whoever holds the journal.
            Event::Topic { .. } => {}
            // What is written from here on is told by the new time.
            Event::WallClockMoved { wall_ms, .. } => {
                self.memory.offset_ms = (*wall_ms as i64).saturating_sub(self.at.0 as i64);
            }
        }
    }

    fn accepted(&mut self, accepted: &'e Accepted) {
        let id = accepted.task.0;
        let mut run = id;
        if let Some(parent) = &accepted.parent {
            run = self.memory.run_of(parent.task.0);
            self.memory.open.insert(id, Open { run, attempts: 0, lease: None });
            let token = self.token_of(parent.task);
            if !accepted.is_bid && !accepted.is_advice {
                self.step(parent.task, &parent.step, StepChange::Child { child: id, token });
            }
        }
        let wall = |at: Time| wall_ms(self.memory, at);
        let ready_ms = accepted.ready_at.map(wall);
        let deadline_ms = accepted.deadline.filter(|at| *at != Time::NEVER).map(wall);
        let (seq, at_ms, terms) = (self.seq, self.at_ms, &accepted.terms);
        if terms.weight > 1 {
            self.memory.heavy.insert(id, terms.weight);
        }
        let addressed = terms.only.map(|agent| self.memory.agent(agent.0));
        let row = self.changes.tasks.at(id);
        row.new = Some(NewTask { accepted, run, seq, at_ms, deadline_ms, addressed });
        row.status = Some("queued");
        row.ready_ms = ready_ms;
        row.queued_ms = Some(ready_ms.unwrap_or(at_ms).max(at_ms));
    }

    fn granted(&mut self, granted: &'e Granted) {
        let (id, token, agent) = (granted.task.0, granted.token.0, granted.agent.0);
        let fresh = Open { run: id, attempts: 0, lease: None };
        let open = self.memory.open.entry(id).or_insert(fresh);
        open.attempts += 1;
        open.lease = Some(Lease { token, agent, since_ms: self.at_ms, worked_ms: 0, wait: None });
        let number = open.attempts;
        self.queue_left(id, agent);
        let agent = self.memory.agent(agent);
        let task = self.changes.tasks.at(id);
        task.status = Some("assigned");
        task.agent = Some(agent.clone());
        task.token = Some(token);
        task.attempts += 1;
        task.started_ms = task.started_ms.or(Some(self.at_ms));
        let (seq, at_ms) = (self.seq, self.at_ms);
        self.changes.attempts.at((id, token)).new =
            Some(NewAttempt { granted, agent, number, seq, at_ms });
    }

    /// It has waited for its agent until now.
    fn queue_left(&mut self, task: u64, agent: u32) {
        match self.changes.tasks.at(task).queued_ms {
            Some(since_ms) => {
                let wait_ms = bucket_ms(self.at_ms - since_ms);
                let score = self.changes.scores.entry(agent).or_default();
                *score.waits.entry(wait_ms).or_default() += 1;
            }
            None => self.changes.waited.push((agent, task, self.at_ms)),
        }
    }

    fn started(&mut self, task: TaskId) {
        self.changes.tasks.at(task.0).status = Some("running");
        let at_ms = self.at_ms;
        if let Some(attempt) = self.attempt(task) {
            attempt.started_ms = Some(at_ms);
        }
    }

    fn waiting(&mut self, task: TaskId) {
        let (seq, at_ms) = (self.seq, self.at_ms);
        let Some(lease) = self.lease(task) else { return };
        let (token, agent) = (lease.token, lease.agent);
        let worked = std::mem::replace(&mut lease.since_ms, at_ms);
        lease.worked_ms += (at_ms - worked).max(0);
        lease.wait = Some(seq);
        self.worked(task, token, agent, (at_ms - worked).max(0));
        self.changes.tasks.at(task.0).status = Some("waiting");
        self.changes.waits.at((task.0, seq)).begun = Some((token, at_ms));
    }

    fn resumed(&mut self, task: TaskId) {
        let at_ms = self.at_ms;
        let Some(lease) = self.lease(task) else { return };
        lease.since_ms = at_ms;
        let wait = lease.wait.take();
        self.changes.tasks.at(task.0).status = Some("running");
        if let Some(seq) = wait {
            let wait: &mut Wait = self.changes.waits.at((task.0, seq));
            wait.until_ms = Some(at_ms);
        }
    }

    fn attempt_failed(&mut self, task: TaskId, failure: &'e Failure, retry: Time, stop: bool) {
        let Some(lease) = self.close_lease(task, self.at_ms, "failed", stop) else { return };
        let score = self.changes.scores.entry(lease.agent).or_default();
        score.failed += 1;
        score.timed_out += u64::from(names::is_out_of_time(failure.kind));
        score.faults += u64::from(failure.kind.is_agents_fault());
        self.changes.attempts.at((task.0, lease.token)).failed(failure);
        self.changes.tasks.at(task.0).failed += 1;
        self.queued_again(task, lease.token, retry);
    }

    fn attempt_lost(&mut self, task: TaskId, cause: Loss, retry: Time) {
        let handed_back = cause == Loss::HandedBack;
        // Work that went with its process ended when the process was last seen.
        let ended_ms = match cause {
            Loss::RuntimeEnded if self.memory.down_ms > 0 => self.memory.down_ms,
            Loss::RuntimeEnded
            | Loss::HandedBack
            | Loss::AgentLeft
            | Loss::AgentRestarted
            | Loss::Preempted { .. } => self.at_ms,
        };
        let Some(lease) = self.close_lease(task, ended_ms, "lost", !handed_back) else { return };
        let attempt = self.changes.attempts.at((task.0, lease.token));
        attempt.failure = Some((names::loss(cause), names::beneficiary(cause).map(Cow::Owned)));
        if cause == Loss::RuntimeEnded {
            // It went with the process: nothing is left to stop.
            attempt.work_ended_ms = Some(ended_ms);
            self.memory.stopping.remove(&lease.token);
        }
        // As the kernel counts: what waited has killed nobody.
        let is_free = match cause {
            Loss::HandedBack => self.memory.draining,
            Loss::RuntimeEnded => lease.wait.is_some(),
            Loss::AgentLeft => false,
            Loss::AgentRestarted | Loss::Preempted { .. } => true,
        };
        self.changes.tasks.at(task.0).lost += u32::from(!is_free);
        self.queued_again(task, lease.token, retry);
    }

    fn queued_again(&mut self, task: TaskId, token: u64, retry: Time) {
        let row = self.changes.tasks.at(task.0);
        row.status = Some("queued");
        if retry != Time::NEVER {
            let retry_ms = wall_ms(self.memory, retry).max(self.at_ms);
            (row.ready_ms, row.queued_ms) = (Some(retry_ms), Some(retry_ms));
            row.awaits = Some("".into());
            self.changes.attempts.at((task.0, token)).retry_ms = Some(retry_ms);
        }
    }

    fn completed(&mut self, task: TaskId, output: &'e Payload) {
        if let Some(lease) = self.close_lease(task, self.at_ms, "completed", false) {
            let score = self.changes.scores.entry(lease.agent).or_default();
            score.completed += 1;
            *score.times.entry(bucket_ms(lease.worked_ms)).or_default() += 1;
        }
        let row = self.changes.tasks.at(task.0);
        row.output = Some(output);
        self.settled(task, "completed");
    }

    fn died(&mut self, task: TaskId, failure: &'e Failure) {
        let at_ms = self.at_ms;
        self.changes.dead.push(Dead::Died { task: task.0, at_ms, failure });
        self.ended(task, "dead", (names::failure(failure.kind), &failure.message));
    }

    /// It ends other than by completing; work that goes on is stopped.
    fn ended(&mut self, task: TaskId, status: &'static str, why: (&'static str, &'e str)) {
        if let Some(lease) = self.close_lease(task, self.at_ms, "stopped", true) {
            self.changes.attempts.at((task.0, lease.token)).failure =
                Some((why.0, Some(Cow::Borrowed(why.1))));
        }
        self.changes.tasks.at(task.0).failure = Some(why);
        self.settled(task, status);
    }

    fn settled(&mut self, task: TaskId, status: &'static str) {
        let row = self.changes.tasks.at(task.0);
        row.status = Some(status);
        row.ended_ms = Some(self.at_ms);
        row.ended_seq = Some(self.seq);
        self.memory.open.remove(&task.0);
        self.memory.heavy.remove(&task.0);
    }

    /// Ends the attempt that has the task; its lease comes back with all its work counted.
    fn close_lease(
        &mut self,
        task: TaskId,
        at_ms: i64,
        how: &'static str,
        fenced: bool,
    ) -> Option<Lease> {
        let mut lease = self.memory.open.get_mut(&task.0)?.lease.take()?;
        match lease.wait {
            Some(seq) => self.changes.waits.at((task.0, seq)).until_ms = Some(at_ms),
            None => {
                let stretch_ms = (at_ms - lease.since_ms).max(0);
                lease.worked_ms += stretch_ms;
                self.worked(task, lease.token, lease.agent, stretch_ms);
            }
        }
        let weight = self.memory.weight_of(task.0);
        let attempt = self.changes.attempts.at((task.0, lease.token));
        attempt.ended_ms = Some(at_ms);
        attempt.outcome = Some(how);
        attempt.fenced |= fenced;
        if fenced {
            // What waits holds no slot, and what is stopped then takes none.
            let slots = if lease.wait.is_some() { 0 } else { weight };
            attempt.kept_slots = Some(slots);
            let halted = Halted { task: task.0, agent: lease.agent, since_ms: at_ms, slots };
            self.memory.stopping.insert(lease.token, halted);
        }
        Some(lease)
    }

    fn work_ended(&mut self, token: Token, late: bool) {
        if let Some(halted) = self.memory.stopping.remove(&token.0) {
            self.busy(halted.agent, self.at_ms - halted.since_ms, halted.slots);
            let attempt = self.changes.attempts.at((halted.task, token.0));
            attempt.work_ended_ms = Some(self.at_ms);
            attempt.late = late;
        }
    }

    /// A stretch of work has ended.
    fn worked(&mut self, task: TaskId, token: u64, agent: u32, ms: i64) {
        self.changes.tasks.at(task.0).worked_ms += ms;
        self.changes.attempts.at((task.0, token)).worked_ms += ms;
        self.busy(agent, ms, self.memory.weight_of(task.0));
    }

    fn step(&mut self, task: TaskId, step: &'e str, what: StepChange<'e>) {
        self.changes.steps.push(Step { task: task.0, step, at_ms: self.at_ms, what });
    }

    fn dead_closed(&mut self, task: TaskId, into: Option<u64>) {
        self.changes.dead.push(Dead::Closed { task: task.0, at_ms: self.at_ms, into });
    }

    fn lease(&mut self, task: TaskId) -> Option<&mut Lease> {
        self.memory.open.get_mut(&task.0)?.lease.as_mut()
    }

    fn token_of(&self, task: TaskId) -> Option<u64> {
        self.memory.open.get(&task.0)?.lease.as_ref().map(|lease| lease.token)
    }

    fn attempt(&mut self, task: TaskId) -> Option<&mut Attempt<'e>> {
        let token = self.token_of(task)?;
        Some(self.changes.attempts.at((task.0, token)))
    }
}

/// How a step ended, for its row: outcome, complaint, output.
pub(super) fn ending(outcome: Option<&Outcome>) -> (&'static str, Option<&str>, Option<&Payload>) {
    match outcome {
        None => ("completed", None, None), // A timer fired.
        Some(it) => (names::outcome(it), names::complaint(it), it.output()),
    }
}
