//! The embedded journal: a segmented, preallocated log with chained checksums.
//!
//! ```text
//! <data>/journal/
//!   lock                                        who writes (for people); the lock itself
//!   00000000000000000001-0000000001.log         segment: first record, opening that wrote it
//!   00000000000000048213-0000000002.log         … the last one grows, in space reserved ahead
//!   00000000000000048212.snapshot               everything up to and including that record
//! ```
//!
//! - A batch is one write and one sync into reserved space: `writer`.
//! - Every byte of a record is checked, and each record is chained to the one before: `frame`.
//! - A torn tail is told from damage by proof, not by hope: `tail`.
//! - Two writers never both append, with or without a working lock: `writer`, `lock`.
//! - Any failed write or sync *poisons* the open log: it refuses every later append until it is
//!   opened again, because only a scan can say what is on disk. A full disk is reported as `Full`
//!   and poisons as well: one rule, and the process ends either way. A failed snapshot does not
//!   poison: it touches no file of the log.

mod backup;
mod cursor;
mod erase;
mod frame;
mod layout;
mod lock;
pub mod mutant;
mod open;
mod prune;
mod reader;
mod recover;
mod segment;
mod snapshot;
mod tail;
mod verify;
mod writer;

use std::path::{Path, PathBuf};

use runtime::port::journal::{Batch, Epoch, Error, Gauge, Journal, Seq, Size, Sweep, Visit};

pub use backup::{backup, restore};
pub use reader::Reader;
pub use verify::{Report, SegmentReport, SnapshotReport, verify};

use crate::disk::Disk;
use segment::Segment;
use snapshot::Snapshot;
use writer::Writer;

/// Sizes that a log is written with. They can change from opening to opening.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes reserved for the first segment of an opening; each one after it is twice as long.
    pub first_bytes: u64,
    /// Bytes reserved for a segment at most. A larger batch gets a segment of its own size.
    pub segment_bytes: u64,
    /// How many snapshots are kept, at least 1; the log is kept from the oldest of them on.
    pub snapshots: usize,
}

impl Default for Options {
    /// A short run takes 1 MiB, a long one 64 MiB at a time; two snapshots.
    fn default() -> Options {
        Options { first_bytes: 1 << 20, segment_bytes: 64 << 20, snapshots: 2 }
    }
}

/// A torn batch that this opening cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last record before it.
    pub after: Seq,
    /// The file it stood in.
    pub path: PathBuf,
    /// Its first byte in the file.
    pub from: u64,
    /// Where its last byte that is not zero ends.
    pub to: u64,
}

/// An open log. One at a time per directory.
pub struct Log {
    disk: Disk,
    dir: PathBuf,
    options: Options,
    /// How long the next segment will be.
    next_bytes: u64,
    /// The segments before the one being written.
    segments: Vec<Segment>,
    writer: Writer,
    /// Oldest first.
    snapshots: Vec<Snapshot>,
    tail_bytes: u64,
    failed: bool,
    cut: Option<Cut>,
    _lock: lock::Lock,
}

impl Log {
    /// Opens the log in a directory, and creates both where they are missing. Checks every record.
    ///
    /// # Errors
    /// `Held`, `Damaged`, `TooNew`: nothing was changed. `Full`, `Unusable`: what the system said.
    pub fn open(dir: &Path, options: Options) -> Result<Log, Error> {
        Log::open_on(&Disk::real(), dir, options)
    }

    /// The same on a disk that may have planned faults.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_on(disk: &Disk, dir: &Path, options: Options) -> Result<Log, Error> {
        open::open(disk, dir, options)
    }

    /// The torn batch that was cut when this log was opened, to be told to the operator.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// The directory it stands in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn try_append(&mut self, expected: Seq, batch: &Batch) -> Result<Seq, Error> {
        let bytes: u64 = batch
            .records()
            .map(|record| frame::size(record.head.len(), record.payload.len()) as u64)
            .sum();
        if !self.writer.has_room(bytes) {
            self.roll(expected, bytes)?;
        }
        let head = self.head();
        let appended = self.writer.append(batch);
        let seq = appended.map_err(|why| writer::refused(why, &self.dir, expected, head))?;
        self.tail_bytes += bytes;
        Ok(seq)
    }

    fn roll(&mut self, expected: Seq, bytes: u64) -> Result<(), Error> {
        self.next_bytes = (self.next_bytes * 2).min(self.options.segment_bytes);
        let head = self.head();
        let rolled = self.writer.roll(&self.disk, &self.dir, self.next_bytes, bytes);
        let full = rolled.map_err(|why| writer::refused(why, &self.dir, expected, head))?;
        if full.end.seq > full.header.first {
            self.segments.push(full);
        }
        Ok(())
    }

    /// Refuses when the log is poisoned or was taken over.
    fn check_writable(&self, expected: Seq) -> Result<(), Error> {
        if self.failed {
            let why = "an earlier write failed; only opening it again tells what is on disk";
            let source = std::io::Error::other(why);
            return Err(Error::Broken { place: self.dir.display().to_string(), source });
        }
        let fence = self.writer.check_fence();
        fence.map_err(|why| writer::refused(why, &self.dir, expected, self.head()))
    }

    /// All segments, the one being written last.
    fn all_segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().chain([&self.writer.segment])
    }
}

impl Journal for Log {
    fn head(&self) -> Seq {
        Seq(self.writer.place().seq - 1)
    }

    fn first(&self) -> Seq {
        let first = self.all_segments().next().map_or(1, |segment| segment.header.first);
        Seq(first)
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.writer.segment.header.epoch)
    }

    fn append(&mut self, expected: Seq, batch: &Batch) -> Result<Seq, Error> {
        self.check_writable(expected)?;
        let found = self.head();
        if expected != found {
            return Err(Error::Superseded { expected, found });
        }
        if batch.is_empty() {
            return Ok(found);
        }
        if let Some(nth) = batch
            .records()
            .position(|record| record.head.len() + record.payload.len() > frame::RECORD_MAX)
        {
            let why = format!("a record may have at most {} bytes", frame::RECORD_MAX);
            return Err(Error::Unreadable { at: Seq(found.0 + 1 + nth as u64), why });
        }
        let appended = self.try_append(expected, batch);
        self.failed = appended.is_err();
        appended
    }

    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error> {
        for segment in self.all_segments().filter(|segment| segment.end.seq > from.0) {
            reader::read_segment(&self.disk, segment, from.0, visit)?;
        }
        Ok(())
    }

    fn put_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        self.check_writable(at)?;
        self.store_snapshot(at, bytes)
    }

    fn adopt_snapshot(&mut self, at: Seq) -> Result<Sweep, Error> {
        self.check_writable(at)?;
        self.take_in(at)
    }

    fn reader(&self) -> Option<Box<dyn runtime::port::Reader>> {
        Some(Box::new(Reader::beside(self)))
    }

    fn snapshot(&mut self) -> Result<Option<(Seq, Vec<u8>)>, Error> {
        self.newest_snapshot()
    }

    fn erase(&mut self, seq: Seq) -> Result<(), Error> {
        self.erase_all(&[seq])
    }

    fn erase_all(&mut self, seqs: &[Seq]) -> Result<(), Error> {
        self.check_writable(self.head())?;
        let erased = self.erase_payloads(seqs);
        self.failed |= matches!(erased, Err(Error::Broken { .. } | Error::Full { .. }));
        erased
    }

    fn forget_older(&mut self) -> Result<(), Error> {
        self.check_writable(self.head())?;
        self.prune(1)()
    }

    fn size(&self) -> Size {
        let log: u64 = self.all_segments().map(|segment| segment.file_len).sum();
        let snapshots: u64 = self.snapshots.iter().map(|snapshot| snapshot.file_len).sum();
        let snapshot_bytes = self.snapshots.last().map_or(0, |newest| newest.file_len);
        Size { total_bytes: log + snapshots, tail_bytes: self.tail_bytes, snapshot_bytes }
    }

    fn gauge(&self) -> Option<Gauge> {
        let dir = self.dir.clone();
        Some(Box::new(move || {
            let space = rustix::fs::statvfs(&dir).ok()?;
            Some(space.f_bavail.saturating_mul(space.f_frsize))
        }))
    }
}

impl Drop for Log {
    /// Leaves the mark of a clean stop, unless what is on disk is not known. Failing to leave it
    /// costs nothing: the next opening treats it as an unclean stop.
    fn drop(&mut self) {
        if !self.failed {
            let _ = self.writer.close();
        }
    }
}
