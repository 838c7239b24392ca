//! Leases come and go: a task changes hands, and the time it was worked on is paid for.

use crate::mutant::{Mutant, planted};
use crate::state::Stopping;
use crate::task::{FailureRecord, Past};
use crate::{
    AttemptId, Cost, Failure, Granted, Lease, Loss, Part, State, Status, Task, TaskId, Time, Token,
};

impl State {
    pub(super) fn lease_granted(&mut self, at: Time, granted: &Granted) {
        self.facts.token = self.facts.token.max(granted.token);
        self.facts.counts.granted += 1;
        let Some(task) = self.facts.tasks.get(granted.task.0) else { return };
        self.index.granted(task, granted.agent, granted.token);
        let lease = Lease {
            agent: granted.agent,
            token: granted.token,
            since: at,
            until: granted.until,
            worked_ms: 0,
            spent_at: self.work_spent_at(at, granted.task),
            firm: granted.firm,
        };
        self.change(granted.task, |task| {
            task.status = Status::Assigned(lease);
            task.grants += 1;
            if let Some(past) = &mut task.past {
                past.deliveries = 0;
            }
        });
        self.breaker_lets_in(granted.agent, granted.task, granted.token);
        self.set_aside(granted);
        self.deliberated(granted.task);
    }

    pub(super) fn task_started(&mut self, id: TaskId) {
        // No index tells assigned from running, and entering it anew would lose a renewal.
        if let Some(task) = self.facts.tasks.get_mut(id.0)
            && let Status::Assigned(lease) = task.status
        {
            task.status = Status::Running(lease);
        }
    }

    /// A process took over: whoever works outside of it gets one more lease under the same token.
    pub(super) fn extend_remote_leases(&mut self, until: Time) {
        let remote = |task: &Task| {
            let lease = task.status.working()?;
            let agent = self.facts.agents.get(lease.agent.0 as usize)?;
            agent.spec.remote.then_some(task.id)
        };
        let held: Vec<TaskId> = self.facts.tasks.values().filter_map(remote).collect();
        for id in held {
            self.change(id, |task| match &mut task.status {
                Status::Assigned(lease) | Status::Running(lease) => {
                    lease.until = lease.until.max(until);
                }
                Status::Queued { .. } | Status::Waiting(..) => {}
            });
        }
    }

    /// Whoever holds this lease is at it still.
    pub(crate) fn renew(&mut self, now: Time, attempt: AttemptId) {
        let task = self.task(attempt.task);
        if let Some(lease) = task.and_then(|task| task.status.working().copied())
            && lease.token == attempt.token
        {
            let end = now.after(self.limits.lease_ms);
            self.index.renew(attempt.task, attempt.token, lease.until, end);
        }
    }

    /// Nobody was at work for a while, and nobody could have said anything.
    pub(crate) fn slept(&mut self, now: Time, ms: u64) {
        if planted(Mutant::SleepCharges) {
            return;
        }
        self.index.topics.slept(ms);
        let end = now.after(self.limits.lease_ms);
        for task in self.facts.tasks.values() {
            let Some(lease) = task.status.working() else { continue };
            self.index.renew(task.id, lease.token, lease.until, end);
            self.index.put_off(task.id, lease.token, task.timeout_at(), ms);
            self.index.put_off_share(task.id, lease.token, lease.spent_at, ms);
        }
    }

    pub(super) fn task_waiting(&mut self, at: Time, id: TaskId) {
        let Some(worked) = self.pay_for_work(at, id) else { return };
        self.change(id, |task| {
            if let Some(lease) = task.status.working().copied() {
                let worked_ms = lease.worked_ms + worked;
                let lease = Lease { since: at, until: Time::NEVER, worked_ms, ..lease };
                task.status = Status::Waiting(lease, false);
            }
        });
        let lease = self.task(id).and_then(|task| task.status.lease().copied());
        if let Some(lease) = lease {
            self.breaker_forgets(lease.agent, id, lease.token);
        }
    }

    pub(super) fn task_resumed(&mut self, at: Time, id: TaskId, until: Time) {
        let spent_at = self.work_spent_at(at, id);
        self.change(id, |task| {
            if let Status::Waiting(lease, _) = task.status {
                task.status = Status::Running(Lease { since: at, until, spent_at, ..lease });
            }
        });
    }

    /// When a stretch of work that begins now would use up what its tree may work.
    fn work_spent_at(&self, at: Time, id: TaskId) -> Time {
        at.after(self.task(id).map_or(u64::MAX, |task| self.left(task.purse, Part::Work)))
    }

    pub(super) fn attempt_failed(
        &mut self,
        at: Time,
        id: TaskId,
        token: Token,
        failure: &Failure,
        retry_at: Time,
        stop: bool,
    ) {
        self.facts.counts.attempts_failed += 1;
        let Some(lease) = self.close_lease(at, id, retry_at, stop, None) else { return };
        let is_bid = self.task(id).is_some_and(|task| task.is_bid);
        let capability = self.task(id).map(|task| task.terms.capability.clone());
        match (capability, State::mark_of_failure(id, failure)) {
            (Some(capability), Some(mark)) => self.breaker_hears(&capability, &lease, mark),
            (Some(_), None) | (None, _) => self.breaker_forgets(lease.agent, id, lease.token),
        }
        if let Some(agent) = self.facts.agents.get_mut(lease.agent.0 as usize) {
            agent.failed += 1;
            if failure.kind.is_agents_fault() && !is_bid {
                agent.record.failed();
            }
        }
        if failure.kind.is_agents_fault()
            && let Some(proof) = self.proof_mut(id, lease.agent)
        {
            proof.failed();
        }
        self.bidder_failed(id, lease.agent);
        self.facts.seed = crate::rule::backoff::draw(self.facts.seed).1;
        if retry_at != Time::NEVER {
            self.facts.retries.withdraw(&self.limits, at);
        }
        let keep = self.limits.failures_max.max(2) as usize;
        if let Some(task) = self.facts.tasks.get_mut(id.0) {
            task.failed += 1;
            let past: &mut Past = task.past.get_or_insert_default();
            if past.failures.len() >= keep {
                past.failures.remove(keep / 2);
            }
            let failure = failure.clone();
            past.failures.push(FailureRecord { at, agent: lease.agent, token, failure });
        }
    }

    pub(super) fn attempt_lost(&mut self, at: Time, id: TaskId, cause: Loss, retry_at: Time) {
        self.facts.counts.attempts_lost += 1;
        let free = self.is_free(id, cause);
        let makes_room_for = match cause {
            Loss::Preempted { by } => Some(by),
            Loss::RuntimeEnded | Loss::HandedBack | Loss::AgentLeft | Loss::AgentRestarted => None,
        };
        let stops =
            cause.stops() && !(makes_room_for.is_some() && planted(Mutant::PreemptedWorksOn));
        if let Some(lease) = self.close_lease(at, id, retry_at, stops, makes_room_for) {
            self.breaker_forgets(lease.agent, id, lease.token);
            let blameless = cause == Loss::RuntimeEnded
                || makes_room_for.is_some()
                || (cause == Loss::HandedBack && free);
            if !blameless {
                self.bidder_failed(id, lease.agent);
            }
        }
        if let Some(task) = self.facts.tasks.get_mut(id.0) {
            task.lost += u32::from(!free);
            if makes_room_for.is_some() {
                task.past.get_or_insert_default().preempted += 1;
            }
        }
    }

    /// Whether an attempt lost in this way does not count at all: handed back in a drain, stopped
    /// because of what happened to another agent or to make room, or at no work when its process
    /// ended. What waits a week for a person has killed nobody.
    pub(crate) fn is_free(&self, id: TaskId, cause: Loss) -> bool {
        let waits = self.task(id).is_some_and(|it| matches!(it.status, Status::Waiting(..)));
        match cause {
            Loss::HandedBack => self.facts.draining,
            Loss::RuntimeEnded => waits,
            Loss::AgentLeft => false,
            Loss::AgentRestarted => true,
            Loss::Preempted { .. } => !planted(Mutant::PreemptionCharges),
        }
    }

    /// Takes the lease from a task and queues it again.
    fn close_lease(
        &mut self,
        at: Time,
        id: TaskId,
        ready_at: Time,
        stop: bool,
        makes_room_for: Option<TaskId>,
    ) -> Option<Lease> {
        self.pay_for_work(at, id);
        self.settle_price(id, false);
        let task = self.task(id)?;
        let lease = *task.status.lease()?;
        let holds_slot = task.status.working().is_some();
        let (agent, purse, terms) = (lease.agent, task.purse, Some(task.terms.clone()));
        self.change(id, |task| task.status = Status::Queued { ready_at });
        if stop {
            let stopping = Stopping { task: id, agent, purse, holds_slot, terms, makes_room_for };
            self.stop_work(lease.token, stopping);
        }
        Some(lease)
    }

    pub(super) fn stop_work(&mut self, token: Token, stopping: Stopping) {
        self.index.link_stopping(token, &stopping);
        self.hold_purse(stopping.purse);
        self.facts.stopping.insert(token, stopping);
    }

    pub(super) fn work_ended(&mut self, token: Token) {
        let Some(stopping) = self.facts.stopping.remove(&token) else { return };
        self.index.unlink_stopping(&stopping);
        self.let_go_of_purse(stopping.purse);
        // If its room goes to somebody else, whom it was meant for looks for another.
        let by = stopping.makes_room_for.and_then(|by| self.facts.tasks.get(by.0));
        if let Some(by) = by {
            self.index.look_for_room(by.shape);
        }
    }

    /// Charges the present stretch of work to the tree; gives its length.
    pub(super) fn pay_for_work(&mut self, at: Time, id: TaskId) -> Option<u64> {
        let task = self.task(id)?;
        let worked = at.since(task.status.working()?.since);
        self.debit(task.purse, Part::Work, worked);
        Some(worked)
    }

    pub(super) fn spent(&mut self, id: TaskId, token: Token, cost: Cost) {
        let (purse, terms) = self.spender(AttemptId { task: id, token });
        self.spend_of_price(id, token, cost.money_micros);
        for (part, amount) in cost.parts() {
            self.debit(purse, part, amount);
        }
        let is_root = self.task(id).is_none_or(|task| task.parent.is_none());
        if is_root || !planted(Mutant::CeilingSeesRootsOnly) {
            self.count_spent(terms.as_deref(), &cost);
        }
    }
}
