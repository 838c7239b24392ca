//! P28: a due of a schedule makes one task or none, and it is written down which; nothing that was
//! to be made up for is passed over; no two tasks run together that may not.

use super::Check;
use crate::oracle::{Recorded, Stepped, Verdict};
use crate::world::calendar;
use kernel::{
    Came, Command, Event, Missed, Next, Overlap, Recurrence, ScheduleEvent, ScheduleSpec, State,
    TaskId, Text,
};
use std::collections::{BTreeMap, BTreeSet};

/// A schedule that is due, not held back, and not looked at after so many steps, is forgotten.
const STEPS_MAX: u32 = 200;

/// Schedules by the journal alone.
#[derive(Default)]
pub struct Schedules {
    known: BTreeMap<Text, Known>,
    /// The task that each key of a due stands for.
    tasks: BTreeMap<Text, TaskId>,
    /// Steps in a row after which a schedule was overdue.
    overdue: BTreeMap<Text, u32>,
}

/// A clock set back by more than this was wrong before: `docs/schedules.md`, three hours.
const CORRECTION_MS: u64 = 3 * 3_600_000;

struct Known {
    spec: ScheduleSpec,
    /// Dues that something came of.
    told: BTreeSet<u64>,
    waits: Option<u64>,
    /// What must be next; unknown after the wall clock was set.
    next: Option<Next>,
    task: Option<TaskId>,
}

fn key(name: &str, due: u64) -> Text {
    format!("schedule:{name}:{due}").into()
}

impl Schedules {
    fn fired(&mut self, name: &Text, due: u64, came: &Came, next: Next, before: &State) -> Verdict {
        let tasks = &self.tasks;
        let known = self.known.get_mut(name).ok_or(format!("{name} fired and is not set"))?;
        let waited = known.waits == Some(due);
        if waited {
            known.waits = None;
        } else {
            if !known.told.insert(due) {
                return Err(format!("{name} fired twice at {due}"));
            }
            if let Some(Next::At(expected)) = known.next
                && expected != due
            {
                return Err(format!("{name} fired at {due}, was due at {expected}"));
            }
            follows(name, known, due, came, next)?;
        }
        let open = known.task.filter(|task| before.task(*task).is_some());
        match came {
            Came::Task(task) => {
                if tasks.get(&key(name, due)) != Some(task) {
                    return Err(format!("{name} says task {task} of {due}, which has no such key"));
                }
                // The task itself may be open: it was accepted just before.
                let other = open.filter(|open| open != task);
                if let (Some(other), false) = (other, known.spec.overlap == Overlap::Allow) {
                    return Err(format!("{name} runs tasks {other} and {task} together"));
                }
                known.task = Some(*task);
            }
            Came::Overlap(task) if open != Some(*task) => {
                return Err(format!("{name} left {due} out for task {task}, which is not open"));
            }
            Came::Waits => known.waits = Some(due),
            Came::Overlap(_) | Came::Missed | Came::Refused(_) => {}
        }
        known.next = Some(next);
        Ok(())
    }

    fn schedule(&mut self, name: &Text, what: &ScheduleEvent, before: &State) -> Verdict {
        match what {
            ScheduleEvent::Set { spec, next } => {
                let fresh = || Known {
                    spec: (**spec).clone(),
                    told: BTreeSet::new(),
                    waits: None,
                    next: None,
                    task: None,
                };
                let known = self.known.entry(name.clone()).or_insert_with(fresh);
                if known.spec.recurs != spec.recurs {
                    known.told.clear();
                }
                (known.spec, known.next) = ((**spec).clone(), Some(*next));
            }
            ScheduleEvent::Removed => drop(self.known.remove(name)),
            ScheduleEvent::Resumed { next } => {
                self.known.entry(name.clone()).and_modify(|known| known.next = Some(*next));
            }
            ScheduleEvent::Reckoned { next, .. } => return self.reckoned(name, *next),
            ScheduleEvent::Fired { due, came, next, .. } => {
                return self.fired(name, *due, came, *next, before);
            }
            ScheduleEvent::Paused | ScheduleEvent::Held { .. } => {}
        }
        Ok(())
    }

    /// What was taken for the next due is what the calendar says, and it had been asked.
    fn reckoned(&mut self, name: &Text, next: Next) -> Verdict {
        let known = self.known.get_mut(name).ok_or("reckoned and not set")?;
        let cron = match &known.spec.recurs {
            Recurrence::Calendar { cron, .. } => cron,
            Recurrence::Every { .. } => return Err("an interval was looked up".into()),
        };
        match known.next {
            Some(Next::Reckon { after }) => {
                let says = calendar(cron, after).map_or(Next::Never, Next::At);
                if says != next {
                    return Err(format!("{name} heard {next:?}, its calendar: {says:?}"));
                }
            }
            Some(Next::At(_) | Next::Never) => {
                return Err(format!("{name} took {next:?}, and had not asked"));
            }
            None => {}
        }
        known.next = Some(next);
        Ok(())
    }

    /// What a wall clock that was set does to dues is the kernel's to say; what follows is watched
    /// again.
    fn forget_expectations(&mut self, set_back: bool, wall_ms: u64) {
        for known in self.known.values_mut() {
            known.next = None;
            if !set_back {
                continue;
            }
            match known.spec.recurs {
                // An interval is counted anew, and may meet a moment that it has met before.
                Recurrence::Every { .. } => known.told.clear(),
                // A clock that was far ahead was wrong: what lies ahead once more counts once more.
                Recurrence::Calendar { .. } => {
                    let last = known.told.last().copied().unwrap_or(0);
                    if last > wall_ms.saturating_add(CORRECTION_MS) {
                        known.told.retain(|due| *due <= wall_ms);
                    }
                }
            }
        }
    }

    /// A due stands, and nobody looks at it.
    fn look_for_forgotten(&mut self, seen: &Stepped<'_>) -> Verdict {
        let state = seen.kernel.state();
        let (now, wall) = (state.time, i128::from(state.time.0) + i128::from(state.wall_offset_ms));
        let is_overdue = |schedule: &&kernel::Schedule| {
            let due = match schedule.next {
                Next::At(due) => i128::from(due) < wall,
                Next::Reckon { .. } | Next::Never => false,
            };
            due && !schedule.paused && !state.draining && schedule.held_until < now
        };
        let overdue: Vec<Text> =
            state.schedules.values().filter(is_overdue).map(|it| it.spec.name.clone()).collect();
        self.overdue.retain(|name, _| overdue.contains(name));
        for name in overdue {
            let steps = self.overdue.entry(name.clone()).or_default();
            *steps += 1;
            if *steps > STEPS_MAX {
                return Err(format!("{name} is due and nothing comes of it"));
            }
        }
        Ok(())
    }
}

/// The task that an event says came of a due.
fn fired(event: &Event) -> Option<TaskId> {
    match event {
        Event::Schedule { what: ScheduleEvent::Fired { came: Came::Task(task), .. }, .. } => {
            Some(*task)
        }
        _ => None,
    }
}

/// Where all missed dues are made up for, the one after follows without a gap.
fn follows(name: &str, known: &Known, due: u64, came: &Came, next: Next) -> Verdict {
    let all = known.spec.missed == Missed::All;
    let gapless = match (&known.spec.recurs, next) {
        (Recurrence::Every { ms }, Next::At(at)) => at == due + ms,
        (Recurrence::Calendar { .. }, Next::Reckon { after }) => after == due,
        (Recurrence::Every { .. } | Recurrence::Calendar { .. }, _) => false,
    };
    if all && !gapless && *came != Came::Missed {
        return Err(format!("{name} makes up for all, and goes on from {due} with {next:?}"));
    }
    Ok(())
}

impl Check for Schedules {
    fn name(&self) -> &'static str {
        "p28_a_due_fires_once"
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        let events = || seen.step.entries.iter().map(|entry| &entry.event);
        for event in events() {
            let Event::TaskAccepted(accepted) = event else { continue };
            let Some(key) = accepted.key.as_ref().filter(|it| it.starts_with("schedule:")) else {
                continue;
            };
            let told = events().any(|it| fired(it) == Some(accepted.task));
            if !told {
                return Err(format!("task {} has key {key}, and no due says so", accepted.task));
            }
        }
        match seen.command {
            Command::Begin(_) => Ok(()),
            _ => self.look_for_forgotten(seen),
        }
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => {
                if let Some(key) = &accepted.key {
                    self.tasks.insert(key.clone(), accepted.task);
                }
                Ok(())
            }
            Event::Schedule { name, what } => self.schedule(name, what, seen.before),
            Event::WallClockMoved { set_back, wall_ms } => {
                self.forget_expectations(*set_back, *wall_ms);
                Ok(())
            }
            Event::RuntimeStarted { wall_ms, .. } => {
                self.forget_expectations(true, *wall_ms);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
