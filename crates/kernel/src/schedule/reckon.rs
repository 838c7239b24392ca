//! What only the runtime knows: calendars, and what the wall clock says.

use super::{Next, Recurrence, Schedule, ScheduleEvent, record};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{Answer, Event, Refusal, Text};

/// A wall clock that is set back by less than this makes no due come twice; by more, it is taken to
/// be a correction, and the new time counts at once (Vixie cron as Debian ships it).
const CORRECTION_MS: u64 = 3 * 3_600_000;

/// The runtime has looked the next due up. An answer to a question that is no longer asked, late or
/// doubled, changes nothing.
pub(crate) fn reckoned(
    draft: &mut Draft<'_>,
    name: Text,
    recurs: &Recurrence,
    after: u64,
    next: Result<u64, Text>,
) -> Result<Answer, Refusal> {
    let known = draft.schedules.get(&name);
    let schedule = known.ok_or_else(|| Refusal::UnknownSchedule(name.clone()))?;
    let asked = schedule.next == Next::Reckon { after } && schedule.spec.recurs == *recurs;
    if !asked && !planted(Mutant::ScheduleFiresTwice) {
        return Ok(Answer::Done);
    }
    let (next, why) = match next {
        Ok(due) if due > after => (Next::At(due), Text::default()),
        Ok(_) => (Next::Never, "the calendar gave a moment that is not later".into()),
        Err(why) => (Next::Never, why),
    };
    record(draft, &name, ScheduleEvent::Reckoned { next, why });
    Ok(Answer::Done)
}

/// The runtime compares the wall clock with what the kernel takes it to be.
pub(crate) fn wall_clock(draft: &mut Draft<'_>, wall_ms: u64) -> Result<Answer, Refusal> {
    let known = draft.wall_ms();
    if known.abs_diff(wall_ms) >= draft.limits.wall_slack_ms {
        draft.record(Event::WallClockMoved { wall_ms, set_back: wall_ms < known });
    }
    Ok(Answer::Done)
}

/// When a schedule is due now that the wall clock says `wall`, if that changes with it. An interval
/// never waits longer than itself, and a calendar is asked again when the clock was set back.
pub(crate) fn after_wall_clock(schedule: &Schedule, wall: u64, set_back: bool) -> Option<Next> {
    let Next::At(due) = schedule.next else { return None };
    match &schedule.spec.recurs {
        Recurrence::Every { ms } => {
            let latest = wall.saturating_add(*ms);
            (due > latest).then_some(Next::At(latest))
        }
        Recurrence::Calendar { .. } if set_back => {
            let last = schedule.last.as_ref().map_or(0, |(due, _)| *due);
            let counts = last <= wall.saturating_add(CORRECTION_MS);
            Some(Next::Reckon { after: if counts { wall.max(last) } else { wall } })
        }
        Recurrence::Calendar { .. } => None,
    }
}
