//! An affinity key stays with its agent while the same agents may have its work; the next in order
//! gets it only when its owner was waited for in vain.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{AgentId, Event, Granted, PolicyKind, Reason, Routing, State, Task, TaskId, Text};
use std::collections::{BTreeMap, BTreeSet};

/// Who owns which key, by what was granted.
#[derive(Default)]
pub struct Keys {
    owners: BTreeMap<(Text, Text), (Vec<AgentId>, AgentId)>,
    /// Tasks for which an owner was waited.
    waited: BTreeSet<TaskId>,
}

/// The most preferred agents that may have this work.
fn eligible(state: &State, task: &Task) -> Vec<AgentId> {
    let terms = &task.terms;
    let able: Vec<_> =
        state.agents().iter().filter(|agent| state.may_have(agent.id, task)).collect();
    let wish = terms.wish.as_deref();
    let rank = |agent: &kernel::Agent| {
        (wish.is_some_and(|wish| wish.is_met_by(&agent.spec.labels)), agent.spec.prefer)
    };
    let highest = able.iter().map(|agent| rank(agent)).max();
    let best = able.iter().filter(|agent| Some(rank(agent)) == highest);
    best.map(|agent| agent.id).collect()
}

impl Keys {
    fn granted(&mut self, state: &State, granted: &Granted) -> Verdict {
        let waited = self.waited.remove(&granted.task);
        let Some(task) = state.task(granted.task) else { return Ok(()) };
        let Some(key) = task.affinity.as_deref() else { return Ok(()) };
        // Whoever was waited for may have ceased to own the key when somebody came meanwhile.
        if granted.why.policy != PolicyKind::Sticky || waited {
            return Ok(());
        }
        let now = eligible(state, task);
        let id = (task.terms.capability.clone(), key.clone());
        let (agent, why) = (granted.agent, &granted.why);
        let before = self.owners.get(&id).filter(|(those, _)| *those == now);
        match (why.reason, before) {
            (Reason::OwnsKey, Some((_, owner))) if *owner != agent => {
                Err(format!("key {key} moved from {owner} to {agent}, but nobody came or went"))
            }
            (Reason::OwnsKey, _) => {
                self.owners.insert(id, (now, agent));
                Ok(())
            }
            (_, Some((_, owner))) if state.slots_used(*owner) == 0 => {
                Err(format!("{owner}, which owns key {key}, is idle; it went to {agent}: {why:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl Check for Keys {
    fn name(&self) -> &'static str {
        "keys_stay"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::Routing { task, step: Routing::Held { .. } } => {
                self.waited.insert(*task);
                Ok(())
            }
            Event::LeaseGranted(granted) => self.granted(seen.before, granted),
            _ => Ok(()),
        }
    }
}
