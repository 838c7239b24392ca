//! What a journal was given, for tests to look at.

use crate::port::journal::Seq;
use crate::port::observer::{Note, Observer};
use crate::turn::lock;
use kernel::{Entry, Event, Failure, TaskId, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Hears all that is durable, over as many lives as there are. Cheap to clone; clones are the same
/// record. Make it one of a team's observers.
#[derive(Clone, Default)]
pub struct Record {
    heard: Arc<Mutex<Vec<Entry>>>,
}

impl Observer for Record {
    fn durable(&self, _first: Seq, entries: &Arc<[Entry]>) {
        lock(&self.heard).extend(entries.iter().cloned());
    }

    fn note(&self, _note: &Note) {}

    fn watches(&self) -> bool {
        false
    }
}

impl Record {
    /// All entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.heard).clone()
    }

    /// How many events are like this.
    #[must_use]
    pub fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        lock(&self.heard).iter().filter(|entry| like(&entry.event)).count()
    }

    /// The tasks that asked for a capability, oldest first.
    #[must_use]
    pub fn tasks(&self, capability: &str) -> Vec<TaskId> {
        let heard = lock(&self.heard);
        let asked = heard.iter().filter_map(|entry| match &entry.event {
            Event::TaskAccepted(it) if &*it.terms.capability == capability => Some(it.task),
            _ => None,
        });
        asked.collect()
    }

    /// How often a task was given to an agent.
    #[must_use]
    pub fn attempts(&self, task: TaskId) -> usize {
        self.count(|event| matches!(event, Event::LeaseGranted(it) if it.task == task))
    }

    /// Why attempts at a task have failed, oldest first.
    #[must_use]
    pub fn failures(&self, task: TaskId) -> Vec<Failure> {
        let heard = lock(&self.heard);
        let failed = heard.iter().filter_map(|entry| match &entry.event {
            Event::AttemptFailed { task: its, failure, .. } if *its == task => {
                Some(failure.clone())
            }
            _ => None,
        });
        failed.collect()
    }

    /// How often work that must not be repeated unknowingly was begun, by the name of its step.
    #[must_use]
    pub fn begun(&self, step: &str) -> usize {
        self.count(|event| matches!(event, Event::OnceStarted { step: its, .. } if **its == *step))
    }

    /// Fails unless what is promised holds in what was recorded: no task ends twice, tokens rise,
    /// and only the attempt that held the lease completed its task.
    ///
    /// # Panics
    /// With what does not hold.
    pub fn assert_sound(&self) {
        let (mut ended, mut holder) = (BTreeSet::new(), BTreeMap::<TaskId, Token>::new());
        let mut last = None;
        for entry in lock(&self.heard).iter() {
            match &entry.event {
                Event::LeaseGranted(granted) => {
                    assert!(last < Some(granted.token), "token {:?} did not rise", granted.token);
                    last = Some(granted.token);
                    holder.insert(granted.task, granted.token);
                }
                Event::AttemptFailed { task, .. } | Event::AttemptLost { task, .. } => {
                    holder.remove(task);
                }
                Event::TaskCompleted { task, token, .. } => {
                    assert_eq!(holder.get(task), Some(token), "task {task}: a stale completion");
                    assert!(ended.insert(*task), "task {task} has ended twice");
                }
                Event::TaskFailed { task, .. }
                | Event::TaskCancelled { task, .. }
                | Event::TaskDied { task, .. } => {
                    assert!(ended.insert(*task), "task {task} has ended twice");
                }
                _ => {}
            }
        }
    }

    /// The same, and every accepted task has ended.
    ///
    /// # Panics
    /// With what does not hold.
    pub fn assert_settled(&self) {
        self.assert_sound();
        let heard = lock(&self.heard);
        let mut open = BTreeSet::new();
        for entry in heard.iter() {
            match &entry.event {
                Event::TaskAccepted(it) => {
                    open.insert(it.task);
                }
                Event::TaskCompleted { task, .. }
                | Event::TaskFailed { task, .. }
                | Event::TaskCancelled { task, .. }
                | Event::TaskDied { task, .. } => {
                    open.remove(task);
                }
                _ => {}
            }
        }
        assert!(open.is_empty(), "these tasks have not ended: {open:?}");
    }
}
