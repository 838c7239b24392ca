//! Many steps and one future: the next completion, whichever it is, costs the same however many
//! are awaited.
//!
//! A future per step would be polled whenever any of them wakes the code, and a waker per step
//! would hide from the driver that all of them only wait. So the steps are kept here as entries in
//! a table, and the driver hands completions to the table, in the journal's order as ever.

use super::Live;
use crate::turn::lock;
use kernel::{Outcome, Text};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A set of steps that are awaited together.
pub(crate) struct Group {
    live: Arc<Live>,
    id: u64,
    waiting: usize,
}

impl Group {
    /// A group that waits for nothing yet.
    pub(crate) fn of(live: &Arc<Live>) -> Group {
        let id = lock(&live.state).steps.gather();
        Group { live: live.clone(), id, waiting: 0 }
    }

    /// Waits for a recorded or running step too; it comes back under `place`.
    pub(crate) fn join(&mut self, place: usize, step: &Text) {
        lock(&self.live.state).steps.join(self.id, place, step);
        self.waiting += 1;
    }

    /// The next completion; `None` when the group waits for nothing.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<(usize, Arc<Outcome>)>> {
        if self.waiting == 0 {
            return Poll::Ready(None);
        }
        let mut state = lock(&self.live.state);
        let own = state.root_waker.as_ref().is_some_and(|root| cx.waker().will_wake(root));
        let next = state.steps.next_of(self.id, cx.waker(), own);
        let more = !own && state.steps.has_more();
        drop(state);
        if more {
            self.live.change(|_| {}); // A task of the agent's own polls: see `Delivery`.
        }
        match next {
            Some(next) => {
                self.waiting -= 1;
                Poll::Ready(Some(next))
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        lock(&self.live.state).steps.disband(self.id);
    }
}
