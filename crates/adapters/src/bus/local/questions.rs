//! Questions that wait for an answer, by the number in their `reply_to`.

use runtime::bus::{Envelope, Error, Subject};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;

/// The first word of a subject that is a question's.
const INBOX: &str = "_inbox";

/// All that wait.
pub(super) struct Questions {
    /// Drawn when the bus was made: an answer to another bus's question finds nobody.
    bus: u64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    by_number: HashMap<u64, oneshot::Sender<Arc<Envelope>>>,
}

/// Whose answer it is: the number of the bus and of the question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Inbox(u64, u64);

/// The answer to a question: nothing when everybody has let go of it. Dropped, nobody waits.
pub(super) struct Asked {
    answer: oneshot::Receiver<Arc<Envelope>>,
    _over: Over,
}

/// Ends the wait when it is dropped: with whoever waits, or with the last copy of the question.
struct Over(Arc<Questions>, u64);

impl Default for Questions {
    fn default() -> Questions {
        Questions { bus: RandomState::new().build_hasher().finish(), waiting: Mutex::default() }
    }
}

impl Inbox {
    /// That of a subject, if it is a question's.
    pub(super) fn of(subject: &Subject) -> Option<Inbox> {
        let rest = subject.as_str().strip_prefix(INBOX)?.strip_prefix('.')?;
        let (bus, number) = rest.split_once('.')?;
        Some(Inbox(u64::from_str_radix(bus, 16).ok()?, number.parse().ok()?))
    }
}

impl Questions {
    /// Writes on a question where its answer is to go.
    pub(super) fn ask(
        self: &Arc<Self>,
        question: &mut Envelope,
        max: usize,
    ) -> Result<Asked, Error> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.by_number.len() >= max {
            return Err(Error::TooMany { what: "open questions", max });
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.by_number.insert(number, sender);
        drop(waiting);
        question.keep(Arc::new(Over(self.clone(), number)));
        let _over = Over(self.clone(), number);
        question.header.reply_to = Some(Subject::new(format!("{INBOX}.{:x}.{number}", self.bus))?);
        Ok(Asked { answer, _over })
    }

    /// Gives an answer to whoever waits; whether anybody did.
    pub(super) fn answer(&self, Inbox(bus, number): Inbox, answer: Envelope) -> bool {
        let waiting = if bus == self.bus { self.lock().by_number.remove(&number) } else { None };
        waiting.is_some_and(|it| it.send(Arc::new(answer)).is_ok())
    }

    /// How many wait.
    pub(super) fn open(&self) -> usize {
        self.lock().by_number.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Asked {
    type Output = Option<Arc<Envelope>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.answer).poll(cx)).ok())
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let waiting = self.0.lock().by_number.remove(&self.1);
        drop(waiting); // Not under the lock: whoever waits wakes.
    }
}
