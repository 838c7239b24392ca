//! P25: what you see is what happened: counters are counts over the journal, and every refusal,
//! failure and choice says why.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{AgentId, Counts, Event, Kernel, Supervised};
use std::collections::BTreeMap;

/// Counts of our own.
#[derive(Default)]
pub struct Counters {
    counts: Counts,
    restarts: BTreeMap<AgentId, u64>,
}

impl Check for Counters {
    fn name(&self) -> &'static str {
        "p25_counters_equal_events"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        if seen.before.facts().counts != self.counts {
            return Err(format!(
                "{:?} counted, {:?} kept",
                self.counts,
                seen.before.facts().counts
            ));
        }
        let counts = &mut self.counts;
        match &seen.entry.event {
            Event::TaskAccepted(_) => counts.accepted += 1,
            Event::LeaseGranted(granted) => {
                counts.granted += 1;
                let known = granted.why.candidates.iter().any(|it| it.agent == granted.agent);
                if !granted.why.candidates.is_empty() && !known {
                    return Err(format!("the choice of {:?} is not explained", granted.agent));
                }
            }
            Event::TaskCompleted { .. } => counts.completed += 1,
            Event::TaskFailed { failure, .. } | Event::TaskDied { failure, .. }
                if failure.message.is_empty() =>
            {
                return Err(format!("{:?} without a reason", seen.entry.event));
            }
            Event::TaskFailed { .. } => counts.failed += 1,
            Event::TaskCancelled { .. } => counts.cancelled += 1,
            Event::TaskDied { .. } => counts.dead += 1,
            Event::AttemptFailed { .. } => counts.attempts_failed += 1,
            Event::AttemptLost { .. } => counts.attempts_lost += 1,
            Event::Supervised(Supervised::Started { agent, .. }) => {
                counts.restarts += 1;
                *self.restarts.entry(*agent).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, kernel: &Kernel) -> Verdict {
        if kernel.state().facts().counts != self.counts {
            let kept = kernel.state().facts().counts;
            return Err(format!("{:?} counted, {kept:?} kept", self.counts));
        }
        for agent in kernel.state().agents() {
            let counted = self.restarts.get(&agent.id).copied().unwrap_or(0);
            if agent.restarts != counted {
                return Err(format!("agent {} restarted {counted} times", agent.id));
            }
        }
        Ok(())
    }
}
