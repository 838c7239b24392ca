//! An operator moves a run to another team definition.

use crate::kernel::Draft;
use crate::{Answer, Digest, Event, Refusal, TaskId};

/// Pins the run anew. Its tasks keep their scope and what is recorded of them; what the new
/// definition asks differently under a recorded step key is a drift, which is told as such.
pub(crate) fn migrate(
    draft: &mut Draft<'_>,
    run: TaskId,
    definition: Digest,
) -> Result<Answer, Refusal> {
    let root = draft.task(run).filter(|task| task.parent.is_none());
    let team = root.ok_or(Refusal::UnknownTask(run))?.terms.team.clone();
    if draft.pins.get(&run).is_none_or(|pin| pin.definition != definition) {
        draft.record(Event::RunStarted { run, team, definition });
    }
    Ok(Answer::Done)
}
