//! A schedule is due: its task is started, or it is written down why not.

use super::{Came, Missed, Next, Overlap, Recurrence, Schedule, ScheduleEvent, key, record};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::task::submit;
use crate::{Answer, Event, Limits, Refusal, Submit, TaskId, Text};

/// There was no room.
struct Full {
    retry_after_ms: u64,
}

/// Acts on the due of a schedule; its timer says that there is one.
pub(crate) fn due(draft: &mut Draft<'_>, name: &Text) {
    let wall = draft.wall_ms();
    let Some(schedule) = draft.schedules.get(name) else { return };
    let open = schedule.task.filter(|task| draft.task(*task).is_some());
    if let (Some(due), None) = (schedule.waits, open) {
        let next = schedule.next;
        let behind = schedule.behind;
        return begin(draft, name, due, None, (next, behind));
    }
    let Next::At(due) = schedule.next else { return };
    let (starts, next, behind) = plan(schedule, due, wall, &draft.limits);
    if starts {
        begin(draft, name, due, open, (next, behind));
    } else {
        fired(draft, name, due, Came::Missed, (next, behind));
    }
}

/// Whether a due makes a task, what is due after it, and how many missed ones were made up for.
fn plan(schedule: &Schedule, due: u64, wall: u64, limits: &Limits) -> (bool, Next, u32) {
    let spec = &schedule.spec;
    let late_max = match &spec.recurs {
        Recurrence::Every { ms } => limits.schedule_late_ms.min(*ms),
        Recurrence::Calendar { .. } => limits.schedule_late_ms,
    };
    let on_time = wall.saturating_sub(due) < late_max;
    if on_time {
        return (true, spec.next_after(due, due), 0);
    }
    match spec.missed {
        Missed::Skip => (false, spec.next_after(due, wall), 0),
        Missed::Once => (true, spec.next_after(due, wall), 0),
        Missed::All if planted(Mutant::MissedTickForgotten) => {
            (true, spec.next_after(due, wall), 0)
        }
        Missed::All if schedule.behind >= limits.schedule_catch_up_max => {
            (false, spec.next_after(due, wall), 0)
        }
        Missed::All => (true, spec.next_after(due, due), schedule.behind + 1),
    }
}

/// Starts the task of a due, as far as the one before (`open`) lets it.
fn begin(draft: &mut Draft<'_>, name: &Text, due: u64, open: Option<TaskId>, then: (Next, u32)) {
    let Some(schedule) = draft.schedules.get(name) else { return };
    let came = match (open, schedule.spec.overlap) {
        (None, _) | (Some(_), Overlap::Allow) => start(draft, name, due),
        (Some(task), Overlap::Skip) => Ok(Came::Overlap(task)),
        (Some(_), Overlap::QueueOne) if schedule.waits.is_none() => Ok(Came::Waits),
        (Some(task), Overlap::QueueOne) => Ok(Came::Overlap(task)),
        (Some(task), Overlap::CancelPrevious) => {
            let reason = format!("schedule {name} is due again, and cancels what has not ended");
            draft.record(Event::TaskCancelled { task, reason: reason.into() });
            start(draft, name, due)
        }
    };
    match came {
        Ok(came) => fired(draft, name, due, came, then),
        Err(full) => {
            // What stood in the way of a start in time is what `missed` speaks of.
            let skips = draft.schedules.get(name).map(|it| it.spec.missed) == Some(Missed::Skip);
            if skips {
                let why = "there was no room for more work".into();
                return fired(draft, name, due, Came::Refused(why), then);
            }
            let until = draft.now.after(full.retry_after_ms.max(1));
            record(draft, name, ScheduleEvent::Held { until });
        }
    }
}

/// Submits the task as any client would, under a key that no other due has.
fn start(draft: &mut Draft<'_>, name: &Text, due: u64) -> Result<Came, Full> {
    let Some(schedule) = draft.schedules.get(name) else { return Ok(Came::Missed) };
    let spec = &schedule.spec;
    let task = Submit {
        key: Some(key(name, due)),
        deadline_ms: spec.deadline_ms,
        budget: spec.budget,
        definition: spec.definition,
        ..Submit::new(spec.terms.clone(), spec.input.clone())
    };
    match submit(draft, task) {
        Ok(Answer::Accepted(receipt)) => Ok(Came::Task(receipt.task)),
        Ok(_) => Ok(Came::Missed),
        Err(Refusal::Overloaded { retry_after_ms }) => Err(Full { retry_after_ms }),
        Err(refusal) => Ok(Came::Refused(refusal.to_string().into())),
    }
}

fn fired(draft: &mut Draft<'_>, name: &Text, due: u64, came: Came, (next, behind): (Next, u32)) {
    record(draft, name, ScheduleEvent::Fired { due, came, next, behind });
}
