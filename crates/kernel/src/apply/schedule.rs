//! Schedules: what is due when, and what came of it.

use crate::schedule::{Came, Next, Schedule, ScheduleEvent, ScheduleSpec, after_wall_clock};
use crate::{Ledger, State, TaskId, Text, Time};

impl State {
    pub(super) fn schedule_event(&mut self, name: &Text, what: &ScheduleEvent) {
        match what {
            ScheduleEvent::Set { spec, next } => self.schedule_set(spec, *next),
            ScheduleEvent::Removed => {
                self.facts.schedules.remove(name);
                self.index.forget_schedule(name);
            }
            ScheduleEvent::Paused => self.schedule_changed(name, |it| it.paused = true),
            ScheduleEvent::Resumed { next } => {
                self.schedule_changed(name, |it| (it.paused, it.next) = (false, *next));
            }
            ScheduleEvent::Reckoned { next, why } => {
                self.schedule_changed(name, |it| (it.next, it.why_never) = (*next, why.clone()));
            }
            ScheduleEvent::Fired { due, came, next, behind } => {
                self.schedule_fired(name, *due, came, *next, *behind);
            }
            ScheduleEvent::Held { until } => {
                self.schedule_changed(name, |it| it.held_until = *until);
            }
        }
    }

    fn schedule_set(&mut self, spec: &ScheduleSpec, next: Next) {
        let name = spec.name.clone();
        let fresh = || Schedule {
            spec: spec.clone(),
            paused: false,
            next,
            held_until: Time(0),
            waits: None,
            task: None,
            last: None,
            behind: 0,
            started: 0,
            why_never: Text::default(),
        };
        let schedule = self.facts.schedules.entry(name.clone()).or_insert_with(fresh);
        (schedule.spec, schedule.next) = (spec.clone(), next);
        self.relink_schedule(&name);
    }

    fn schedule_fired(&mut self, name: &Text, due: u64, came: &Came, next: Next, behind: u32) {
        self.schedule_changed(name, |schedule| {
            (schedule.next, schedule.behind, schedule.held_until) = (next, behind, Time(0));
            let waited = schedule.waits == Some(due);
            if waited {
                schedule.waits = None;
            }
            match came {
                Came::Task(task) => {
                    schedule.task = Some(*task);
                    schedule.started += 1;
                }
                Came::Waits => schedule.waits = Some(due),
                Came::Missed | Came::Overlap(_) | Came::Refused(_) => {}
            }
            // What comes of a due that waited does not hide what came of a later one.
            if !waited || schedule.last.as_ref().is_none_or(|(last, _)| *last <= due) {
                schedule.last = Some((due, came.clone()));
            }
        });
    }

    fn schedule_changed(&mut self, name: &Text, change: impl FnOnce(&mut Schedule)) {
        if let Some(schedule) = self.facts.schedules.get_mut(name) {
            change(schedule);
            self.relink_schedule(name);
        }
    }

    /// The wall clock says this now: dues lie elsewhere on the kernel's clock.
    pub(super) fn wall_clock_is(&mut self, at: Time, wall: u64, set_back: bool) {
        let facts = &mut self.facts;
        facts.wall_offset_ms = (wall as i64).saturating_sub(at.0 as i64);
        facts.ledger.turn_to(Ledger::day_of(wall));
        for schedule in facts.schedules.values_mut() {
            if let Some(next) = after_wall_clock(schedule, wall, set_back) {
                schedule.next = next;
            }
        }
        self.relink_schedules();
    }

    pub(super) fn relink_schedules(&mut self) {
        let names: Vec<Text> = self.facts.schedules.keys().cloned().collect();
        names.iter().for_each(|name| self.relink_schedule(name));
    }

    /// A task has ended for which a due may have waited.
    pub(super) fn schedule_freed(&mut self, task: TaskId) {
        if let Some(name) = self.index.awaited(task) {
            self.relink_schedule(&name);
        }
    }

    fn relink_schedule(&mut self, name: &Text) {
        if let Some(schedule) = self.facts.schedules.get(name) {
            self.index.link_schedule(&self.facts, schedule);
        }
    }
}
