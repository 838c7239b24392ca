//! P3: only the current token is heard.

use super::Check;
use crate::oracle::{Recorded, Stepped, Verdict};
use kernel::{Command, Event, Report, TaskId, Token};
use std::collections::BTreeMap;

/// Who holds which task, by the journal alone.
#[derive(Default)]
pub struct Leases {
    current: BTreeMap<TaskId, Token>,
}

impl Leases {
    fn holder(&self, task: TaskId, token: Token, what: &str) -> Verdict {
        match self.current.get(&task) {
            Some(current) if *current == token => Ok(()),
            current => Err(format!("{what} of task {task} by {token}; current is {current:?}")),
        }
    }
}

impl Check for Leases {
    fn name(&self) -> &'static str {
        "p03_no_stale_completion"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::LeaseGranted(granted) => {
                match self.current.insert(granted.task, granted.token) {
                    None => Ok(()),
                    Some(held) => {
                        Err(format!("task {} was granted while {held} held it", granted.task))
                    }
                }
            }
            Event::AttemptFailed { task, token, .. } | Event::AttemptLost { task, token, .. } => {
                let verdict = self.holder(*task, *token, "an attempt ended");
                self.current.remove(task);
                verdict
            }
            Event::TaskCompleted { task, token, .. } => {
                let verdict = self.holder(*task, *token, "completion");
                self.current.remove(task);
                verdict
            }
            Event::OnceStarted { task, token, .. } => self.holder(*task, *token, "once"),
            Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => {
                self.current.remove(task);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        let Command::Report(by, report) = seen.command else { return Ok(()) };
        let holder = seen.before.task(by.task).and_then(kernel::Task::attempt) == Some(*by);
        let may = match report {
            Report::Spent(_) | Report::SpentOn(..) | Report::Ended | Report::EndedLate => {
                let stopping = seen.before.facts().stopping.get(&by.token);
                holder || stopping.is_some_and(|it| it.task == by.task)
            }
            _ => holder,
        };
        if seen.step.answer.is_ok() && !may {
            return Err(format!("{report:?} by {} of task {} was heard", by.token, by.task));
        }
        Ok(())
    }
}
