//! The segment being written: one batch, one write, one sync; a full segment rolls into the next.
//!
//! Each opening of the journal starts a segment of its own, so two writers never share one. A new
//! opening first raises a *fence* in the segment of the one before and then looks at what is there;
//! a writer looks at its fence after each sync, before it says that the batch is durable. So
//! either the older writer sees the fence and is refused, or the newer one sees the batch: an
//! acknowledged record is never lost to a takeover, even without a working lock.

use std::io;
use std::path::Path;

use runtime::port::journal::{Batch, Epoch, Error, Seq};

use super::cursor::Place;
use super::frame::{self, Stamp};
use super::layout::{self, Header, Mark, PAGE};
use super::mutant::{self, Mutant};
use super::segment::Segment;
use crate::disk::{self, Disk, File};

/// The one segment that grows.
pub(super) struct Writer {
    pub(super) segment: Segment,
    file: File,
    buffer: Vec<u8>,
}

/// Why a batch did not become durable.
pub(super) enum Refusal {
    /// A newer opening raised the fence.
    Fenced,
    /// The system said no.
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::System(error)
    }
}

impl Writer {
    /// Starts a segment. Where the disk has no room for `len` bytes, it takes half, and so on, as
    /// long as `needed` bytes of frames fit.
    pub(super) fn start(
        disk: &Disk,
        dir: &Path,
        header: Header,
        len: u64,
        needed: u64,
    ) -> io::Result<Writer> {
        let mut len = len.max(PAGE + needed);
        loop {
            match Segment::create(disk, dir, header, len) {
                Ok((segment, file)) => return Ok(Writer { segment, file, buffer: Vec::new() }),
                Err(error) if disk::is_full(&error) && len > PAGE + needed => {
                    len = (len / 2).max(PAGE + needed);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The record after the last.
    pub(super) fn place(&self) -> Place {
        self.segment.end
    }

    /// Whether the frames of a batch still fit into the reserved space.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.segment.end.offset + bytes <= self.segment.file_len
    }

    /// Writes and syncs a batch; gives its last record. On an error nothing may be written any
    /// more.
    pub(super) fn append(&mut self, batch: &Batch) -> Result<Seq, Refusal> {
        self.check_fence()?;
        let start = self.segment.end;
        let mut end = start;
        self.buffer.clear();
        let count = batch.len() as u64;
        for (record, nth) in batch.records().zip(1..) {
            let stamp = Stamp {
                salt: self.segment.salt,
                epoch: self.segment.header.epoch,
                seq: end.seq,
                synced: start.seq - 1,
                last: nth == count,
            };
            end.chain = frame::write(&mut self.buffer, stamp, record, end.chain);
            end.seq += 1;
        }
        end.offset += self.buffer.len() as u64;
        self.file.write_at(&self.buffer, start.offset)?;
        self.file.sync()?;
        self.check_fence()?;
        self.segment.end = end;
        self.segment.file_len = self.segment.file_len.max(end.offset);
        self.segment.remember(end);
        Ok(Seq(end.seq - 1))
    }

    /// Replaces this segment by the one that follows it; gives this one.
    pub(super) fn roll(
        &mut self,
        disk: &Disk,
        dir: &Path,
        len: u64,
        needed: u64,
    ) -> Result<Segment, Refusal> {
        self.check_fence()?;
        let end = self.segment.end;
        let header = Header { first: end.seq, chain: end.chain, ..self.segment.header };
        let started = Writer::start(disk, dir, header, len, needed);
        // A newer opening that raised the fence meanwhile may not have seen the new segment, or may
        // have cleared it away half-made. It stays, empty: removing it is the newer one's business
        // now.
        self.check_fence()?;
        let mut next = started?;
        std::mem::swap(&mut next.buffer, &mut self.buffer);
        std::mem::swap(self, &mut next);
        finish(&next.file, &mut next.segment, Mark::Continued)?;
        Ok(next.segment)
    }

    /// Leaves the mark that the journal was closed here.
    pub(super) fn close(&self) -> Result<(), Refusal> {
        self.check_fence()?;
        let Place { seq, chain, .. } = self.segment.end;
        let bytes = Mark::Closed.bytes(self.segment.salt, seq - 1, chain);
        self.file.write_at(&bytes, Mark::Closed.offset())?;
        Ok(self.file.sync()?)
    }

    /// Refuses if a newer opening raised the fence.
    pub(super) fn check_fence(&self) -> Result<(), Refusal> {
        if mutant::planted(Mutant::OldEpochMayAppend) {
            return Ok(());
        }
        let mut fence = [0; 8];
        self.file.read_at(&mut fence, layout::FENCE)?;
        if fence == [0; 8] { Ok(()) } else { Err(Refusal::Fenced) }
    }
}

/// Raises the fence of an opening in the last segment of the one before, and makes durable what
/// a process that died may have written without a sync.
pub(super) fn raise_fence(disk: &Disk, segment: &Segment, epoch: Epoch) -> io::Result<()> {
    let file = disk.open_to_write(&segment.path)?;
    file.write_at(&layout::fence(epoch.0), layout::FENCE)?;
    file.sync()
}

/// Leaves a mark in a segment that will not grow any more, and gives its reserved space back.
pub(super) fn finish(file: &File, segment: &mut Segment, mark: Mark) -> io::Result<()> {
    let Place { seq, chain, offset } = segment.end;
    file.write_at(&mark.bytes(segment.salt, seq - 1, chain), mark.offset())?;
    if file.len()? > offset {
        file.cut(offset)?;
    }
    segment.file_len = offset;
    file.sync()
}

/// The error for a refusal while appending.
pub(super) fn refused(refusal: Refusal, dir: &Path, expected: Seq, found: Seq) -> Error {
    match refusal {
        Refusal::Fenced => Error::Superseded { expected, found },
        Refusal::System(source) if disk::is_full(&source) => {
            Error::Full { place: dir.display().to_string() }
        }
        Refusal::System(source) => Error::Broken { place: dir.display().to_string(), source },
    }
}
