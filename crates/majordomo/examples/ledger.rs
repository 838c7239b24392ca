//! Counts what a journal says about its tasks, record by record, without believing any view of it:
//! `ledger DATA` prints one line of JSON. `cargo xtask crash` judges by it.
//!
//! ```text
//! {"accepted":301,"settled":301,"settled_twice":[],"repeated":[],"late":[],"lives":6,"lost":9,...}
//! ```

use kernel::{Event, TaskId, Text};
use majordomo::data::DataDir;
use majordomo::{kernel, runtime};
use runtime::port::journal::{Error, Seq};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

/// What was counted.
#[derive(Default)]
struct Ledger {
    /// How often each accepted task has reached one of its four ends.
    ends: BTreeMap<TaskId, u32>,
    completed: u64,
    /// Tasks that ended and were never accepted; there is no honest way to get one.
    unknown: BTreeSet<TaskId>,
    /// Steps that were made again although they were recorded, and keys accepted for two tasks.
    repeated: Vec<String>,
    /// Tasks that were given out or begun after their end.
    late: BTreeSet<TaskId>,
    children: BTreeMap<(TaskId, Text), TaskId>,
    once: BTreeSet<(TaskId, Text)>,
    /// Processes that held the journal.
    lives: u64,
    /// Attempts that began, and those that ended with their process.
    begun: u64,
    lost: u64,
}

impl Ledger {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::RuntimeStarted { .. } => self.lives += 1,
            Event::TaskAccepted(accepted) => {
                self.ends.insert(accepted.task, 0);
                if let Some(parent) = &accepted.parent {
                    let step = (parent.task, parent.step.clone());
                    if let Some(first) = self.children.insert(step, accepted.task) {
                        self.repeated.push(format!("step {} of task {}", parent.step, first.0));
                    }
                }
            }
            Event::LeaseGranted(granted) => self.work_on(granted.task),
            Event::TaskStarted { task } => {
                self.begun += 1;
                self.work_on(*task);
            }
            Event::OnceDone { task, step, .. } => {
                let is_new = self.once.insert((*task, step.clone()));
                let again = (!is_new).then(|| format!("once {step} of task {}", task.0));
                self.repeated.extend(again);
            }
            Event::AttemptLost { .. } => self.lost += 1,
            Event::TaskCompleted { task, .. } => {
                self.completed += 1;
                self.end(*task);
            }
            Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.end(*task),
            _ => {}
        }
    }

    fn end(&mut self, task: TaskId) {
        match self.ends.get_mut(&task) {
            Some(ends) => *ends += 1,
            None => drop(self.unknown.insert(task)),
        }
    }

    fn work_on(&mut self, task: TaskId) {
        if self.ends.get(&task).is_none_or(|ends| *ends > 0) {
            self.late.insert(task);
        }
    }

    fn told(&self) -> Value {
        let ids = |it: &BTreeSet<TaskId>| it.iter().map(|task| task.0).collect::<Vec<_>>();
        let twice = self.ends.iter().filter(|(_, ends)| **ends > 1);
        json!({
            "accepted": self.ends.len(),
            "settled": self.ends.values().filter(|ends| **ends > 0).count(),
            "completed": self.completed,
            "settled_twice": twice.map(|(task, _)| task.0).collect::<Vec<_>>(),
            "unknown": ids(&self.unknown),
            "repeated": self.repeated,
            "late": ids(&self.late),
            "lives": self.lives,
            "begun": self.begun,
            "lost": self.lost,
        })
    }
}

fn main() -> ExitCode {
    let Some(data) = std::env::args_os().nth(1) else {
        eprintln!("usage: ledger DATA");
        return ExitCode::from(2);
    };
    match read(&DataDir::new(data)) {
        Ok(ledger) => {
            println!("{}", ledger.told());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("ledger: {why}");
            ExitCode::FAILURE
        }
    }
}

fn read(data: &DataDir) -> Result<Ledger, String> {
    let mut stores = data.open().map_err(|why| why.to_string())?;
    if stores.journal.first() > Seq(1) {
        let why = "the journal has dropped its beginning; a count needs all of it";
        return Err(why.to_owned());
    }
    let mut ledger = Ledger::default();
    let read = stores.journal.read(Seq(1), &mut |at, record| {
        let entry = runtime::record::decode(record)
            .map_err(|why| Error::Unreadable { at, why: why.to_string() })?;
        ledger.hear(&entry.event);
        Ok(())
    });
    read.map_err(|why| why.to_string())?;
    Ok(ledger)
}
