//! Time passes: leases and patience run out, delays end.

use super::retry::{attempt_failed, under_way};
use crate::agent::supervise;
use crate::index::Timer;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{AttemptId, Event, Failure, FailureKind, Routing, State, Status, Time};

/// Moves tasks whose delay is over into their queues. No fact changes: that a task may be granted
/// from a certain time on is a fact already.
pub(crate) fn promote(state: &mut State, now: Time) {
    state.index.now = state.index.now.max(now);
    let State { facts, index, limits } = state;
    for _ in 0..limits.sweep_max {
        let Some(id) = index.due_ready() else { return };
        let Some(task) = facts.tasks.get(id.0) else { return };
        if let Status::Queued { ready_at } = task.status {
            index.ready.remove(&(ready_at, id));
            index.enqueue(task, task.shape);
        }
    }
}

/// Acts on every timer that is due, up to a bound; the rest is still due in the next step.
pub(crate) fn expire(draft: &mut Draft<'_>) {
    if planted(Mutant::ExpireForgotten) {
        return;
    }
    for _ in 0..draft.limits.sweep_max {
        match draft.index.due(draft.now) {
            Some(timer) => fire(draft, timer),
            None => break,
        }
    }
    forget_keys(draft);
}

fn fire(draft: &mut Draft<'_>, timer: Timer) {
    match timer {
        Timer::Deadline(task) => {
            let failure = Failure::new(FailureKind::Deadline, "its deadline passed");
            let attempt = draft.task(task).and_then(|task| under_way(draft, task));
            let failure = Failure { attempt, ..failure };
            draft.record(Event::TaskFailed { task, failure });
        }
        Timer::Lease(task) => {
            let silent =
                "the agent was silent until its lease ran out; the work is taken to be dead";
            charge(draft, task, FailureKind::LeaseExpired, silent);
        }
        Timer::Timeout(task) => {
            let slow = "the attempt worked longer than its timeout allows";
            charge(draft, task, FailureKind::Timeout, slow);
        }
        Timer::Work(task) => work_spent(draft, task),
        Timer::Hold(task) => draft.record(Event::Routing { task, step: Routing::HoldEnded }),
        Timer::Sleep(task, step) => draft.record(Event::TimerFired { task, step }),
        Timer::Breaker(agent, capability) => {
            draft.record(Event::BreakerHalfOpened { agent, capability });
        }
        Timer::Schedule(name) => crate::schedule::due(draft, &name),
        Timer::Restart(number) => supervise::go_on(draft, number),
    }
}

fn charge(draft: &mut Draft<'_>, task: crate::TaskId, kind: FailureKind, message: &'static str) {
    let attempt = draft.task(task).and_then(|task| task.attempt());
    if let Some(AttemptId { token, .. }) = attempt {
        attempt_failed(draft, AttemptId { task, token }, Failure::new(kind, message), true);
    }
}

/// An attempt has worked for as long as its tree had left when it began; if children have given
/// some back since, it goes on.
fn work_spent(draft: &mut Draft<'_>, id: crate::TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(lease) = task.status.working().copied() else { return };
    let end = lease.since.after(draft.left(task.purse, crate::Part::Work));
    if end > draft.now {
        draft.postpone_work(id, &lease, end);
    } else {
        charge(draft, id, FailureKind::OverBudget, "the working time of its run is used up");
    }
}

/// Keys are forgotten when they are old, or the oldest when there are too many.
fn forget_keys(draft: &mut Draft<'_>) {
    for _ in 0..draft.limits.sweep_max {
        let Some((at, tenant, key)) = draft.index.key_order.first() else { return };
        let old = at.after(draft.limits.key_ms) <= draft.now;
        let many = draft.keys.len() as u64 > draft.limits.keys_max;
        if !old && !many {
            return;
        }
        let (tenant, key) = (tenant.clone(), key.clone());
        draft.record(Event::KeyForgotten { tenant, key });
    }
}
