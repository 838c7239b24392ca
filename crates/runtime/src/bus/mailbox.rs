//! The queue of one subscription: bounded in messages and in bytes, with a stated policy for when
//! it is full. One receiver, any number of publishers.

use super::{Counts, End, Envelope, Options, Overflow, Pattern, Subscribed};
use crate::turn::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Where the messages for one subscription wait.
pub struct Mailbox {
    pattern: Pattern,
    options: Options,
    state: Mutex<State>,
    /// There may be room again, or the end has come.
    room: Notify,
}

/// How often a publisher that finds no room lets others run and looks again, before it sets a clock
/// and sleeps: mostly the receiver is one of those others.
const LOOKS: usize = 4;

/// A message with the moment from which on it is worth nothing.
#[derive(Clone)]
pub struct Parcel {
    envelope: Arc<Envelope>,
    expires: Option<Instant>,
}

/// What became of a message that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It lies in the queue.
    Taken,
    /// There was no room for it.
    Dropped,
    /// There is no room for it yet; [`Mailbox::wait`] until there is.
    Full,
    /// Nobody receives here any more.
    Gone,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Parcel>,
    bytes: usize,
    receiver: Option<Waker>,
    /// Publishers that wait for room.
    waiting: usize,
    end: Option<End>,
    counts: Counts,
}

impl Parcel {
    /// Its time to live begins now.
    #[must_use]
    #[inline]
    pub fn new(envelope: Envelope) -> Parcel {
        let ttl = envelope.header.ttl_ms.map(std::time::Duration::from_millis);
        // What lives longer than clocks can count never expires.
        let expires = ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        Parcel { envelope: Arc::new(envelope), expires }
    }

    fn size(&self) -> usize {
        self.envelope.body.size()
    }

    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|it| it <= Instant::now())
    }
}

impl Mailbox {
    /// An empty one.
    #[must_use]
    pub fn new(pattern: Pattern, options: Options) -> Arc<Mailbox> {
        Arc::new(Mailbox { pattern, options, state: Mutex::default(), room: Notify::new() })
    }

    /// To what it is subscribed.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// How.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Puts a message in, or does what the overflow policy says. Never waits.
    pub fn offer(&self, parcel: &Parcel) -> Offer {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return Offer::Gone;
        }
        if !self.fits(&state, parcel) {
            // For one larger than the whole queue nobody makes room, and nobody waits.
            let never = parcel.size() > self.options.capacity_bytes;
            match self.options.overflow {
                Overflow::Disconnect => {
                    state.drop_newest();
                    drop(state);
                    self.close(End::Overflow);
                    return Offer::Dropped;
                }
                Overflow::DropNewest => return state.drop_newest(),
                Overflow::Block { .. } | Overflow::DropOldest if never => {
                    return state.drop_newest();
                }
                Overflow::Block { .. } => return Offer::Full,
                Overflow::DropOldest => self.make_room(&mut state, parcel),
            }
        }
        put(state, parcel)
    }

    /// Waits for room until the overflow policy's deadline, counted from `since`.
    pub async fn wait(&self, parcel: &Parcel, since: Instant) -> Offer {
        let at_most = match self.options.overflow {
            Overflow::Block { at_most_ms } => std::time::Duration::from_millis(at_most_ms),
            Overflow::DropNewest | Overflow::DropOldest | Overflow::Disconnect => {
                Default::default()
            }
        };
        for _ in 0..LOOKS {
            tokio::task::yield_now().await;
            match self.offer(parcel) {
                Offer::Full => {}
                answer => return answer,
            }
        }
        let _waits = Waits::at(self);
        let deadline = sleep_until(since + at_most);
        tokio::pin!(deadline);
        loop {
            // Listened for before the question is asked, so that room cannot slip in between.
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.offer(parcel) {
                Offer::Full => {}
                answer => return answer,
            }
            tokio::select! {
                () = room => {}
                () = &mut deadline => return lock(&self.state).drop_newest(),
            }
        }
    }

    /// Whether one more message would find room, and somebody to read it.
    #[must_use]
    pub fn has_room(&self, parcel: &Parcel) -> bool {
        let state = lock(&self.state);
        state.end.is_none() && self.fits(&state, parcel)
    }

    /// Whether nobody receives here any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.state).end.is_some()
    }

    /// The end; what lies in the queue can still be received. The first reason counts.
    pub fn close(&self, why: End) {
        let receiver = {
            let mut state = lock(&self.state);
            state.end.get_or_insert(why);
            state.receiver.take()
        };
        self.room.notify_waiters();
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    /// The owner is gone: what lies here is lost, and counted so.
    pub(super) fn abandon(&self) {
        self.close(End::Dropped);
        let mut state = lock(&self.state);
        state.counts.dropped += state.queue.len() as u64;
        let queue = std::mem::take(&mut state.queue);
        state.bytes = 0;
        drop(state);
        drop(queue); // With the last copies, whoever asked is told.
    }

    /// Why it has ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        lock(&self.state).end
    }

    /// The next message that is still worth something; nothing once it has ended and is empty.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Arc<Envelope>>> {
        loop {
            let mut state = lock(&self.state);
            let Some(parcel) = state.queue.pop_front() else {
                if state.end.is_some() {
                    return Poll::Ready(None);
                }
                match &mut state.receiver {
                    Some(receiver) => receiver.clone_from(cx.waker()),
                    None => state.receiver = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            };
            state.bytes -= parcel.size();
            let is_expired = parcel.is_expired();
            let count = match is_expired {
                true => &mut state.counts.expired,
                false => &mut state.counts.received,
            };
            *count += 1;
            let is_waited_for = state.waiting > 0;
            drop(state);
            if is_waited_for {
                self.room.notify_one();
            }
            if !is_expired {
                return Poll::Ready(Some(parcel.envelope));
            }
        }
    }

    /// One that was received could not be read.
    pub(super) fn count_unreadable(&self) {
        lock(&self.state).counts.unreadable += 1;
    }

    /// What has become of its messages.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.state).counts
    }

    /// As its bus tells of it.
    #[must_use]
    pub fn describe(&self) -> Subscribed {
        let Options { name, group, silent, overflow, capacity, .. } = self.options.clone();
        let state = lock(&self.state);
        let (queued, counts) = (state.queue.len(), state.counts);
        let pattern = self.pattern.clone();
        Subscribed { name, pattern, group, silent, overflow, capacity, queued, counts }
    }

    fn fits(&self, state: &State, parcel: &Parcel) -> bool {
        state.queue.len() < self.options.capacity
            && state.bytes + parcel.size() <= self.options.capacity_bytes
    }

    fn make_room(&self, state: &mut State, parcel: &Parcel) {
        while !self.fits(state, parcel) {
            let Some(oldest) = state.queue.pop_front() else { return };
            state.bytes -= oldest.size();
            state.counts.dropped += 1;
        }
    }
}

impl State {
    fn drop_newest(&mut self) -> Offer {
        self.counts.offered += 1;
        self.counts.dropped += 1;
        Offer::Dropped
    }
}

fn put(mut state: std::sync::MutexGuard<'_, State>, parcel: &Parcel) -> Offer {
    state.counts.offered += 1;
    state.bytes += parcel.size();
    state.queue.push_back(parcel.clone());
    let receiver = state.receiver.take();
    drop(state);
    if let Some(receiver) = receiver {
        receiver.wake();
    }
    Offer::Taken
}

/// While it exists, a publisher waits for room.
struct Waits<'a>(&'a Mailbox);

impl<'a> Waits<'a> {
    fn at(mailbox: &'a Mailbox) -> Waits<'a> {
        lock(&mailbox.state).waiting += 1;
        Waits(mailbox)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).waiting -= 1;
    }
}
