//! Only the current token is heard.
//!
//! Why tokens and not agent names? An agent can lose a task, get it back, and answer for the first
//! time late; name and task are then right and the answer is still wrong. A token rises with every
//! lease, over restarts too, so "is it the current one" is the whole question. It is asked here and
//! nowhere else.

use crate::mutant::{Mutant, planted};
use crate::topic::{Flight, Subscriber};
use crate::{AttemptId, State, Token};

/// In what capacity a report comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds the lease.
    Holder,
    /// Its lease ended and it was told to stop: it may say that it has, and what it cost.
    Stopping,
    /// Neither: it speaks for nobody.
    Stale,
}

/// Where the sender of a report stands.
pub(crate) fn standing(state: &State, attempt: AttemptId) -> Standing {
    let current = state.task(attempt.task).and_then(|task| task.status.lease());
    let holds = current
        .is_some_and(|lease| lease.token == attempt.token || planted(Mutant::AcceptAnyToken));
    if holds {
        Standing::Holder
    } else if state.stopping.get(&attempt.token).is_some_and(|it| it.task == attempt.task) {
        Standing::Stopping
    } else {
        Standing::Stale
    }
}

/// The delivery that a subscriber speaks of, if it still has it in hand. `about`: the messages
/// that it speaks of.
pub(crate) fn flight(
    subscriber: &Subscriber,
    token: Token,
    about: impl Fn(&u64) -> bool,
) -> Option<(Token, &Flight)> {
    let mut flights = subscriber.flights.iter();
    let any = planted(Mutant::AcceptAnyDelivery);
    let found =
        flights.find(|(it, held)| **it == token || any && held.pending.each().any(|it| about(&it)));
    found.map(|(token, flight)| (*token, flight))
}

/// The next token: above every token before it, for ever.
pub(crate) fn mint(last: Token) -> Token {
    last.next()
}
