//! A task with nothing to do but wait gives its slot back, and goes on when there is news.

use crate::kernel::Draft;
use crate::{Answer, AttemptId, Event, Refusal, Status, TaskId};

/// Lets go of the slot, unless a delivery is on its way that this attempt has not taken in: it
/// would sleep through it. Nor may it wait for nothing: it would never wake.
pub(crate) fn wait(draft: &mut Draft<'_>, by: AttemptId, seen: u32) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    match task.status {
        // It waits already, and goes on when it has a slot: not because it asks again.
        Status::Queued { .. } | Status::Waiting(..) => return Ok(Answer::Done),
        Status::Assigned(_) | Status::Running(_) => {}
    }
    let (deliveries, pending) =
        task.past.as_ref().map_or((0, 0), |past| (past.deliveries, past.pending));
    if seen < deliveries || pending == 0 {
        return Ok(Answer::News);
    }
    draft.record(Event::TaskWaiting { task: by.task });
    Ok(Answer::Done)
}

/// Gives a waiting task its slot again.
pub(super) fn resume(draft: &mut Draft<'_>, task: TaskId) {
    let until = draft.now.after(draft.limits.lease_ms);
    draft.record(Event::TaskResumed { task, until });
}
