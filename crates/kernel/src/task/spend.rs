//! What work costs is charged to its tree.

use crate::kernel::Draft;
use crate::{Answer, AttemptId, Cost, Event, Part, Refusal, Text};

/// Records a cost. It was spent, so it is always recorded, also when the lease has ended since; the
/// refusal tells the spender that nothing is left.
/// What it was spent `on` is for people: a name that is too long is none.
pub(crate) fn spent(
    draft: &mut Draft<'_>,
    by: AttemptId,
    on: Text,
    cost: Cost,
) -> Result<Answer, Refusal> {
    let on = if on.len() > draft.limits.name_max_bytes { Text::default() } else { on };
    draft.record(Event::Spent { task: by.task, token: by.token, cost, on });
    let purse = match draft.stopping.get(&by.token) {
        Some(stopping) => stopping.purse,
        None => draft.task(by.task).map_or(by.task, |task| task.purse),
    };
    let is_covered = draft.is_covered(by);
    for part in [Part::Money, Part::Tokens] {
        let is_paid = is_covered && part == Part::Money;
        if !is_paid && draft.left(purse, part) == 0 {
            return Err(Refusal::OverBudget { what: part.name().into() });
        }
    }
    Ok(Answer::Done)
}
