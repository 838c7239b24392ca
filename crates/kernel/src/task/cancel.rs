//! A task is called off, and everything below it.

use crate::kernel::Draft;
use crate::{Answer, Event, Refusal, TaskId, Text};

/// Ends the task now; its children follow as orphans, and running work is told to stop.
pub(crate) fn cancel(draft: &mut Draft<'_>, task: TaskId, reason: Text) -> Result<Answer, Refusal> {
    if draft.task(task).is_none() {
        return Err(Refusal::UnknownTask(task));
    }
    draft.record(Event::TaskCancelled { task, reason });
    Ok(Answer::Done)
}

/// A task whose parent has ended, however it ended, has nobody to answer to: it is cancelled. Done
/// in bounded portions, so that a tree of a hundred thousand tasks is not one step; what is left is
/// a condition of the state and cannot be lost.
pub(crate) fn sweep_orphans(draft: &mut Draft<'_>) {
    for _ in 0..draft.limits.sweep_max {
        let Some(task) = draft.index.orphans.first().copied() else { return };
        draft.record(Event::TaskCancelled {
            task,
            reason: "the task that asked for it ended".into(),
        });
    }
}
