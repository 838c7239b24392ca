//! How things stand with the room for work: what no event tells, since a refusal records nothing.

use crate::turn::Runtime;
use kernel::{Refusal, State, Status, Task, TaskId, Time};

/// Open tasks that are looked at for the longest wait, the oldest first.
const LOOKED_AT_MAX: usize = 10_000;

/// The room for work, as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Bytes that journal, snapshots and blobs take.
    pub data_bytes: u64,
    /// Bytes that they may take.
    pub data_max_bytes: u64,
    /// Bytes left on the disk, where the journal's port tells.
    pub free_bytes: Option<u64>,
    /// Why new work is refused for want of room on the disk, if it is.
    pub full: Option<String>,
    /// Pieces of new work that were refused for want of room since this process began: too much was
    /// open already, a quota of the team was used up, or the disk was full.
    pub refused: u64,
    /// How long ago the last of them was, milliseconds.
    pub refused_ms_ago: Option<u64>,
}

/// What was refused for want of room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refused {
    count: u64,
    last: Option<Time>,
}

impl Refused {
    /// Counts a refusal, if it was for want of room.
    pub(crate) fn hears(&mut self, refusal: &Refusal, now: Time) {
        if let Refusal::Overloaded { .. } | Refusal::OverQuota { .. } = refusal {
            self.count += 1;
            self.last = Some(now);
        }
    }
}

impl Runtime {
    /// How much room there is, and how often there was none.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (refused, now) = self.inner.with_core(|core| (core.refused, core.now()));
        let room = &self.inner.room;
        Standing {
            full: room.is_full().then(|| room.describe()),
            data_bytes: room.used(),
            data_max_bytes: room.max(),
            free_bytes: room.free(),
            refused: refused.count,
            refused_ms_ago: refused.last.map(|last| now.since(last)),
        }
    }

    /// The task that has waited for an agent for longest, and for how many milliseconds; those in
    /// the tree of a root that asks for `except` do not count. Of many open tasks only the oldest
    /// are looked at.
    #[must_use]
    pub fn longest_wait(&self, except: &str) -> Option<(TaskId, u64)> {
        self.look(|kernel, now| {
            let state = kernel.state();
            let tasks = state.tasks().take(LOOKED_AT_MAX).filter(|it| !is_of(state, it, except));
            let waits = tasks.filter_map(|task| match task.status {
                Status::Queued { ready_at } if ready_at <= now => {
                    Some((task.id, now.since(ready_at.max(task.accepted_at))))
                }
                Status::Queued { .. }
                | Status::Assigned(_)
                | Status::Running(_)
                | Status::Waiting(..) => None,
            });
            waits.max_by_key(|(_, ms)| *ms)
        })
    }
}

/// Whether the root of a task asks for this capability.
fn is_of(state: &State, task: &Task, capability: &str) -> bool {
    state.task(task.run).is_some_and(|root| *root.terms.capability == *capability)
}
