//! What comes of publishing: a receipt, at once unless somebody makes the publisher wait.

use super::Error;
use crate::port::BoxFuture;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// To how many a message went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Queues that took it; a queue group counts once.
    pub delivered: u32,
    /// Queues that did not, for want of room.
    pub dropped: u32,
}

impl Receipt {
    /// Nobody listens to this subject, or all who did are gone.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.delivered == 0 && self.dropped == 0
    }

    /// Counts one more queue.
    pub fn count(&mut self, delivered: bool) {
        if delivered { self.delivered += 1 } else { self.dropped += 1 }
    }
}

/// A message being published. It is in every queue with room when this exists; awaiting it waits
/// only for queues whose owners let publishers wait. Dropped before, those do not get it.
#[must_use = "it waits for those who let publishers wait, and tells whether anybody is there"]
pub enum Publishing<'a> {
    /// Nobody makes it wait; taken when it is awaited.
    Done(Option<Result<Receipt, Error>>),
    /// It waits for room.
    Waiting(BoxFuture<'a, Result<Receipt, Error>>),
}

impl Publishing<'_> {
    /// It is done.
    pub fn done(result: Result<Receipt, Error>) -> Self {
        Publishing::Done(Some(result))
    }
}

impl Future for Publishing<'_> {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Publishing::Done(result) => {
                Poll::Ready(result.take().expect("a future is not polled after it was ready"))
            }
            Publishing::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}
