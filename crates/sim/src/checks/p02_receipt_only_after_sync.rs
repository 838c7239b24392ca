//! P2: nothing is performed and no answer given before what it speaks of is durable.

use super::Check;
use crate::oracle::{Act, Verdict};
use kernel::Refusal;
use runtime::port::journal::Seq;

/// Compares what goes out with what is durable at that moment.
pub struct Order;

impl Check for Order {
    fn name(&self) -> &'static str {
        "p02_receipt_only_after_sync"
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        let late = |what: &str, needs: &Seq, durable: &Seq| {
            if needs <= durable {
                Ok(())
            } else {
                Err(format!("{what} depends on entry {needs}; durable is {durable}"))
            }
        };
        match act {
            Act::Performed { effect, needs, durable } => {
                late(&format!("{effect:?}"), needs, durable)
            }
            // These record nothing and promise nothing.
            Act::Answered {
                refused: Some(Refusal::Overloaded { .. } | Refusal::Draining), ..
            } => Ok(()),
            Act::Answered { refused, needs, durable } => {
                late(&format!("an answer ({refused:?})"), needs, durable)
            }
            _ => Ok(()),
        }
    }
}
