//! An attempt did not succeed: try again later, or give the task up.

use super::cancel::sweep_orphans;
use super::quarantine::make_room;
use crate::agent::judge;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::rule::backoff;
use crate::{
    AttemptId, Event, FailedAttempt, Failure, FailureKind, Loss, RetryPolicy, State, Task, TaskId,
    Time, Token,
};

/// Charges a failure to the task. Then: not worth repeating → failed; attempts used up → dead; the
/// next attempt could not start before the deadline → failed; else queued again after a jittered
/// delay that the retry budget may lengthen. `stop`: the work behind the attempt may still be going
/// on.
pub(crate) fn attempt_failed(draft: &mut Draft<'_>, by: AttemptId, failure: Failure, stop: bool) {
    let Some(task) = draft.task(by.task) else { return };
    let count = task.failed + 1;
    let (policy, deadline) = (task.terms.retry, task.deadline);
    // Whoever fails at bidding makes no bid, or at advising gives none; nobody has to look at that.
    let is_advice = task.is_advice;
    let retryable = failure.kind.is_retryable() && !task.is_bid;
    let spent = count >= policy.attempts_max && !planted(Mutant::RetryCapIgnored);
    let wanted = (retryable && !spent).then(|| retry_at(draft, &policy, count, &failure));
    // Nobody waits for what cannot come: the caller hears now, while there is time to do without.
    let too_late = wanted.is_some_and(|at| at >= deadline);
    let retry_at = wanted.filter(|_| !too_late).unwrap_or(Time::NEVER);
    let token = by.token;
    let holder = task.status.lease().map(|it| (it.agent, task.terms.capability.clone()));
    let attempt = under_way(draft, task);
    let failure = Failure { attempt: None, ..failure }; // Its lease says whose attempt it is.
    let last = Failure { attempt, ..failure.clone() };
    draft.record(Event::AttemptFailed { task: by.task, token, failure, retry_at, stop });
    if let Some((agent, capability)) = holder {
        judge(draft, agent, &capability);
    }
    if !retryable || (spent && is_advice) {
        draft.record(Event::TaskFailed { task: by.task, failure: last });
    } else if spent {
        make_room(draft);
        draft.record(Event::TaskDied { task: by.task, failure: last });
    } else if too_late {
        draft.record(Event::TaskFailed { task: by.task, failure: out_of_time(&last) });
    }
    sweep_orphans(draft);
}

/// The attempt at a task that is under way now, if one is.
pub(super) fn under_way(state: &State, task: &Task) -> Option<Box<FailedAttempt>> {
    let agent = state.agent(task.status.lease()?.agent)?.spec.name.clone();
    let (number, of) = (task.failed + 1, task.terms.retry.attempts_max);
    Some(Box::new(FailedAttempt { agent, number, of: of.max(number) }))
}

/// When the next attempt may start.
fn retry_at(draft: &Draft<'_>, policy: &RetryPolicy, count: u32, failure: &Failure) -> Time {
    let (draw, _) = backoff::draw(draft.seed);
    let delay = backoff::delay_ms(policy, count, draw);
    let asked = failure.retry_after_ms.unwrap_or(0);
    let allowed = if planted(Mutant::RetryBudgetIgnored) {
        draft.now
    } else {
        draft.retries.clone().withdraw(&draft.limits, draft.now)
    };
    // What the agent asks for is data: it may not put its task off for ever.
    draft.now.after(delay.max(asked).min(draft.limits.delay_max_ms)).max(allowed)
}

/// Why a task ends before its deadline for want of time.
fn out_of_time(last: &Failure) -> Failure {
    let message = format!(
        "another attempt could not start before its deadline; the last one failed: {}",
        last.message
    );
    let attempt = last.attempt.clone();
    Failure { attempt, ..Failure::new(FailureKind::Deadline, message) }
}

/// Puts a task back that lost its attempt through no fault of its own or its agent's. Too often to
/// be chance, and the task is taken to be what kills us. Only what is handed back in a drain costs
/// nothing: an agent that gives back whatever it gets must not keep a task going round for ever.
pub(crate) fn attempt_lost(
    draft: &mut Draft<'_>,
    task: TaskId,
    token: Token,
    cause: Loss,
    retry_at: Time,
) {
    let losses =
        draft.task(task).map_or(0, |task| task.lost) + u32::from(!draft.is_free(task, cause));
    if cause == Loss::HandedBack && planted(Mutant::DrainLosesRunningWork) {
        draft.record(Event::AttemptLost { task, token, cause, retry_at: Time::NEVER });
        return;
    }
    draft.record(Event::AttemptLost { task, token, cause, retry_at });
    if losses >= draft.limits.crash_attempts_max {
        let message =
            format!("lost with the runtime {losses} times; see what it does to the process");
        make_room(draft);
        let failure = Failure::new(FailureKind::Lost, message);
        draft.record(Event::TaskDied { task, failure });
    }
}
