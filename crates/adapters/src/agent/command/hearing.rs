//! What one attempt of a program has subscribed to: messages go to its stdin as fast as it takes
//! them, and never in the way of an answer.
//!
//! ```text
//!   bus ─▶ queue of the subscription ─▶ at most `unread_max` lines ─▶ stdin
//!          bounded, with the overflow    that it has not said
//!          that it asked for             `taken` of
//! ```
//!
//! A program that takes nothing holds up its own queue and nobody else. With the attempt all of it
//! ends; a line that was on its way then is one that the program passes over.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::host::{Feed, News};
use super::limits::Limits;
use super::wire::ToAgent;

/// The subscriptions of an attempt, by the number of the call that opened each.
pub(super) struct Hearing {
    open: BTreeMap<u64, Open>,
    stdin: mpsc::Sender<Vec<u8>>,
    subscriptions_max: usize,
    unread_max: usize,
}

/// A subscription; dropped, it ends.
struct Open {
    /// As many permits as lines may be sent to it now.
    room: Arc<Semaphore>,
    telling: JoinHandle<()>,
}

impl Hearing {
    /// None yet; lines go into this pipe.
    pub(super) fn new(stdin: mpsc::Sender<Vec<u8>>, limits: &Limits) -> Self {
        let Limits { subscriptions_max, unread_max, .. } = *limits;
        Self { open: BTreeMap::new(), stdin, subscriptions_max, unread_max }
    }

    /// The limit, if it has as many as it may.
    pub(super) fn full(&mut self) -> Option<usize> {
        self.open.retain(|_, it| !it.telling.is_finished());
        (self.open.len() >= self.subscriptions_max).then_some(self.subscriptions_max)
    }

    /// From now on its messages are told.
    pub(super) fn open(&mut self, id: u64, feed: Feed) {
        let room = Arc::new(Semaphore::new(self.unread_max));
        let telling = tokio::spawn(tell(id, feed, room.clone(), self.stdin.clone()));
        self.open.insert(id, Open { room, telling });
    }

    /// The program has taken one more of its messages. Whoever says so of what it has not got gains
    /// nothing: never more than the limit may be sent at once.
    pub(super) fn taken(&self, id: u64) {
        let room = self.open.get(&id).map(|it| &it.room);
        if let Some(room) = room.filter(|it| it.available_permits() < self.unread_max) {
            room.add_permits(1);
        }
    }

    /// It wants to hear no more.
    pub(super) fn close(&mut self, id: u64) {
        self.open.remove(&id);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

async fn tell(id: u64, mut feed: Feed, room: Arc<Semaphore>, stdin: mpsc::Sender<Vec<u8>>) {
    while let Ok(permit) = room.acquire().await {
        permit.forget(); // It comes back with `taken`.
        let line = match feed.next().await {
            Some(News::Heard(heard)) => ToAgent::Message { subscription: id, heard },
            Some(News::Ended(why)) => ToAgent::Ended { subscription: id, why: why.to_owned() },
            None => return,
        };
        if stdin.send(line.line()).await.is_err() {
            return; // The process has ended.
        }
    }
}
