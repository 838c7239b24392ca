//! Commands on their way to the kernel. Whoever brings one never waits for whoever decides.
//!
//! Threads that block each other on a lock cost more than what the lock protects: falling asleep
//! and being woken takes longer than a whole step. So a command is left here, under a lock that is
//! held for a push and no longer, and is stepped by whoever has the core at that moment.

use crate::desk::Desk;
use crate::turn::lock;
use kernel::{Answer, Command, Refusal};
use std::sync::Mutex;
use tokio::sync::oneshot;

/// An answer or a refusal.
pub(crate) type Verdict = Result<Answer, Refusal>;

/// What the kernel answered, once it is durable; an error if the runtime ended first.
pub(crate) type Reply = oneshot::Receiver<Verdict>;

/// Sees a verdict before anything that follows from it can be performed, and may say what is to be
/// stepped next, before anything else.
pub(crate) type Then = Box<dyn FnOnce(&Desk, &Verdict) -> Option<Command> + Send>;

/// One command, and who wants to know what becomes of it.
pub(crate) struct Letter {
    pub(crate) command: Command,
    /// Told when it is durable. Dropped when the runtime has ended, which says so.
    pub(crate) reply: Option<oneshot::Sender<Verdict>>,
    pub(crate) then: Option<Then>,
}

impl Letter {
    /// A command whose answer nobody waits for.
    pub(crate) fn of(command: Command) -> Letter {
        Letter { command, reply: None, then: None }
    }
}

/// What has come and was not stepped yet, in order.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Inbox {
    letters: Mutex<Vec<Letter>>,
}

impl Inbox {
    pub(crate) fn put(&self, letter: Letter) {
        lock(&self.letters).push(letter);
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.letters).is_empty()
    }

    /// Swaps what has come for an empty list.
    pub(crate) fn swap(&self, empty: &mut Vec<Letter>) {
        std::mem::swap(&mut *lock(&self.letters), empty);
    }
}
