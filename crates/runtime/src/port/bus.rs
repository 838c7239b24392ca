//! The bus as the runtime sees it: something that carries envelopes to whoever subscribed.

use super::BoxFuture;
use crate::bounds::BusBounds;
use crate::bus::{
    Envelope, Error, Options, Pattern, Present, Publishing, Stats, Subject, Subscription,
};
use std::sync::Arc;
use std::time::Duration;

/// Carries messages, at most once each. [`crate::testing::bus_suite`] is its contract, as a program
/// to pass. Who may do what is not its business: that stands before it, in [`crate::bus::Client`].
pub trait Bus: Send + Sync + 'static {
    /// Puts a message into the queue of everybody who subscribed to its subject, and of one member
    /// of each group. What one sender sends about one subject, one after the other, arrives in that
    /// order. Waits for nobody but those whose overflow policy says so.
    fn publish(&self, envelope: Envelope) -> Publishing<'_>;

    /// From when this is done on, messages about matching subjects are queued.
    ///
    /// # Errors
    /// Options that cannot be, or a bound that is reached.
    fn subscribe(
        &self,
        pattern: &Pattern,
        options: Options,
    ) -> BoxFuture<'_, Result<Subscription, Error>>;

    /// Publishes a question and waits for the first answer, which is a message to its `reply_to`.
    ///
    /// # Errors
    /// At once if nobody is there; else when the deadline has passed.
    fn request(
        &self,
        question: Envelope,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Arc<Envelope>, Error>>;

    /// Who would get a message about this subject now.
    fn present(&self, subject: &Subject) -> BoxFuture<'_, Result<Vec<Present>, Error>>;

    /// What has become of messages.
    fn stats(&self) -> Stats;

    /// How much it takes.
    fn bounds(&self) -> &BusBounds;
}
