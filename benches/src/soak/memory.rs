//! How much memory the process holds, looked at twice a second.

use crate::fleet::resident;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What the process has held.
pub(crate) struct Memory {
    seen: Arc<Seen>,
    watching: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    most: AtomicU64,
    /// The most up to the end of the second life: by then all is there that there will be.
    early: AtomicU64,
    lives: AtomicU64,
}

impl Memory {
    /// From now on it is looked at.
    pub(crate) fn watch() -> Memory {
        let seen = Arc::<Seen>::default();
        let watched = seen.clone();
        let watching = tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(500));
            loop {
                clock.tick().await;
                watched.look();
            }
        });
        Memory { seen, watching }
    }

    pub(crate) fn life_has_ended(&self) {
        self.seen.look();
        if self.seen.lives.fetch_add(1, Ordering::Relaxed) < 2 {
            let most = self.seen.most.load(Ordering::Relaxed);
            self.seen.early.store(most, Ordering::Relaxed);
        }
    }

    /// The most that it has held, in MiB.
    pub(crate) fn most_mib(&self) -> f64 {
        mib(&self.seen.most)
    }

    /// The most that it had held when its second life had ended.
    pub(crate) fn early_mib(&self) -> f64 {
        mib(&self.seen.early)
    }
}

impl Seen {
    fn look(&self) {
        // Where there is no such file there is nothing to be told, and the verdict says so.
        let now = resident(std::process::id()).unwrap_or(u64::MAX);
        self.most.fetch_max(now, Ordering::Relaxed);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn mib(bytes: &AtomicU64) -> f64 {
    bytes.load(Ordering::Relaxed) as f64 / f64::from(1 << 20)
}
