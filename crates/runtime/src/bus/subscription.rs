//! A subscription: a stream of envelopes, and how it behaves when its owner is slow.

use super::{Counts, Envelope, Error, Mailbox, Pattern};
use crate::bounds::BusBounds;
use futures_core::Stream;
use kernel::Text;
use serde::{Deserialize, Serialize};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use tokio::task::coop;

/// What happens to a message that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// The publisher waits for room, and when the time is over the message is dropped.
    Block {
        /// How long at most.
        at_most_ms: u64,
    },
    /// The oldest in the queue make room: who is slow sees the newest.
    DropOldest,
    /// The message is dropped: who is slow sees what came first.
    DropNewest,
    /// The message is dropped and the subscription ends: better no stream than one with a gap.
    Disconnect,
}

/// How a subscription is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose it is; shown by stats and presence.
    pub name: Text,
    /// Of all subscriptions with the same group, one gets each message.
    pub group: Option<Text>,
    /// Messages that may wait.
    pub capacity: usize,
    /// Bytes of bodies that may wait.
    pub capacity_bytes: usize,
    /// What happens to more.
    pub overflow: Overflow,
    /// It only watches: it does not count as somebody who was there.
    pub silent: bool,
}

/// Why a subscription has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its owner let go of it.
    Dropped,
    /// Its queue was full, and it was to end then.
    Overflow,
    /// The attempt that it belonged to has ended.
    AttemptEnded,
    /// The bus has ended.
    BusEnded,
}

/// Messages as they come. Dropped, it is unsubscribed.
#[must_use = "dropped, it is unsubscribed"]
pub struct Subscription {
    mailbox: Arc<Mailbox>,
    leave: Option<Box<dyn FnOnce() + Send>>,
    beside: Option<Box<Beside>>,
}

/// Another that is heard as one with it, with a queue of its own.
struct Beside {
    other: Subscription,
    /// The other gave the latest message, so its turn is over.
    was_last: bool,
}

/// Ends a subscription from elsewhere.
#[derive(Clone)]
pub struct Closer(Vec<Weak<Mailbox>>);

impl Default for Options {
    fn default() -> Options {
        Options {
            name: Text::from(""),
            group: None,
            capacity: 1_024,
            capacity_bytes: 8 << 20,
            overflow: Overflow::DropOldest,
            silent: false,
        }
    }
}

impl Options {
    /// As one of a queue group.
    pub fn group(name: impl Into<Text>) -> Options {
        Options { group: Some(name.into()), ..Options::default() }
    }

    /// With room for so many messages, and what happens to more.
    #[must_use]
    pub fn queue(self, capacity: usize, overflow: Overflow) -> Options {
        Options { capacity, overflow, ..self }
    }

    /// Whether a bus with these bounds can have it.
    ///
    /// # Errors
    /// What cannot be.
    pub fn check(&self, bounds: &BusBounds) -> Result<(), Error> {
        let bad = |what: String| Err(Error::BadOptions { what });
        let BusBounds { queue_max, queue_max_bytes, field_max_bytes, .. } = *bounds;
        if self.capacity == 0 || self.capacity > queue_max {
            return bad(format!("a queue of {}; from 1 to {queue_max}", self.capacity));
        }
        if self.capacity_bytes == 0 || self.capacity_bytes > queue_max_bytes {
            let bytes = self.capacity_bytes;
            return bad(format!("a queue of {bytes} bytes; from 1 to {queue_max_bytes}"));
        }
        if let Overflow::Block { at_most_ms } = self.overflow
            && at_most_ms > bounds.block_max_ms
        {
            let max = bounds.block_max_ms;
            return bad(format!("publishers wait {at_most_ms} ms for it; at most {max}"));
        }
        let names = [Some(&self.name), self.group.as_ref()];
        match names.into_iter().flatten().find(|it| it.len() > field_max_bytes) {
            Some(name) => bad(format!("a name of {} bytes; at most {field_max_bytes}", name.len())),
            None => Ok(()),
        }
    }
}

impl Subscription {
    /// What a bus hands out; `leave` unsubscribes.
    pub fn new(mailbox: Arc<Mailbox>, leave: impl FnOnce() + Send + 'static) -> Subscription {
        Subscription { mailbox, leave: Some(Box::new(leave)), beside: None }
    }

    /// Both heard as one: each keeps its own queue and order, they take turns, and they end
    /// together, so that nobody hears half without knowing.
    pub(super) fn and(mut self, other: Subscription) -> Subscription {
        let other = match self.beside.take() {
            Some(beside) => beside.other.and(other),
            None => other,
        };
        self.beside = Some(Box::new(Beside { other, was_last: false }));
        self
    }

    /// The next message; nothing when it has ended.
    pub async fn next(&mut self) -> Option<Arc<Envelope>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Asks for the next message.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Envelope>>> {
        // A full queue must not keep its task from letting others run.
        let budget = ready!(coop::poll_proceed(cx));
        let next = self.take(cx);
        if next.is_ready() {
            budget.made_progress();
        }
        next
    }

    fn take(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Envelope>>> {
        let Some(Beside { other, was_last }) = self.beside.as_deref_mut() else {
            return self.mailbox.poll(cx);
        };
        let mut is_open = false;
        for _ in 0..2 {
            *was_last = !*was_last;
            let next = if *was_last { other.take(cx) } else { self.mailbox.poll(cx) };
            match next {
                Poll::Ready(Some(envelope)) => return Poll::Ready(Some(envelope)),
                Poll::Ready(None) if *was_last => self.mailbox.close(why(other.end())),
                Poll::Ready(None) => other.closer().close(why(self.mailbox.end())),
                Poll::Pending => is_open = true,
            }
        }
        if is_open { Poll::Pending } else { Poll::Ready(None) }
    }

    /// To what it is subscribed; of several heard as one, the first.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        self.mailbox.pattern()
    }

    /// What has become of its messages so far: what was dropped is told here.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.mailbox.counts();
        if let Some(beside) = &self.beside {
            counts.add(beside.other.counts());
        }
        counts
    }

    /// Why it has ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        let beside = || self.beside.as_ref().and_then(|it| it.other.end());
        self.mailbox.end().or_else(beside)
    }

    /// Ends it from elsewhere.
    #[must_use]
    pub fn closer(&self) -> Closer {
        let mut mailboxes = vec![Arc::downgrade(&self.mailbox)];
        if let Some(beside) = &self.beside {
            mailboxes.extend(beside.other.closer().0);
        }
        Closer(mailboxes)
    }

    /// The message that it gave last could not be read.
    pub(super) fn count_unreadable(&self) {
        match &self.beside {
            Some(beside) if beside.was_last => beside.other.count_unreadable(),
            Some(_) | None => self.mailbox.count_unreadable(),
        }
    }
}

fn why(end: Option<End>) -> End {
    end.expect("a queue that gives nothing more has ended")
}

impl Stream for Subscription {
    type Item = Arc<Envelope>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arc<Envelope>>> {
        self.poll(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.mailbox.abandon();
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

impl Closer {
    /// Ends it, if it still is.
    pub fn close(&self, why: End) {
        for mailbox in self.0.iter().filter_map(Weak::upgrade) {
            mailbox.close(why);
        }
    }

    /// Whether there is nothing left to end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.iter().filter_map(Weak::upgrade).all(|it| it.is_closed())
    }
}
