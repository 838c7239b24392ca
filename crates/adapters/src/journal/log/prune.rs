//! Taking a snapshot in, falling back to the one before, and dropping what neither needs.

use runtime::port::journal::{Error, Journal, Seq};

use super::cursor::Cursor;
use super::layout::PAGE;
use super::{Log, recover, snapshot};

impl Log {
    /// Writes and verifies a snapshot, then drops what is not needed any more. One that is older
    /// than the newest changes nothing, since the newest includes it.
    pub(super) fn store_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        let found = self.head();
        if at > found {
            return Err(Error::Superseded { expected: at, found });
        }
        if self.snapshots.last().is_some_and(|newest| newest.at > at.0) {
            return Ok(());
        }
        let journal = self.writer.segment.header.journal;
        let snapshot = snapshot::write(&self.disk, &self.dir, journal, at.0, bytes)?;
        self.snapshots.retain(|older| older.at != at.0);
        self.snapshots.push(snapshot);
        self.tail_bytes = self.bytes_after_snapshot()?;
        self.prune(self.options.snapshots.max(1))
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

    /// Keeps the newest `keep` snapshots and the log from the oldest of them on.
    pub(super) fn prune(&mut self, keep: usize) -> Result<(), Error> {
        let unusable = |source| recover::unusable(&self.dir, source);
        let surplus = self.snapshots.len().saturating_sub(keep);
        let kept = self.snapshots.split_off(surplus);
        self.snapshots = kept;
        let Some(oldest) = self.snapshots.first().map(|snapshot| snapshot.at) else {
            return Ok(());
        };
        for path in self.disk.list(&self.dir).map_err(unusable)? {
            let known = self.snapshots.iter().any(|snapshot| snapshot.path == path);
            if snapshot::named(&path).is_some() && !known {
                self.disk.remove(&path).map_err(unusable)?;
            }
        }
        // Snapshots go before the log they need: the other way round, a crash in between would
        // leave one that nothing continues. Segments go from the oldest on, to leave no gap.
        self.disk.sync_dir(&self.dir).map_err(unusable)?;
        let droppable = self.segments.partition_point(|segment| segment.end.seq <= oldest + 1);
        for segment in self.segments.drain(..droppable) {
            self.disk.remove(&segment.path).map_err(unusable)?;
            self.disk.sync_dir(&self.dir).map_err(unusable)?;
        }
        Ok(())
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
