//! The queue is full, and the least urgent work in it makes room for what is more urgent.
//!
//! Why not refuse whoever comes last? Under a flood of what nobody is in a hurry for, the one task
//! that somebody waits for would be turned away like the rest. Shedding is an exchange, one for
//! one: the queue does not grow by it, and what is shed ends as failed, is told so, and may come
//! again later. A child is never shed alone: its run was accepted.

use super::submit::check_room;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{Event, Failure, FailureKind, Refusal, TaskId, Terms};

/// The queued root that would make room for a newcomer on these terms, which was refused for want
/// of it.
pub(super) fn instead_of(draft: &Draft<'_>, terms: &Terms, refusal: &Refusal) -> Option<TaskId> {
    let quota = if let Refusal::OverQuota { quota, .. } = refusal { Some(quota) } else { None };
    let policies = draft.policies.get(&terms.team);
    let from = policies.and_then(|policies| policies.shed);
    let unasked = planted(Mutant::ShedsUnasked).then_some(crate::Class::High);
    let from = from.or(unasked).filter(|_| !planted(Mutant::ShedForgotten))?;
    let found = draft.index.furthest_off(terms, from, quota, |id| {
        draft.task(id).is_some_and(|task| task.parent.is_none() || planted(Mutant::ShedsChildren))
    })?;
    check_room(draft, terms, draft.task(found)).is_ok().then_some(found)
}

/// It ends, and its client hears when to come again.
pub(super) fn shed(draft: &mut Draft<'_>, task: TaskId) {
    let message = "the queue was full, and more urgent work came; hand it over again later";
    let retry_after_ms = Some(draft.limits.retry_after_ms);
    let failure = Failure { retry_after_ms, ..Failure::new(FailureKind::Shed, message) };
    draft.record(Event::TaskFailed { task, failure });
}
