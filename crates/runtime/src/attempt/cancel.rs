//! Listening for the end of an attempt: an operation of the context like any other, so that code
//! which waits for its children and for this at once still only waits.

use super::Live;
use crate::turn::lock;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Who listens, and whether somebody has heard.
#[derive(Default)]
pub(super) struct Listeners {
    waiting: Vec<(u64, Waker, bool)>,
    last: u64,
    heard: bool,
}

impl Listeners {
    /// Whether the agent's code wants to know: then it gets time to clean up.
    pub(super) fn exist(&self) -> bool {
        self.heard || !self.waiting.is_empty()
    }
}

/// Resolves when the attempt is to end.
pub(crate) struct Cancelled<'a> {
    live: &'a Live,
    number: Option<u64>,
}

impl<'a> Cancelled<'a> {
    pub(crate) fn of(live: &'a Live) -> Cancelled<'a> {
        Cancelled { live, number: None }
    }

    /// Takes its waker out; how many clones of the attempt's own waker are gone with it.
    fn leave(listeners: &mut Listeners, number: Option<u64>) -> usize {
        let at = listeners.waiting.iter().position(|(it, ..)| Some(*it) == number);
        at.map_or(0, |at| usize::from(listeners.waiting.swap_remove(at).2))
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.live.state);
        if state.stopping {
            state.listeners.heard = true;
            return Poll::Ready(());
        }
        let own = state.root_waker.as_ref().is_some_and(|root| cx.waker().will_wake(root));
        let gone = Cancelled::leave(&mut state.listeners, self.number);
        state.listeners.last += 1;
        let number = state.listeners.last;
        state.listeners.waiting.push((number, cx.waker().clone(), own));
        state.steps.own_wakers = state.steps.own_wakers + usize::from(own) - gone;
        drop(state);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.live.state);
        let gone = Cancelled::leave(&mut state.listeners, self.number);
        state.steps.own_wakers -= gone;
    }
}

impl Live {
    /// Whether code inside wants to hear of the end before it comes.
    pub(super) fn is_listened_to(&self) -> bool {
        lock(&self.state).listeners.exist()
    }

    /// Tells whoever listens that the end has come.
    pub(super) fn tell_listeners(&self) {
        let mut state = lock(&self.state);
        let told = std::mem::take(&mut state.listeners.waiting);
        state.steps.own_wakers -= told.iter().filter(|(_, _, own)| *own).count();
        drop(state);
        told.into_iter().for_each(|(_, waker, _)| waker.wake());
    }
}
