//! Urgent work takes the place of work that may be put off.
//!
//! What a class that may preempt takes back is what was *lent*: an attempt at preemptible work that
//! began while nothing more urgent waited for the same agent. What was granted in its turn though
//! urgent work waited is kept, or the shares of the classes would be worth nothing and the same two
//! tasks could chase each other off an agent for ever. (So does YARN's fair scheduler, which takes
//! back only what goes beyond a share.) The task that loses its place is queued again whole, where
//! it stood; its steps stay, and nobody is charged.

use super::dispatch::exhausted;
use super::retry::attempt_lost;
use crate::index::{ShapeId, Victim};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::state::Deliberation;
use crate::{AgentId, Class, Loss, Status, Task, TaskId, Time};
use std::collections::BTreeSet;

/// Stops what has to make room for urgent work that found nobody free, of `left` attempts at most.
/// Whether anything was: there may be more to grant then.
pub(super) fn preempt(draft: &mut Draft<'_>, left: &mut usize) -> bool {
    let before = *left;
    while *left > 0
        && *left == before
        && let Some(shape) = draft.next_look()
    {
        for class in draft.index.preempting_in(shape) {
            keep_back(draft, shape, class);
            make_room(draft, shape, class, left);
        }
        if *left == 0 {
            draft.look_for_room(shape); // The rest in a step of its own.
        }
    }
    *left < before
}

/// Agents at which room is being made already are kept back for whom it is made.
fn keep_back(draft: &mut Draft<'_>, shape: ShapeId, class: Class) {
    let waits = |task: &Task| {
        let of = task.shape.0 == shape.0 && task.terms.class == class;
        of && matches!(task.status, Status::Queued { .. })
    };
    let meant = |by: TaskId| draft.task(by).is_some_and(waits);
    let making = draft.stopping.values().filter(|it| it.makes_room_for.is_some_and(meant));
    let agents: BTreeSet<AgentId> = making.map(|it| it.agent).collect();
    for agent in agents {
        draft.take_for(agent, shape, class);
    }
}

/// For each task of the class that waits and for which no room is being made.
fn make_room(draft: &mut Draft<'_>, shape: ShapeId, class: Class, left: &mut usize) {
    let making: BTreeSet<TaskId> =
        draft.stopping.values().filter_map(|it| it.makes_room_for).collect();
    let ready = draft.index.shapes[shape.0 as usize].queue.ready_in(class);
    let waiting = ready.filter(|id| !making.contains(id)).take(*left);
    let mut waiting: Vec<TaskId> = waiting.collect();
    if planted(Mutant::PreemptionForgotten) {
        waiting.clear();
    }
    for by in waiting {
        // It waits for the agent that its key belongs to, only asks for a bid, or fails as soon as
        // it is looked at.
        let held = draft.deliberations.get(&by);
        let held = matches!(held, Some(Deliberation::Held { over: false, .. }));
        let is_bid = draft.task(by).is_some_and(|task| task.is_bid);
        if held || is_bid || exhausted(draft, by).is_some() {
            continue;
        }
        // No task takes the place of those that wait for it, or will as soon as they have said so.
        let above = draft.task(by).into_iter().flat_map(|it| draft.upwards(it).skip(1));
        let spared: Vec<TaskId> = above.map(|it| it.id).collect();
        let victims = draft.index.victims_for(shape, class, &spared);
        let Some(agent) = victims.first().map(|it| it.agent) else {
            if spared.is_empty() || draft.index.victims_for(shape, class, &[]).is_empty() {
                return; // Nor would there be room for the others.
            }
            continue;
        };
        for victim in victims {
            stop(draft, &victim, by);
            *left = left.saturating_sub(1);
        }
        draft.take_for(agent, shape, class);
    }
}

/// It is queued again as it was: it has not lost its place, since that follows from its number and
/// its deadline.
fn stop(draft: &mut Draft<'_>, victim: &Victim, by: TaskId) {
    let late = if planted(Mutant::PreemptedLosesPlace) { draft.now.after(60_000) } else { Time(0) };
    attempt_lost(draft, victim.task, victim.token(), Loss::Preempted { by }, late);
}

/// Whether an attempt that begins now under this agent is safe from preemption.
pub(super) fn is_firm(draft: &Draft<'_>, task: &Task, agent: AgentId) -> bool {
    let often = task.preempted() >= draft.limits.preemptions_max;
    let immune = often && !planted(Mutant::PreemptsForEver);
    task.terms.preemptible && (immune || draft.index.takes_turn(task, agent))
}
