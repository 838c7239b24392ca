//! P19 for routing: whatever an adviser says, a task goes only to an agent that may have it at that
//! moment, and what is said late, or about another question, is not heard.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{Event, Granted, Routing, State, TaskId, Time};
use std::collections::BTreeMap;

/// What is asked of advisers, by the journal alone.
#[derive(Default)]
pub struct Advisers {
    asked: BTreeMap<TaskId, Time>,
}

/// Whether the agent could have had it in this state.
fn fits(state: &State, granted: &Granted) -> Verdict {
    let (Some(task), Some(agent)) = (state.task(granted.task), state.agent(granted.agent)) else {
        return Err(format!("task {} or agent {} is nobody", granted.task, granted.agent));
    };
    let (terms, spec) = (&task.terms, &agent.spec);
    let serves = |it: &kernel::Serves| {
        it.capability == terms.capability && terms.versions.contains(it.version)
    };
    let reasons = [
        (spec.team != terms.team || !spec.serves.iter().any(serves), "does not serve it"),
        (agent.presence != kernel::Presence::Active, "is not there"),
        (state.slots_used(granted.agent) + terms.weight > spec.slots, "has no room for it"),
        (terms.only.is_some_and(|only| only != granted.agent), "is not the one it was asked of"),
    ];
    match reasons.iter().find(|(is_so, _)| *is_so) {
        Some((_, why)) => Err(format!(
            "task {} was granted to {}, which {why}: {:?}",
            granted.task, spec.name, granted.why
        )),
        None => Ok(()),
    }
}

impl Check for Advisers {
    fn name(&self) -> &'static str {
        "p19_advice_is_data"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let at = seen.entry.at;
        match &seen.entry.event {
            Event::Routing { task, step: Routing::AdviceAsked { until } } => {
                self.asked.insert(*task, *until);
                Ok(())
            }
            Event::Routing { task, step: Routing::Advised { words, .. } } => {
                match self.asked.remove(task) {
                    Some(until) if at >= until => {
                        Err(format!("advice on task {task} was heard at {at:?}, after {until:?}"))
                    }
                    Some(_) if words.len() > 400 => Err(format!("{} bytes of words", words.len())),
                    Some(_) => Ok(()),
                    None => Err(format!("advice on task {task} was heard, but not asked for")),
                }
            }
            Event::LeaseGranted(granted) => {
                self.asked.remove(&granted.task);
                fits(seen.before, granted)
            }
            _ => Ok(()),
        }
    }
}
