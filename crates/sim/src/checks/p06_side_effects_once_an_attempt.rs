//! P6: a side effect has one key for ever; it is performed at most once for each permission that
//! the journal holds, never permitted again once its result is known, and never performed again by
//! a later attempt without knowing that it may repeat.
//!
//! A permission may be late: an attempt that was lost meanwhile has it after a later one, which
//! knew that it may repeat, has been done. That one repetition is what `Unknown` warned of.

use super::Check;
use crate::oracle::{Act, Recorded, Verdict};
use kernel::{Event, TaskId, Token};
use std::collections::{BTreeMap, BTreeSet};

/// What the outside world saw, by stable key.
#[derive(Default)]
pub struct SideEffects {
    seen: BTreeMap<(TaskId, String, Token), u32>,
    permitted: BTreeMap<(TaskId, String, Token), u32>,
    /// Who was permitted last.
    latest: BTreeMap<(TaskId, String), Token>,
    done: BTreeSet<(TaskId, String)>,
}

impl Check for SideEffects {
    fn name(&self) -> &'static str {
        "p06_side_effects_once_an_attempt"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::OnceStarted { task, step, token } => {
                let key = (*task, step.to_string());
                if self.done.contains(&key) {
                    return Err(format!("{key:?} was permitted to {token} although it was done"));
                }
                self.latest.insert(key.clone(), *token);
                *self.permitted.entry((key.0, key.1, *token)).or_default() += 1;
            }
            Event::OnceDone { task, step, .. } => {
                self.done.insert((*task, step.to_string()));
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        let Act::SideEffect { attempt, step, may_repeat } = act else { return Ok(()) };
        let key = (attempt.task, (*step).to_owned());
        let token = attempt.token;
        if self.done.contains(&key) && self.latest.get(&key) == Some(&token) {
            return Err(format!("{key:?} was performed again by {token} although it was done"));
        }
        let begun =
            self.permitted.iter().filter(|((task, step, _), _)| (*task, step) == (key.0, &key.1));
        let begun: u32 = begun.map(|(_, count)| count).sum();
        if begun > 1 && !may_repeat {
            return Err(format!(
                "{key:?} by {token} was begun {begun} times, and may not be repeated"
            ));
        }
        // An older attempt may still be at it when a later one was permitted to repeat it.
        let (task, step) = key;
        let by = (task, step, token);
        let permitted = self.permitted.get(&by).copied().unwrap_or(0);
        let seen = self.seen.entry(by.clone()).or_default();
        *seen += 1;
        if *seen > permitted {
            return Err(format!("{by:?} performed {seen} times, permitted {permitted} times"));
        }
        Ok(())
    }
}
