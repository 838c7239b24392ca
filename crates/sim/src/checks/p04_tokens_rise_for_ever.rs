//! P4: every attempt has a token above all before, for ever, across restarts.

use super::Check;
use crate::oracle::{Act, Recorded, Verdict};
use kernel::{Effect, Event, TaskId, Token};
use std::collections::BTreeMap;

/// The highest token of the journal, and which task each was given for.
#[derive(Default)]
pub struct Tokens {
    last: Token,
    given: BTreeMap<Token, TaskId>,
}

impl Check for Tokens {
    fn name(&self) -> &'static str {
        "p04_tokens_rise_for_ever"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::LeaseGranted(granted) => {
                if granted.token <= self.last {
                    return Err(format!("token {} after {}", granted.token, self.last));
                }
                self.last = granted.token;
                self.given.insert(granted.token, granted.task);
            }
            Event::RuntimeStarted { generation, .. } if *generation < self.last.generation() => {
                return Err(format!("generation {generation} after {}", self.last.generation()));
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        let Act::Performed { effect: Effect::Dispatch(dispatch), .. } = act else { return Ok(()) };
        let attempt = dispatch.attempt;
        if self.given.get(&attempt.token) == Some(&attempt.task) {
            return Ok(());
        }
        Err(format!("task {} dispatched under {}, never granted", attempt.task, attempt.token))
    }
}
