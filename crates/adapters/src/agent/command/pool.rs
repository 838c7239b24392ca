//! The resident processes of one *jsonl* agent: one per task at work, plus those whose task is
//! blocked in `ask`, up to a limit.
//!
//! A process blocked in `ask` has given its slot back, so another task may come and needs another
//! process. When the limit is reached a task is refused with `overloaded` rather than made to wait:
//! what it would wait for may be waiting for it.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::census::Census;
use super::fault::Fault;
use super::limits::Limits;
use super::resident::{About, Resident};

/// Idle processes, and the count of all.
pub(super) struct Pool {
    about: Arc<About>,
    census: Census,
    /// How many idle processes are kept; the rest is retired.
    idle_max: usize,
    /// The warmest last.
    idle: Mutex<Vec<Resident>>,
    is_closed: AtomicBool,
}

impl Pool {
    pub(super) fn new(about: About, census: Census, idle_max: usize) -> Self {
        let (about, idle, is_closed) = (Arc::new(about), Mutex::default(), AtomicBool::new(false));
        Self { about, census, idle_max, idle, is_closed }
    }

    pub(super) fn limits(&self) -> Limits {
        self.about.limits.clone()
    }

    /// An idle process, or a new one; it keeps `hold` until it is given back or has ended.
    pub(super) async fn take(&self, hold: impl Any + Send + Sync) -> Result<Resident, Fault> {
        while let Some(mut resident) = self.pop() {
            if resident.is_alive() {
                resident.keep(hold);
                return Ok(resident);
            }
            // It ended between two tasks. Dropping it ends what it may have left.
        }
        let max = self.about.limits.processes_max;
        let none_free = || Fault::NoneFree { program: self.about.name(), max };
        let present = self.census.try_enter(max).ok_or_else(none_free)?;
        Resident::start(self.about.clone(), present, hold).await
    }

    /// Takes a process back after its task, or retires it when there are enough. Must be called on
    /// a tokio runtime.
    pub(super) fn give_back(&self, mut resident: Resident) {
        resident.release();
        let mut idle = self.lock();
        if self.is_closed.load(Ordering::Acquire) || idle.len() >= self.idle_max {
            drop(idle);
            tokio::spawn(resident.retire());
        } else {
            idle.push(resident);
        }
    }

    /// Retires everybody and returns when no process is left, those at work included: whoever runs
    /// their attempts must have let go of them.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        for resident in std::mem::take(&mut *self.lock()) {
            tokio::spawn(resident.retire());
        }
        self.census.empty().await;
    }

    fn pop(&self) -> Option<Resident> {
        self.lock().pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Resident>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
