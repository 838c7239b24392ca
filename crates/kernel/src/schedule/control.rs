//! Schedules are set, changed, paused and removed.

use super::{Next, Recurrence, Schedule, ScheduleEvent, ScheduleSpec, record};
use crate::kernel::Draft;
use crate::task::check_size;
use crate::{Answer, Refusal, Submit, Text};

/// Sets a schedule, or changes the one of this name. Saying the same again changes nothing; where
/// only the task differs, the next due stays.
pub(crate) fn schedule(draft: &mut Draft<'_>, spec: ScheduleSpec) -> Result<Answer, Refusal> {
    let limits = &draft.limits;
    let known = draft.schedules.get(&spec.name);
    if known.is_some_and(|known| known.spec == spec) {
        return Ok(Answer::Done);
    }
    if known.is_none() && draft.schedules.len() as u64 >= u64::from(limits.schedules_max) {
        return Err(Refusal::TooMany { max: u64::from(limits.schedules_max) });
    }
    let min_ms = limits.schedule_every_min_ms;
    match &spec.recurs {
        Recurrence::Every { ms } if *ms < min_ms => return Err(Refusal::TooOften { min_ms }),
        Recurrence::Every { .. } | Recurrence::Calendar { .. } => {}
    }
    let mut task = Submit::new(spec.terms.clone(), spec.input.clone());
    task.key = Some(super::key(&spec.name, u64::MAX));
    check_size(draft, &task)?;
    let wall = draft.wall_ms();
    let next = match known.filter(|known| known.spec.recurs == spec.recurs) {
        Some(known) => known.next,
        None => spec.next_after(wall, wall),
    };
    let name = spec.name.clone();
    record(draft, &name, ScheduleEvent::Set { spec: Box::new(spec), next });
    Ok(Answer::Done)
}

/// Removes a schedule; what it has started goes on.
pub(crate) fn unschedule(draft: &mut Draft<'_>, name: Text) -> Result<Answer, Refusal> {
    known(draft, &name)?;
    record(draft, &name, ScheduleEvent::Removed);
    Ok(Answer::Done)
}

/// Nothing is started until it is resumed. Dues that pass meanwhile are not missed: nobody wanted
/// them.
pub(crate) fn pause(draft: &mut Draft<'_>, name: Text) -> Result<Answer, Refusal> {
    if !known(draft, &name)?.paused {
        record(draft, &name, ScheduleEvent::Paused);
    }
    Ok(Answer::Done)
}

/// It goes on with the first due from now.
pub(crate) fn resume(draft: &mut Draft<'_>, name: Text) -> Result<Answer, Refusal> {
    let wall = draft.wall_ms();
    let schedule = known(draft, &name)?;
    if !schedule.paused {
        return Ok(Answer::Done);
    }
    let next = match schedule.next {
        Next::At(due) if due > wall => schedule.next,
        Next::At(due) => schedule.spec.next_after(due, wall),
        Next::Reckon { after } => Next::Reckon { after: after.max(wall) },
        Next::Never => Next::Never,
    };
    record(draft, &name, ScheduleEvent::Resumed { next });
    Ok(Answer::Done)
}

fn known<'d>(draft: &'d Draft<'_>, name: &Text) -> Result<&'d Schedule, Refusal> {
    draft.schedules.get(name).ok_or_else(|| Refusal::UnknownSchedule(name.clone()))
}
