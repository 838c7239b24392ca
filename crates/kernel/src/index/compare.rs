//! Says where a kept index differs from a rebuilt one; for checkers.

use super::fleet::Standing;
use super::{Index, Shape};
use crate::{AgentId, TaskId, Text};
use std::collections::BTreeMap;

impl Index {
    /// `Err` names the first index that differs. Cursors, passes and renewals are left out: they
    /// are not implied by the facts.
    pub(crate) fn compare(&self, rebuilt: &Index) -> Result<(), String> {
        let differ = |what: &str, kept: String, implied: String| {
            Err(format!("{what}: kept {kept}, the facts imply {implied}"))
        };
        let (kept, implied) = (self.queues(), rebuilt.queues());
        if kept != implied {
            return differ("queues", format!("{kept:?}"), format!("{implied:?}"));
        }
        let (kept, implied) = (self.hard_timers(), rebuilt.hard_timers());
        if kept != implied {
            return differ("timers", format!("{kept:?}"), format!("{implied:?}"));
        }
        if self.ready != rebuilt.ready {
            let (kept, implied) = (&self.ready, &rebuilt.ready);
            return differ(
                "tasks that wait for a time",
                format!("{kept:?}"),
                format!("{implied:?}"),
            );
        }
        let (kept, implied) = (self.soft_timers(), rebuilt.soft_timers());
        if kept != implied {
            return differ("soft timers", format!("{kept:?}"), format!("{implied:?}"));
        }
        let (kept, implied) = (self.standings(), rebuilt.standings());
        if kept != implied {
            return differ("agents' standing", format!("{kept:?}"), format!("{implied:?}"));
        }
        let (kept, implied) = (self.quotas.counted(), rebuilt.quotas.counted());
        if kept != implied {
            return differ("quotas", format!("{kept:?}"), format!("{implied:?}"));
        }
        let (kept, implied) = (self.victims(), rebuilt.victims());
        if kept != implied {
            return differ("what may be stopped", format!("{kept:?}"), format!("{implied:?}"));
        }
        let (kept, implied) = (self.bars.kept(), rebuilt.bars.kept());
        if kept != implied {
            return differ("bars", format!("{kept:?}"), format!("{implied:?}"));
        }
        if self.orphans != rebuilt.orphans {
            let (kept, implied) = (&self.orphans, &rebuilt.orphans);
            return differ("orphans", format!("{kept:?}"), format!("{implied:?}"));
        }
        if self.key_order != rebuilt.key_order {
            let (kept, implied) = (self.key_order.len(), rebuilt.key_order.len());
            return differ("keys", kept.to_string(), implied.to_string());
        }
        if self.due_schedules != rebuilt.due_schedules || self.awaited != rebuilt.awaited {
            let (kept, implied) = (&self.due_schedules, &rebuilt.due_schedules);
            return differ("schedules", format!("{kept:?}"), format!("{implied:?}"));
        }
        if let Some(why) = self.topics.differs(&rebuilt.topics) {
            return Err(format!("topics: {why}"));
        }
        if self.payload_bytes != rebuilt.payload_bytes {
            let (kept, implied) = (self.payload_bytes, rebuilt.payload_bytes);
            return differ("payload bytes", kept.to_string(), implied.to_string());
        }
        Ok(())
    }

    /// What waits, by what it requires.
    fn queues(&self) -> BTreeMap<String, (Vec<TaskId>, Vec<Text>)> {
        let name = |shape: &Shape| format!("{:?}", shape.key);
        let queue = |shape: &Shape| {
            let mut tasks: Vec<TaskId> = shape.queue.iter().collect();
            tasks.sort_unstable();
            (tasks, shape.queue.parked())
        };
        let shapes = self.shapes.iter().filter(|shape| !shape.queue.is_empty());
        shapes.map(|shape| (name(shape), queue(shape))).collect()
    }

    fn standings(&self) -> Vec<(u32, u32, u32, bool, Vec<TaskId>)> {
        let agents = self.fleet.agents.iter().zip(0..);
        let resumable = |id| {
            let tasks = self.fleet.resumable.get(&AgentId(id)).into_iter().flatten();
            let mut tasks: Vec<TaskId> = tasks.flat_map(|(_, it)| it).copied().collect();
            tasks.sort_unstable();
            tasks
        };
        let standing = |(it, id): (&Standing, u32)| {
            (it.used, it.bidding, it.waiting, it.is_well, resumable(id))
        };
        agents.map(standing).collect()
    }
}
