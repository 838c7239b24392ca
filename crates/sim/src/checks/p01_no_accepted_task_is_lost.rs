//! P1: a receipt means that the task ends in exactly one of completed, failed, cancelled, dead.

use super::Check;
use crate::oracle::{Act, Recorded, Verdict};
use kernel::{Event, Kernel, TaskId};
use std::collections::BTreeSet;

/// Who was accepted, who has ended, who has a receipt.
#[derive(Default)]
pub struct Settlement {
    accepted: BTreeSet<TaskId>,
    settled: BTreeSet<TaskId>,
    receipts: BTreeSet<TaskId>,
}

impl Settlement {
    fn settle(&mut self, task: TaskId) -> Verdict {
        if !self.accepted.contains(&task) {
            return Err(format!("task {task} ended and was never accepted"));
        }
        if !self.settled.insert(task) {
            return Err(format!("task {task} ended twice"));
        }
        Ok(())
    }
}

impl Check for Settlement {
    fn name(&self) -> &'static str {
        "p01_no_accepted_task_is_lost"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) if !self.accepted.insert(accepted.task) => {
                Err(format!("task {} was accepted twice", accepted.task))
            }
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.settle(*task),
            _ => Ok(()),
        }
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        match act {
            Act::Receipt(task) => {
                self.receipts.insert(*task);
                if self.accepted.contains(task) {
                    Ok(())
                } else {
                    Err(format!("a receipt for task {task}, of which the journal knows nothing"))
                }
            }
            Act::Surprise(why) => Err(why.clone()),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &Kernel) -> Verdict {
        let lost: Vec<_> = self.accepted.difference(&self.settled).take(5).collect();
        if !lost.is_empty() {
            return Err(format!("accepted and never settled: {lost:?}"));
        }
        let lost: Vec<_> = self.receipts.difference(&self.settled).take(5).collect();
        if lost.is_empty() { Ok(()) } else { Err(format!("receipts without an end: {lost:?}")) }
    }
}
