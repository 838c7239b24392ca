//! What a queued task waits for until it is known who gets it.

use super::super::memory::Memory;
use super::{Fold, wall_ms};
use kernel::{Routing, TaskId, Text, Time};

impl Fold<'_, '_> {
    /// It waits for something before it is granted, at most until then; nothing: no more.
    pub(super) fn routing(&mut self, task: TaskId, step: &Routing) {
        if matches!(step, Routing::Bid { .. }) {
            return; // A line says it all.
        }
        let (what, until) = awaited(self.memory, step).unwrap_or_default();
        let until_ms = wall_ms(self.memory, until).max(self.at_ms);
        let row = self.changes.tasks.at(task.0);
        (row.awaits, row.ready_ms) = (Some(what), Some(until_ms));
    }
}

/// What a task waits for after this, and until when at most.
pub(in super::super) fn awaited(memory: &Memory, step: &Routing) -> Option<(Text, Time)> {
    match step {
        Routing::Held { agent, until } => {
            Some((format!("its agent {}", memory.agent(agent.0)).into(), *until))
        }
        Routing::AdviceAsked { until } => Some(("advice".into(), *until)),
        Routing::Announced { until, bidders, .. } => {
            let bids = if bidders.len() == 1 { "bid" } else { "bids" };
            Some((format!("{} {bids}", bidders.len()).into(), *until))
        }
        Routing::HoldEnded | Routing::Advised { .. } | Routing::Bid { .. } => None,
    }
}
