//! The holder of a lease says how its work went.

use super::retry::{attempt_failed, attempt_lost};
use crate::agent::judge;
use crate::kernel::Draft;
use crate::rule::backoff;
use crate::{Answer, AttemptId, Event, Failure, FailureKind, Loss, Payload, Refusal, Status, Time};

/// The process behind the attempt really runs.
pub(crate) fn started(draft: &mut Draft<'_>, by: AttemptId) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    match task.status {
        Status::Assigned(_) => draft.record(Event::TaskStarted { task: by.task }),
        Status::Queued { .. } | Status::Running(_) | Status::Waiting(..) => {} // Said before.
    }
    Ok(Answer::Done)
}

/// The work is done: the task ends, and its outcome goes to whoever asked.
pub(crate) fn completed(
    draft: &mut Draft<'_>,
    by: AttemptId,
    output: Payload,
) -> Result<Answer, Refusal> {
    if draft.task(by.task).is_some_and(|task| task.is_bid) {
        let message = "it was asked what it would do the task for, and gave something else";
        return failed(draft, by, Failure::new(FailureKind::Garbage, message));
    }
    done(draft, by, output)
}

/// The same of what is asked for a bid.
pub(super) fn done(
    draft: &mut Draft<'_>,
    by: AttemptId,
    output: Payload,
) -> Result<Answer, Refusal> {
    let max = draft.limits.payload_one_max_bytes;
    if output.len > max {
        let message = format!("the output has {} bytes, more than the {max} allowed", output.len);
        return failed(draft, by, Failure::new(FailureKind::Limit, message));
    }
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    let holder = task.status.lease().map(|it| (it.agent, task.terms.capability.clone()));
    draft.record(Event::TaskCompleted { task: by.task, token: by.token, output });
    if let Some((agent, capability)) = holder {
        judge(draft, agent, &capability);
    }
    Ok(Answer::Done)
}

/// The work failed: another attempt, or the end.
pub(crate) fn failed(
    draft: &mut Draft<'_>,
    by: AttemptId,
    failure: Failure,
) -> Result<Answer, Refusal> {
    attempt_failed(draft, by, failure, false);
    Ok(Answer::Done)
}

/// The work is given back undone: nobody is charged. In a drain another attempt may start at once;
/// otherwise it waits as after a failure, or it would come straight back to whoever does not want
/// it.
pub(crate) fn handed_back(draft: &mut Draft<'_>, by: AttemptId) -> Result<Answer, Refusal> {
    let retry_at = match draft.task(by.task) {
        Some(task) if !draft.draining => {
            let (drawn, _) = backoff::draw(draft.seed);
            draft.now.after(backoff::delay_ms(&task.terms.retry, task.lost + 1, drawn))
        }
        Some(_) | None => Time(0),
    };
    attempt_lost(draft, by.task, by.token, Loss::HandedBack, retry_at);
    Ok(Answer::Done)
}

/// Work that was told to stop has stopped; `late`: with an answer, which came too late.
pub(crate) fn ended(draft: &mut Draft<'_>, by: AttemptId, late: bool) -> Result<Answer, Refusal> {
    draft.record(Event::WorkEnded { token: by.token, late });
    Ok(Answer::Done)
}
