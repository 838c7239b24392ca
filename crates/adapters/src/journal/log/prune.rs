//! Taking a snapshot in, falling back to the one before, and dropping what neither needs.

use std::path::PathBuf;

use runtime::port::journal::{Error, Journal, Seq, Sweep};

use super::cursor::Cursor;
use super::layout::PAGE;
use super::{Log, recover, snapshot};
use crate::disk::Disk;

impl Log {
    /// Takes a staged snapshot in; gives the removal of what is not needed any more. One that is
    /// older than the newest changes nothing, since the newest includes it.
    pub(super) fn take_in(&mut self, at: Seq) -> Result<Sweep, Error> {
        if self.is_covered(at)? {
            return Ok(Box::new(|| Ok(())));
        }
        let snapshot = snapshot::adopt(&self.disk, &self.dir, at.0)?;
        if let Some(same) = self.snapshots.iter_mut().find(|same| same.at == at.0) {
            *same = snapshot; // Rewritten, since something in it was to be erased.
            return Ok(Box::new(|| Ok(())));
        }
        self.snapshots.push(snapshot);
        self.tail_bytes = self.bytes_after_snapshot()?;
        Ok(self.prune(self.options.snapshots.max(1)))
    }

    /// Writes and verifies a snapshot, takes it in, and drops what is not needed any more.
    pub(super) fn store_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        if self.is_covered(at)? {
            return Ok(());
        }
        let journal = self.writer.segment.header.journal;
        snapshot::stage(&self.disk, &self.dir, journal, at.0, bytes)?;
        self.take_in(at)?()
    }

    /// Whether a newer snapshot makes this one needless; refuses one of what is not durable yet.
    fn is_covered(&self, at: Seq) -> Result<bool, Error> {
        let found = self.head();
        if at > found {
            return Err(Error::Superseded { expected: at, found });
        }
        let is_older = self.snapshots.last().is_some_and(|newest| newest.at > at.0);
        Ok(is_older && self.snapshots.iter().all(|snapshot| snapshot.at != at.0))
    }

    /// The newest snapshot that can be read. A damaged one is passed over only where the log still
    /// holds every record after the one before it.
    pub(super) fn newest_snapshot(&mut self) -> Result<Option<(Seq, Vec<u8>)>, Error> {
        let journal = self.writer.segment.header.journal;
        while let Some(newest) = self.snapshots.last() {
            let damage = match snapshot::read(&self.disk, newest, journal) {
                Ok(bytes) => return Ok(Some((Seq(newest.at), bytes))),
                Err(damage @ Error::Damaged { .. }) => damage,
                Err(other) => return Err(other),
            };
            let older = self.snapshots.len().checked_sub(2).map_or(0, |nth| self.snapshots[nth].at);
            if self.first().0 > older + 1 {
                return Err(damage);
            }
            // The file stays where it is, for whoever wants to look, until the next snapshot.
            self.snapshots.pop();
            self.tail_bytes = self.bytes_after_snapshot()?;
        }
        Ok(None)
    }

    /// Keeps the newest `keep` snapshots and the log from the oldest of them on. The log forgets
    /// the rest at once; the files go when the sweep is done.
    pub(super) fn prune(&mut self, keep: usize) -> Sweep {
        let surplus = self.snapshots.len().saturating_sub(keep);
        self.snapshots.drain(..surplus);
        let oldest = self.snapshots.first().map_or(0, |snapshot| snapshot.at);
        let droppable = self.segments.partition_point(|segment| segment.end.seq <= oldest + 1);
        let segments = self.segments.drain(..droppable).map(|segment| segment.path).collect();
        let kept = self.snapshots.iter().map(|snapshot| snapshot.path.clone()).collect();
        let superfluous =
            Superfluous { disk: self.disk.clone(), dir: self.dir.clone(), kept, segments };
        Box::new(move || superfluous.remove())
    }

    /// Bytes of frames after the newest snapshot.
    pub(super) fn bytes_after_snapshot(&self) -> Result<u64, Error> {
        let after = self.snapshots.last().map_or(1, |snapshot| snapshot.at + 1);
        let mut bytes = 0;
        for segment in self.all_segments().filter(|segment| segment.end.seq > after) {
            let start = if segment.header.first >= after {
                PAGE
            } else {
                let unusable = |source| recover::unusable(&segment.path, source);
                let file = self.disk.open(&segment.path).map_err(unusable)?;
                let place = segment.place_before(after);
                let mut cursor = Cursor::new(&file, segment.salt, segment.header.epoch, place);
                while cursor.place().seq < after {
                    let place = cursor.place();
                    let next = cursor.next().map_err(unusable)?;
                    next.map_err(|fault| segment.damaged(place, fault.why()))?;
                }
                cursor.place().offset
            };
            bytes += segment.end.offset - start;
        }
        Ok(bytes)
    }
}

/// Files that nothing needs any more.
struct Superfluous {
    disk: Disk,
    dir: PathBuf,
    /// The snapshots that stay.
    kept: Vec<PathBuf>,
    /// The segments that go, oldest first.
    segments: Vec<PathBuf>,
}

impl Superfluous {
    fn remove(&self) -> Result<(), Error> {
        let unusable = |source| recover::unusable(&self.dir, source);
        if self.kept.is_empty() {
            return Ok(());
        }
        for path in self.disk.list(&self.dir).map_err(unusable)? {
            // A snapshot newer than those we knew was taken in meanwhile.
            let is_newer = self.kept.last().is_some_and(|newest| path > *newest);
            if snapshot::named(&path).is_some() && !self.kept.contains(&path) && !is_newer {
                self.disk.remove(&path).map_err(unusable)?;
            }
        }
        // Snapshots go before the log they need: the other way round, a crash in between would
        // leave one that nothing continues. Segments go from the oldest on, to leave no gap.
        self.disk.sync_dir(&self.dir).map_err(unusable)?;
        for path in &self.segments {
            self.disk.remove(path).map_err(unusable)?;
            self.disk.sync_dir(&self.dir).map_err(unusable)?;
        }
        Ok(())
    }
}
