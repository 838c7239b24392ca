//! P6: a side effect has one key for ever; it is performed at most once by an attempt, never again
//! once its result is known, and never again by a later attempt without knowing that it may repeat.

use super::Check;
use crate::oracle::{Act, Recorded, Verdict};
use kernel::{Event, TaskId, Token};
use std::collections::{BTreeMap, BTreeSet};

/// What the outside world saw, by stable key.
#[derive(Default)]
pub struct SideEffects {
    seen: BTreeMap<(TaskId, String), Token>,
    permitted: BTreeMap<(TaskId, String), Token>,
    done: BTreeSet<(TaskId, String)>,
}

impl Check for SideEffects {
    fn name(&self) -> &'static str {
        "p06_side_effects_once_an_attempt"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::OnceStarted { task, step, token } => {
                self.permitted.insert((*task, step.to_string()), *token);
            }
            Event::OnceDone { task, step, .. } => {
                self.done.insert((*task, step.to_string()));
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        let Act::SideEffect { attempt, step } = act else { return Ok(()) };
        let key = (attempt.task, (*step).to_owned());
        let token = attempt.token;
        if self.done.contains(&key) {
            return Err(format!("{key:?} was performed again by {token} although it was done"));
        }
        match self.permitted.get(&key) {
            // An older attempt may still be at it when a later one was permitted to repeat it.
            Some(permitted) if *permitted >= token => {}
            permitted => return Err(format!("{key:?} by {token}, permitted {permitted:?}")),
        }
        match self.seen.insert(key.clone(), token) {
            Some(before) if before == token => Err(format!("{key:?} twice by {token}")),
            Some(_) | None => Ok(()),
        }
    }
}
