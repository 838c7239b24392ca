//! Waiting tasks meet free agents. Every grant carries a token higher than all before it.

use super::bid::announce;
use super::preempt::{is_firm, preempt};
use super::step::is_used_up;
use super::wait::resume;
use crate::index::Match;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::routing::{self, Route};
use crate::rule::fence;
use crate::{Decision, Event, Failure, FailureKind, Granted, Part, Reason, TaskId};

/// Fills every free slot that there is work for. What waited goes before what has not begun: a
/// parent that can finish makes room, a new one makes more work. Asked anew before every grant,
/// since a task that fails here for want of budget is news to its parent.
pub(crate) fn dispatch(draft: &mut Draft<'_>) {
    let mut preemptions = draft.limits.sweep_max;
    loop {
        resume_all(draft);
        if draft.draining {
            return;
        }
        match draft.next_match() {
            Some(found) => grant_next(draft, found),
            None if preempt(draft, &mut preemptions) => {}
            None => return,
        }
    }
}

/// Gives every task that waited and has news its slot, where there is one.
fn resume_all(draft: &mut Draft<'_>) {
    if planted(Mutant::ResumeForgotten) {
        return;
    }
    while let Some(task) = draft.index.next_resume() {
        resume(draft, task);
    }
}

/// Grants the task at the head of a shape's queue to the best agent, or to the one that was kept
/// back for it.
fn grant_next(draft: &mut Draft<'_>, found: Match) {
    let Match { shape, agent, class } = found;
    let queue = &draft.index.shapes[shape.0 as usize].queue;
    let next = match class {
        Some(class) => queue.next_in(class),
        None => queue.next().map(|(_, id)| id),
    };
    let Some(id) = next else { return };
    if let Some(what) = exhausted(draft, id) {
        let message =
            format!("the {} budget of its run is used up; raise it and release", what.name());
        let failure = Failure::new(FailureKind::OverBudget, message);
        draft.record(Event::TaskFailed { task: id, failure });
        return;
    }
    let Some(task) = draft.task(id) else { return };
    let reason = if class.is_some() { Reason::RoomMade } else { Reason::KeptBack };
    let kept = |agent| (agent, Decision { reason, ..Decision::default() });
    let route = match agent.map(kept) {
        Some((agent, why)) => Some(Route::To(agent, why)),
        None => routing::route(draft, draft.now, task),
    };
    let (agent, why) = match route {
        Some(Route::To(agent, why)) => (agent, why),
        Some(Route::Later(event)) => return draft.record(event),
        Some(Route::Announce { bidders, bids_ms }) => {
            return announce(draft, id, bidders, bids_ms);
        }
        None => return,
    };
    let token = fence::mint(draft.token);
    let until = draft.now.after(draft.limits.lease_ms);
    let firm = is_firm(draft, task, agent);
    let granted = Granted { task: id, agent, token, until, firm, why };
    draft.record(Event::LeaseGranted(Box::new(granted)));
}

/// The part of its purse that leaves nothing to work with.
pub(super) fn exhausted(draft: &Draft<'_>, id: TaskId) -> Option<Part> {
    let purse = draft.task(id)?.purse;
    let spendable = [Part::Money, Part::Tokens, Part::Work];
    spendable.into_iter().find(|part| is_used_up(draft, purse, *part))
}
