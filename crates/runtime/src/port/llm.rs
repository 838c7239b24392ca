//! A language model as the runtime sees it: messages in, an answer out, whole or piece by piece.

use super::BoxFuture;
use crate::llm::{Error, Part, Reply, Request};
use futures_core::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The parts of a reply as they come. The last one is [`Part::Done`]; a stream that ends without it
/// has given an error before.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Part, Error>> + Send>>;

/// Answers conversations. One value serves many calls at once; to drop a call is to end it, and
/// nothing of it goes on.
pub trait Llm: Send + Sync + 'static {
    /// The whole reply.
    ///
    /// It asks once: whether and when to ask again is not decided here.
    ///
    /// # Errors
    /// See [`Error`]: whose fault it was, and whether another attempt may go better.
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>>;

    /// The same, piece by piece; all at once, where nothing else is said.
    fn stream(&self, request: Arc<Request>) -> Parts {
        Box::pin(AtOnce(Some(self.complete(request))))
    }

    /// Whether a model of this name could be called, as far as can be told without calling.
    ///
    /// # Errors
    /// [`Error::Setup`] says what to set.
    fn check(&self, model: &str) -> Result<(), Error> {
        let _ = model;
        Ok(())
    }

    /// Whether the other side limits how much may be asked, so that it is worth waiting for a turn.
    /// What answers from a recording does not.
    fn is_limited(&self) -> bool {
        true
    }
}

/// The parts of a model that knows whole replies only: one.
struct AtOnce(Option<BoxFuture<'static, Result<Reply, Error>>>);

impl Stream for AtOnce {
    type Item = Result<Part, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reply) = &mut self.0 else { return Poll::Ready(None) };
        let reply = ready!(reply.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(reply.map(Part::Done)))
    }
}
