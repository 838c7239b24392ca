//! One segment file: creating it, and scanning it from its header to its end.

use std::io;
use std::path::{Path, PathBuf};

use runtime::port::journal::{Error, Seq};

use super::cursor::{Cursor, Place};
use super::frame::{Erasure, Fault, Frame};
use super::layout::{self, Header, Mark, PAGE};
use super::tail::{self, Verdict};
use crate::disk::{Disk, File};

/// Bytes of frames between two remembered places.
const STRIDE: u64 = 64 << 10;

/// A segment as it was found or written.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) salt: u32,
    /// Where its next record goes, or would have gone.
    pub(super) end: Place,
    /// Batch starts, one every [`STRIDE`] bytes, to find a record without reading all before it.
    pub(super) places: Vec<Place>,
    /// Length of the file, reserved space included.
    pub(super) file_len: u64,
    /// What the first page says about takeovers and the end.
    pub(super) facts: Facts,
}

/// What stands in the first page besides the header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) fenced_by: Option<u64>,
    pub(super) closed: Option<(u64, u64)>,
    pub(super) continued: Option<(u64, u64)>,
}

/// What a scan found besides the records.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// A batch that was cut: the bytes from its start to the last that is not zero.
    pub(super) torn: Option<(u64, u64)>,
    /// Payloads that are marked as erased and are not zero yet: (offset, length).
    pub(super) unfinished: Vec<(u64, usize)>,
}

impl Segment {
    /// Creates the segment that starts after `place`, durable under its name, `len` bytes long.
    pub(super) fn create(
        disk: &Disk,
        dir: &Path,
        header: Header,
        len: u64,
    ) -> io::Result<(Segment, File)> {
        let path = layout::segment_path(dir, header.first, header.epoch);
        let temporary = path.with_extension("tmp");
        let file = match disk.create(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(&temporary)?;
                disk.create(&temporary)?
            }
            other => other?,
        };
        file.reserve(len)?;
        let page = header.page();
        file.write_at(&page, 0)?;
        file.sync()?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(dir)?;
        let salt = super::frame::u32_at(&page, 64);
        Ok((Segment::at_start(path, header, salt, len, Facts::default()), file))
    }

    /// Reads the first page of a segment file.
    pub(super) fn open(disk: &Disk, path: &Path) -> Result<(Segment, File), Error> {
        let unusable = |source| Error::Unusable { place: path.display().to_string(), source };
        let file = disk.open(path).map_err(unusable)?;
        let mut page = vec![0; PAGE as usize];
        let filled = file.read_at(&mut page, 0).map_err(unusable)?;
        let named = layout::segment_name(path).unwrap_or_default();
        let refuse = |fault| refused(path, named.0, fault);
        let (header, salt) = Header::read(&page[..filled]).map_err(refuse)?;
        if (header.first, header.epoch) != named {
            return Err(refuse(layout::Fault::Damaged("the file has another segment's name")));
        }
        let facts = Facts {
            fenced_by: layout::fenced_by(&page[layout::FENCE as usize..]),
            closed: Mark::Closed.read(&page, salt).map_err(refuse)?,
            continued: Mark::Continued.read(&page, salt).map_err(refuse)?,
        };
        let len = file.len().map_err(unusable)?;
        Ok((Segment::at_start(path.to_owned(), header, salt, len, facts), file))
    }

    fn at_start(path: PathBuf, header: Header, salt: u32, file_len: u64, facts: Facts) -> Segment {
        let end = Place { offset: PAGE, seq: header.first, chain: header.chain };
        Segment { path, header, salt, end, places: vec![end], file_len, facts }
    }

    /// Scans up to `next`, the segment that follows; every record before it must be there.
    pub(super) fn scan_to(&mut self, file: &File, next: &Header) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut cursor = Cursor::new(file, self.salt, self.header.epoch, self.end);
        while self.end.seq < next.first {
            match cursor.next().map_err(|source| self.unusable(source))? {
                Ok(frame) => self.passed(&mut cursor, &frame, &mut found),
                Err(fault) => return Err(self.damaged(cursor.place(), fault.why())),
            }
        }
        let ended = self.facts.continued.unwrap_or((next.first - 1, next.chain));
        if self.end.chain != next.chain || ended.1 != next.chain || cursor.in_batch() {
            return Err(self.damaged(self.end, "the next segment continues another history"));
        }
        Ok(found)
    }

    /// Scans the last segment to its end, judging what stands there (see [`tail`]).
    pub(super) fn scan_tail(&mut self, file: &File) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut cursor = Cursor::new(file, self.salt, self.header.epoch, self.end);
        let mut batch = (self.end, 0);
        let fault = loop {
            match cursor.next().map_err(|source| self.unusable(source))? {
                Ok(frame) => self.passed(&mut cursor, &frame, &mut found),
                Err(fault) => break fault,
            }
            if !cursor.in_batch() {
                batch = (self.end, found.unfinished.len());
            }
        };
        let stop = self.end;
        let verdict = self.verdict(file, fault).map_err(|source| self.unusable(source))?;
        if cursor.in_batch() {
            self.end = batch.0;
            found.unfinished.truncate(batch.1);
        }
        self.places.retain(|place| place.offset <= self.end.offset);
        match verdict {
            Verdict::Damaged(why) => return Err(self.damaged(stop, why)),
            Verdict::Torn(written_end) => found.torn = Some((self.end.offset, written_end)),
            Verdict::Clean if stop.offset > self.end.offset => {
                found.torn = Some((self.end.offset, stop.offset));
            }
            Verdict::Clean => {}
        }
        self.check_marks()?;
        Ok(found)
    }

    /// Whether a whole batch was appended after the scan, by a writer that has lost its lock.
    pub(super) fn has_grown(&self, file: &File) -> io::Result<bool> {
        let mut cursor = Cursor::new(file, self.salt, self.header.epoch, self.end);
        while let Ok(frame) = cursor.next()? {
            if frame.last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The place where the batch that holds `seq`, or one not far before it, starts.
    pub(super) fn place_before(&self, seq: u64) -> Place {
        let after = self.places.partition_point(|place| place.seq <= seq);
        self.places[after.saturating_sub(1)]
    }

    /// Remembers the place where a batch starts, if the last one is far enough away.
    pub(super) fn remember(&mut self, place: Place) {
        let last = self.places.last().map_or(0, |last| last.offset);
        if place.offset >= last + STRIDE {
            self.places.push(place);
        }
    }

    /// The error that says that what should stand at `place` does not.
    pub(super) fn damaged(&self, place: Place, why: &str) -> Error {
        Error::Damaged {
            at: Seq(place.seq),
            place: format!("{} at byte {}", self.path.display(), place.offset),
            why: why.to_owned(),
        }
    }

    fn passed(&mut self, cursor: &mut Cursor<'_>, frame: &Frame, found: &mut Found) {
        if frame.erasure == Erasure::Unfinished {
            let payload = self.end.offset + (super::frame::HEADER + frame.head_len) as u64;
            found.unfinished.push((payload, frame.payload_len));
        }
        self.end = cursor.place();
        if !cursor.in_batch() {
            self.remember(self.end);
        }
    }

    fn verdict(&self, file: &File, fault: Fault) -> io::Result<Verdict> {
        if self.facts.closed.is_some_and(|(seq, _)| seq + 1 == self.end.seq) {
            // Closed exactly here: what follows was never journaled, and there is nothing to judge.
            return Ok(Verdict::Clean);
        }
        tail::judge(file, self.salt, self.end.offset, self.end.seq, fault)
    }

    /// The last segment may not end before a mark says it did, nor where another one followed.
    fn check_marks(&self) -> Result<(), Error> {
        if self.facts.continued.is_some() {
            return Err(self.damaged(self.end, "the segment that follows is missing"));
        }
        match self.facts.closed {
            Some((seq, chain)) if (seq + 1, chain) != (self.end.seq, self.end.chain) => {
                Err(self.damaged(self.end, "the journal was closed after another record than this"))
            }
            _ => Ok(()),
        }
    }

    fn unusable(&self, source: io::Error) -> Error {
        Error::Unusable { place: self.path.display().to_string(), source }
    }
}

/// The error for a file whose start cannot be used.
pub(super) fn refused(path: &Path, at: u64, fault: layout::Fault) -> Error {
    match fault {
        layout::Fault::TooNew(needed) => Error::TooNew { needed, known: layout::VERSION },
        layout::Fault::Damaged(why) => {
            Error::Damaged { at: Seq(at), place: path.display().to_string(), why: why.to_owned() }
        }
    }
}
