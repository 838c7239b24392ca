//! When schedules are due on the kernel's clock, and which tasks they wait for.

use super::{Index, Timer};
use crate::schedule::{Next, Schedule};
use crate::state::Facts;
use crate::{TaskId, Text, Time};

impl Index {
    /// Enters a schedule where its facts put it, and takes it out of where it was.
    pub(crate) fn link_schedule(&mut self, facts: &Facts, schedule: &Schedule) {
        let name = &schedule.spec.name;
        self.forget_schedule(name);
        let open = schedule.task.filter(|task| facts.tasks.get(task.0).is_some());
        if let (Some(_), Some(task)) = (schedule.waits, open) {
            self.awaited.insert(task, name.clone());
        }
        let at = due_at(facts, schedule, open.is_none());
        self.due_schedules.insert(name.clone(), at);
        self.add_timer(at, Timer::Schedule(name.clone()));
    }

    /// Takes a schedule out of everywhere.
    pub(crate) fn forget_schedule(&mut self, name: &Text) {
        if let Some(at) = self.due_schedules.remove(name) {
            self.drop_timer(at, Timer::Schedule(name.clone()));
        }
        self.awaited.retain(|_, waiting| waiting != name);
    }

    /// The schedule that waits for the end of this task.
    pub(crate) fn awaited(&self, task: TaskId) -> Option<Text> {
        self.awaited.get(&task).cloned()
    }
}

/// The moment of kernel time at which a schedule wants to be looked at.
fn due_at(facts: &Facts, schedule: &Schedule, idle: bool) -> Time {
    if facts.draining || schedule.paused {
        return Time::NEVER;
    }
    let waits = schedule.waits.is_some() && idle;
    if waits {
        return schedule.held_until;
    }
    match schedule.next {
        Next::At(due) => {
            let at = i128::from(due) - i128::from(facts.wall_offset_ms);
            // The last moment but one: a due in the far future is not "never".
            let at = u64::try_from(at.max(0)).unwrap_or(u64::MAX).min(u64::MAX - 1);
            Time(at).max(schedule.held_until)
        }
        Next::Reckon { .. } | Next::Never => Time::NEVER,
    }
}
