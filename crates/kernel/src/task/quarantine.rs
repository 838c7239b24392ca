//! Dead letters: tasks that used up their attempts, kept whole until somebody decides.

use super::submit::{accept, check_room, check_size, root_budget};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::state::Pin;
use crate::{Answer, Event, Payload, Receipt, Refusal, Submit, TaskId};

/// Another life, as a new root task: what died stays dead, so its receipt stays true. With the
/// input that an operator has mended, or with its own.
pub(crate) fn release(
    draft: &mut Draft<'_>,
    id: TaskId,
    input: Option<Payload>,
) -> Result<Answer, Refusal> {
    let letter = draft.dead.get(&id).ok_or(Refusal::UnknownTask(id))?;
    if draft.draining {
        return Err(Refusal::Draining);
    }
    check_room(draft, &letter.task.terms, None)?;
    let input = input.unwrap_or_else(|| letter.task.input.clone());
    let affinity = letter.task.affinity.as_deref().cloned();
    let submit = Submit { affinity, ..Submit::new(letter.task.terms.clone(), input) };
    check_size(draft, &submit)?;
    let pin = draft.pins.get(&id).cloned();
    let budget = root_budget(draft, None);
    let task = accept(draft, submit, None, Some(budget), Some(id));
    if let Some(Pin { team, definition }) = pin {
        draft.record(Event::RunStarted { run: task, team, definition });
    }
    if !planted(Mutant::DeadReleasedTwice) {
        draft.record(Event::DeadReleased { task: id, into: task });
    }
    Ok(Answer::Accepted(Receipt { task, fresh: true, outcome: None }))
}

/// Gone for good.
pub(crate) fn discard(draft: &mut Draft<'_>, task: TaskId) -> Result<Answer, Refusal> {
    if !draft.dead.contains_key(&task) {
        return Err(Refusal::UnknownTask(task));
    }
    draft.record(Event::DeadDiscarded { task });
    Ok(Answer::Done)
}

/// One more is about to die: the oldest goes when there are as many as are kept.
pub(super) fn make_room(draft: &mut Draft<'_>) {
    if draft.dead.len() as u64 >= draft.limits.dead_max
        && let Some(oldest) = draft.dead.keys().next().copied()
    {
        draft.record(Event::DeadDiscarded { task: oldest });
    }
}
