//! When the running turn tidies up: a thread that lives as long as the work does.
//!
//! After a commit that leaves the log longer than its bound, one thread is started that takes a
//! snapshot, collects blobs and measures what is left. There is never more than one, and a runtime
//! that is closed waits for it to give up, so nothing of it reaches into the next opening.

use super::{Collected, Error, Forgotten, Taken, collect, forget, take};
use crate::bounds::Bounds;
use crate::port::journal::Size;
use crate::record;
use crate::turn::{Runtime, lock};
use kernel::{Command, TaskId};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

/// When room is short, a snapshot is made of a tail this long already: it may make some.
const TAIL_WHEN_FULL_BYTES: u64 = 1 << 20;

/// What the keeper of a runtime has done so far.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// Snapshots taken.
    pub snapshots: u64,
    /// The last of them.
    pub last: Option<Taken>,
    /// Blobs collected after the last one.
    pub collected: Collected,
    /// Why the last try failed, if it did. The log is whole and grows on; it is tried again.
    pub failed: Option<Arc<str>>,
}

/// Decides when, and remembers how it went.
pub(crate) struct Keeper {
    min_bytes: u64,
    /// A thread is at it.
    is_busy: AtomicBool,
    /// After a failure: not before the tail is this long.
    not_before: AtomicU64,
    /// Held by whoever snapshots, collects or forgets.
    work: Mutex<()>,
    keeping: Mutex<Keeping>,
}

impl Keeper {
    pub(crate) fn new(bounds: &Bounds) -> Keeper {
        Keeper {
            min_bytes: bounds.snapshot_min_bytes,
            is_busy: AtomicBool::new(false),
            not_before: AtomicU64::new(0),
            work: Mutex::default(),
            keeping: Mutex::default(),
        }
    }

    /// Whether a thread should be started now.
    pub(crate) fn is_due(&self, size: Size, is_full: bool) -> bool {
        let usual = self.min_bytes.max(size.snapshot_bytes);
        let bound = if is_full { usual.min(TAIL_WHEN_FULL_BYTES) } else { usual };
        size.tail_bytes > bound
            && size.tail_bytes >= self.not_before.load(Relaxed)
            && !self.is_busy.swap(true, Relaxed)
    }

    /// Nobody tidies up while this is held.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        lock(&self.work)
    }

    fn note(&self, done: Result<(Option<Taken>, Collected), Error>, tail_bytes: u64) {
        let mut keeping = lock(&self.keeping);
        match done {
            Ok((taken, collected)) => {
                keeping.snapshots += u64::from(taken.is_some());
                keeping.last = taken.or(keeping.last);
                keeping.collected = collected;
                keeping.failed = None;
                // What a snapshot could not shorten is not tried again at once.
                let later = if taken.is_some() { 0 } else { tail_bytes + TAIL_WHEN_FULL_BYTES };
                self.not_before.store(later, Relaxed);
            }
            Err(why) => {
                keeping.failed = Some(why.to_string().into());
                let later = tail_bytes + self.min_bytes.max(TAIL_WHEN_FULL_BYTES);
                self.not_before.store(later, Relaxed);
            }
        }
    }
}

impl Runtime {
    /// What has been tidied up so far.
    #[must_use]
    pub fn keeping(&self) -> Keeping {
        lock(&self.inner.keeper.keeping).clone()
    }

    /// Takes a snapshot of everything durable now, and collects blobs. Blocks while it works; the
    /// turn goes on.
    ///
    /// # Errors
    /// What the journal or the blob store says.
    pub fn tidy(&self) -> Result<(Option<Taken>, Collected), Error> {
        let _alone = self.inner.keeper.alone();
        let taken = if self.is_instant() {
            Some(self.take_living()?)
        } else {
            let limits = self.look(|kernel, _| kernel.limits().clone());
            take(self, &limits)?
        };
        let collected = collect(self, &*self.inner.blobs)?;
        self.measure()?;
        Ok((taken, collected))
    }

    /// A journal that ends with its process is never replayed at a start, so there is nothing to
    /// learn from a replay: what lives is stored as it is.
    fn take_living(&self) -> Result<Taken, Error> {
        let taken = self.at_rest(|journal, kernel| {
            let (at, bytes) = (journal.head(), record::encode_snapshot(kernel));
            journal.put_snapshot(at, &bytes)?;
            Ok(Taken { at, bytes: bytes.len() as u64 })
        });
        taken.unwrap_or(Err(Error::Ended))
    }

    /// Erases the contents of a settled run: see [`forget`].
    ///
    /// # Errors
    /// `StillOpen`, `NotARun`, `Unknown`: nothing was changed. Else what the stores say.
    pub async fn forget(&self, run: TaskId) -> Result<Forgotten, Error> {
        // What is decided by now is durable when this is answered.
        let _ = self.send(Command::Tick).await;
        let runtime = self.clone();
        let work = move || {
            let _alone = runtime.inner.keeper.alone();
            let limits = runtime.look(|kernel, _| kernel.limits().clone());
            let inner = &*runtime.inner;
            let (blobs, observers) = (&*inner.blobs, &inner.observers);
            let forgotten = forget(&runtime, blobs, &limits, run, observers, &mut |tasks| {
                runtime.change(|kernel| kernel.forget(|task| tasks.contains(&task)));
            })?;
            runtime.measure()?;
            Ok(forgotten)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Ended))
    }

    /// Starts the thread that tidies up; the caller has made sure that there is none.
    pub(crate) fn tidy_in_background(&self, tail_bytes: u64) {
        let runtime = self.clone();
        let work = move || {
            let done = runtime.tidy();
            let keeper = &runtime.inner.keeper;
            keeper.note(done, tail_bytes);
            keeper.is_busy.store(false, Relaxed);
        };
        let thread = std::thread::Builder::new().name("majordomo-keeper".into());
        if thread.spawn(work).is_err() {
            // No thread to spare: the next commit tries again.
            self.inner.keeper.is_busy.store(false, Relaxed);
        }
    }

    /// Finds out how much the blobs take that are there already.
    pub(crate) fn measure_in_background(&self) {
        let runtime = self.clone();
        tokio::task::spawn_blocking(move || {
            let _alone = runtime.inner.keeper.alone();
            // A store that cannot be read now says so to whoever puts or gets something.
            let _ = runtime.measure();
        });
    }

    /// Counts the blobs, which nobody does in passing.
    fn measure(&self) -> Result<(), Error> {
        self.inner.room.blobs_are(self.inner.blobs.size()?);
        Ok(())
    }
}
