//! P12: attempts are capped, a dead task keeps its last failure, and is released exactly once.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{Event, Limits, Loss, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// Attempts charged and lost, and the dead, by the journal alone.
pub struct Attempts {
    crash_max: u32,
    dead_max: u64,
    /// (charged, at most, lost)
    of: BTreeMap<TaskId, (u32, u32, u32)>,
    dead: BTreeSet<TaskId>,
    released: BTreeSet<TaskId>,
}

impl Attempts {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Attempts {
        Attempts {
            crash_max: limits.crash_attempts_max,
            dead_max: limits.dead_max,
            of: BTreeMap::new(),
            dead: BTreeSet::new(),
            released: BTreeSet::new(),
        }
    }

    fn charged(&mut self, task: TaskId) -> Verdict {
        let Some((charged, max, _)) = self.of.get_mut(&task) else { return Ok(()) };
        *charged += 1;
        if *charged > *max {
            return Err(format!("task {task} failed {charged} times, allowed are {max}"));
        }
        Ok(())
    }

    fn lost(&mut self, task: TaskId) -> Verdict {
        let Some((_, _, lost)) = self.of.get_mut(&task) else { return Ok(()) };
        *lost += 1;
        if *lost > self.crash_max {
            return Err(format!(
                "task {task} was lost {lost} times, allowed are {}",
                self.crash_max
            ));
        }
        Ok(())
    }

    fn buried(&mut self, task: TaskId) -> Verdict {
        self.dead.insert(task);
        if self.dead.len() as u64 > self.dead_max {
            return Err(format!("{} dead letters, allowed are {}", self.dead.len(), self.dead_max));
        }
        Ok(())
    }
}

impl Check for Attempts {
    fn name(&self) -> &'static str {
        "p12_poison_hurts_only_itself"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => {
                let max = accepted.terms.retry.attempts_max;
                self.of.insert(accepted.task, (0, max, 0));
                match accepted.released_from {
                    Some(from) if !self.released.insert(from) => {
                        Err(format!("dead task {from} was released twice"))
                    }
                    Some(from) if !self.dead.contains(&from) => {
                        Err(format!("task {from} was released and is not dead"))
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Event::AttemptFailed { task, .. } => self.charged(*task),
            Event::AttemptLost { task, cause: Loss::HandedBack, .. } if seen.before.draining => {
                _ = task; // In a drain it is nobody's fault.
                Ok(())
            }
            // What only waited has killed nobody.
            Event::AttemptLost { task, cause: Loss::RuntimeEnded, .. }
                if seen.before.task(*task).is_some_and(|it| it.status.name() == "waiting") =>
            {
                Ok(())
            }
            // Stopped because of what happened to another agent, or for another task.
            Event::AttemptLost { cause: Loss::AgentRestarted | Loss::Preempted { .. }, .. } => {
                Ok(())
            }
            Event::AttemptLost { task, .. } => self.lost(*task),
            Event::TaskDied { task, .. } => self.buried(*task),
            Event::DeadReleased { task, .. } | Event::DeadDiscarded { task } => {
                if self.dead.remove(task) {
                    Ok(())
                } else {
                    Err(format!("task {task} left the dead and was not among them"))
                }
            }
            _ => Ok(()),
        }
    }
}
