//! What a queued task waits for until it is known who gets it.

use super::{Fold, wall_ms};
use kernel::{Routing, TaskId, Text, Time};

impl Fold<'_, '_> {
    pub(super) fn routing(&mut self, task: TaskId, step: &Routing) {
        match step {
            Routing::Held { agent, until } => {
                let agent = self.memory.agent(agent.0);
                self.awaits(task, format!("its agent {agent}").into(), *until);
            }
            Routing::AdviceAsked { until } => self.awaits(task, "advice".into(), *until),
            Routing::Announced { until, bidders, .. } => {
                let bids = if bidders.len() == 1 { "bid" } else { "bids" };
                self.awaits(task, format!("{} {bids}", bidders.len()).into(), *until);
            }
            Routing::Bid { .. } => {} // A line says it all.
            Routing::HoldEnded | Routing::Advised { .. } => self.awaits(task, "".into(), Time(0)),
        }
    }

    /// It waits for something before it is granted, at most until then; nothing: no more.
    fn awaits(&mut self, task: TaskId, what: Text, until: Time) {
        let until_ms = wall_ms(self.memory, until).max(self.at_ms);
        let row = self.changes.tasks.at(task.0);
        (row.awaits, row.ready_ms) = (Some(what), Some(until_ms));
    }
}
