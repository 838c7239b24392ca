//! What work costs is charged to its tree, and to the day.

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
    let (purse, terms) = draft.spender(by);
    let on = if on.len() > draft.limits.name_max_bytes { Text::default() } else { on };
    draft.record(Event::Spent { task: by.task, token: by.token, cost, on });
    let is_covered = draft.is_covered(by);
    for (part, spent) in cost.parts() {
        let is_short = match part {
            Part::Money if is_covered => continue,
            // The last of so many calls is one that may be made.
            Part::Calls => spent > 0 && draft.is_overdrawn(purse, part),
            Part::Money | Part::Tokens | Part::Work | Part::Tasks => draft.left(purse, part) == 0,
        };
        if is_short {
            return Err(Refusal::OverBudget { what: part.name().into() });
        }
        let above = terms.iter().flat_map(|terms| draft.ceilings_over(terms, part, draft.now));
        if let Some(reached) = above.flatten().find(|it| spent > 0 && it.is_overstepped()) {
            return Err(Refusal::OverCeiling(Box::new(reached)));
        }
    }
    Ok(Answer::Done)
}
