//! P18: no task asks the same again and again, when it was told the same each time.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{Accepted, Digest, Event, Limits, Outcome, TaskId, Text};
use std::collections::BTreeMap;

/// Rows of calls, by the task that makes them; by the journal alone.
pub struct Rows {
    max: u32,
    last: TaskId,
    asked: BTreeMap<TaskId, (TaskId, Question)>,
    rows: BTreeMap<TaskId, Row>,
}

type Question = (Text, Digest);

struct Row {
    question: Question,
    told: Outcome,
    count: u32,
    /// The last task when that was known.
    known_at: TaskId,
}

impl Rows {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Rows {
        let (asked, rows) = (BTreeMap::new(), BTreeMap::new());
        Rows { max: limits.repeats_max, last: TaskId(0), asked, rows }
    }

    fn accepted(&mut self, accepted: &Accepted) -> Verdict {
        self.last = accepted.task;
        let is_step = !accepted.is_bid && !accepted.is_advice;
        let Some(parent) = accepted.parent.as_ref().filter(|_| is_step) else {
            return Ok(());
        };
        let question = (accepted.terms.capability.clone(), accepted.input.digest);
        if let Some(row) = self.rows.get(&parent.task)
            && row.count >= self.max
            && row.question == question
        {
            let (id, by, count) = (accepted.task, parent.task, row.count);
            return Err(format!("task {id}: {by} asks {} after {count} in a row", question.0));
        }
        self.asked.insert(accepted.task, (parent.task, question));
        Ok(())
    }

    fn ended(&mut self, task: TaskId, told: Outcome) {
        self.rows.remove(&task);
        let Some((parent, question)) = self.asked.remove(&task) else { return };
        let row = self.rows.get(&parent);
        let same = row.filter(|it| it.question == question && it.told == told);
        if same.is_some_and(|it| task <= it.known_at) {
            return; // It was asked before the others were answered.
        }
        let (count, known_at) = (same.map_or(0, |it| it.count) + 1, self.last);
        self.rows.insert(parent, Row { question, told, count, known_at });
    }
}

impl Check for Rows {
    fn name(&self) -> &'static str {
        "p18_nobody_asks_for_ever"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => return self.accepted(accepted),
            Event::TimerFired { task, .. } => _ = self.rows.remove(task),
            Event::TaskCompleted { task, output, .. } => {
                self.ended(*task, Outcome::Completed(output.clone()));
            }
            Event::TaskFailed { task, failure } => {
                self.ended(*task, Outcome::Failed(failure.clone()));
            }
            Event::TaskCancelled { task, reason } => {
                self.ended(*task, Outcome::Cancelled(reason.clone()));
            }
            Event::TaskDied { task, failure } => {
                self.ended(*task, Outcome::Dead(failure.clone()));
            }
            _ => {}
        }
        Ok(())
    }
}
