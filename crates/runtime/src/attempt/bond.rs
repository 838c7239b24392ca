//! What ties an attempt's messages to its lease: who has lost it says nothing more, and hears
//! nothing when its work has ended.

use super::Live;
use crate::bus::{Closer, End, Envelope, Error};
use crate::turn::lock;

/// Subscriptions of an attempt that are looked through for those that have ended.
const TIED_MAX: usize = 64;

impl crate::bus::Bond for Live {
    fn stands(&self) -> Result<(), Error> {
        let attempt = self.attempt();
        match self.runtime.look(|kernel, _| kernel.is_heard(attempt)) {
            true => Ok(()),
            false => Err(Error::Fenced { task: attempt.task }),
        }
    }

    fn tie(&self, closer: Closer) {
        let mut state = lock(&self.state);
        if state.closers.len() >= TIED_MAX {
            state.closers.retain(|it| !it.is_done());
        }
        state.closers.push(closer);
    }

    fn hide(&self, envelope: &mut Envelope) -> Result<(), Error> {
        self.redactor().envelope(envelope)
    }
}

impl Live {
    /// Its code has ended: whatever of it still listens somewhere hears nothing more.
    pub(super) fn end_subscriptions(&self) {
        let closers = std::mem::take(&mut lock(&self.state).closers);
        closers.iter().for_each(|it| it.close(End::AttemptEnded));
    }
}
