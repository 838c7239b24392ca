//! How much room is left, known after each commit without asking anyone.
//!
//! Two things can run out: what the operator allows, and the disk. The first is a sum that is kept
//! up to date; the second is asked of the system when the sum has moved by a mebibyte, and again
//! whenever somebody would be refused, since room may have been made from outside.

use crate::bounds::Bounds;
use crate::port::journal::Gauge;
use kernel::{Command, Kernel, Refusal, Report, TopicCommand};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How far the sum may move before the disk is asked again.
const STRIDE: u64 = 1 << 20;

/// What is stored and how much more may be.
pub(crate) struct Room {
    max: u64,
    reserve: u64,
    journal: AtomicU64,
    blobs: AtomicU64,
    gauge: Option<Gauge>,
    /// The sum when the disk was asked last.
    asked_at: AtomicU64,
    free: AtomicU64,
    is_full: AtomicBool,
}

impl Room {
    pub(crate) fn new(bounds: &Bounds, journal_bytes: u64, gauge: Option<Gauge>) -> Room {
        let room = Room {
            max: bounds.data_max_bytes,
            reserve: bounds.reserve(),
            journal: AtomicU64::new(journal_bytes),
            blobs: AtomicU64::new(0),
            gauge,
            asked_at: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            is_full: AtomicBool::new(false),
        };
        room.look();
        room
    }

    /// The journal has this size now.
    pub(crate) fn journal_is(&self, bytes: u64) {
        if self.journal.swap(bytes, Relaxed) != bytes {
            self.moved();
        }
    }

    /// A blob of this size was put.
    pub(crate) fn blob_put(&self, bytes: u64) {
        self.blobs.fetch_add(bytes, Relaxed);
        self.moved();
    }

    /// The blob store was measured.
    pub(crate) fn blobs_are(&self, bytes: u64) {
        self.blobs.store(bytes, Relaxed);
        self.look();
    }

    /// Whether roots are to be refused. Costs one load unless it was so a moment ago.
    pub(crate) fn is_full(&self) -> bool {
        if self.is_full.load(Relaxed) {
            self.look();
        }
        self.is_full.load(Relaxed)
    }

    /// In words for whoever is refused.
    pub(crate) fn describe(&self) -> String {
        let (used, free) = (self.used(), self.free.load(Relaxed));
        let mib = |bytes: u64| bytes >> 20;
        if used.saturating_add(self.reserve) > self.max {
            let (used, max) = (mib(used), mib(self.max));
            return format!(
                "the data takes {used} MiB of the {max} MiB allowed, so no new work is taken; \
                 let work settle or forget old runs"
            );
        }
        format!(
            "the disk has {} MiB left, so no new work is taken; free some: what was accepted goes \
             on meanwhile",
            mib(free)
        )
    }

    /// What may be stored.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// What was left on the disk when it was asked last.
    pub(crate) fn free(&self) -> Option<u64> {
        self.gauge.as_ref().map(|_| self.free.load(Relaxed)).filter(|free| *free != u64::MAX)
    }

    pub(crate) fn used(&self) -> u64 {
        self.journal.load(Relaxed) + self.blobs.load(Relaxed)
    }

    fn moved(&self) {
        let used = self.used();
        if used.abs_diff(self.asked_at.load(Relaxed)) >= STRIDE {
            self.look();
        } else {
            self.judge(used);
        }
    }

    fn look(&self) {
        let used = self.used();
        self.asked_at.store(used, Relaxed);
        if let Some(free) = self.gauge.as_ref().and_then(|gauge| gauge()) {
            self.free.store(free, Relaxed);
        }
        self.judge(used);
    }

    fn judge(&self, used: u64) {
        let over = used.saturating_add(self.reserve) > self.max;
        self.is_full.store(over || self.free.load(Relaxed) < self.reserve, Relaxed);
    }
}

/// The refusal of new work when the disk is nearly full. A key that is known is answered as ever.
pub(crate) fn no_room(kernel: &Kernel, command: &Command) -> Option<Refusal> {
    let submit = match command {
        Command::Submit(submit) => submit,
        Command::Topic(_, TopicCommand::Publish(_))
        | Command::Report(_, Report::Publish { .. }) => {
            let retry_after_ms = kernel.limits().retry_after_ms;
            return Some(Refusal::Overloaded { retry_after_ms });
        }
        _ => return None,
    };
    let id = submit.key.as_ref().map(|key| (submit.terms.tenant.clone(), key.clone()));
    let is_known = id.is_some_and(|id| kernel.state().keys.contains_key(&id));
    let retry_after_ms = kernel.limits().retry_after_ms;
    (!is_known).then_some(Refusal::Overloaded { retry_after_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const MIB: u64 = 1 << 20;

    fn bounds(max: u64) -> Bounds {
        Bounds { data_max_bytes: max, reserve_bytes: 4 * MIB, ..Bounds::default() }
    }

    #[test]
    fn the_bound_counts_journal_and_blobs_and_leaves_the_reserve() {
        let room = Room::new(&bounds(100 * MIB), 0, None);
        room.journal_is(60 * MIB);
        room.blob_put(36 * MIB);
        assert!(!room.is_full(), "exactly the reserve is left");
        room.blob_put(1);
        assert!(room.is_full());
        assert!(room.describe().contains("96 MiB of the 100 MiB"), "{}", room.describe());
        room.blobs_are(0);
        assert!(!room.is_full(), "a collection made room");
        assert_eq!(Room::new(&bounds(10 * MIB), 0, None).reserve, MIB, "a tenth at most");
    }

    #[test]
    fn a_disk_that_fills_up_refuses_and_one_that_was_freed_does_not() {
        let free = Arc::new(AtomicU64::new(50 * MIB));
        let told = free.clone();
        let gauge: Gauge = Box::new(move || Some(told.load(Relaxed)));
        let room = Room::new(&bounds(1 << 40), 0, Some(gauge));
        assert!(!room.is_full());
        free.store(3 * MIB, Relaxed);
        room.journal_is(10);
        assert!(!room.is_full(), "the disk is not asked for every byte");
        room.journal_is(2 * MIB);
        assert!(room.is_full());
        assert!(room.describe().contains("3 MiB left"), "{}", room.describe());
        free.store(50 * MIB, Relaxed);
        assert!(!room.is_full(), "whoever is refused asks again");
    }
}
