//! Reading a log beside its writer, or while nobody has it open: no lock, no change.
//!
//! A reader knows the segments and snapshots as they were when it was made, and reads up to the
//! head of that moment, which is durable. Segments only grow behind that head and are only removed
//! as a whole, so what it reads is either what was there or an error.

use std::path::{Path, PathBuf};

use runtime::port::journal::{Error, Seq, Visit};
use runtime::port::reader;

use super::Log;
use super::cursor::Cursor;
use super::recover::{Inventory, unusable};
use super::segment::Segment;
use super::snapshot::{self, Snapshot};
use crate::disk::Disk;

/// How often a journal that changes while it is looked at is looked at again.
const ATTEMPTS: usize = 8;

/// Reads a log as it was when the reader was made.
pub struct Reader {
    disk: Disk,
    dir: PathBuf,
    segments: Vec<Segment>,
    /// Oldest first.
    snapshots: Vec<Snapshot>,
}

impl Reader {
    /// Reads the log in a directory, whoever writes it. Checks every record.
    ///
    /// # Errors
    /// `Damaged`, `TooNew`, or `Unusable` where there is no journal.
    pub fn open(dir: &Path) -> Result<Reader, Error> {
        let disk = Disk::real();
        let mut attempt = 1;
        loop {
            // A writer may drop or start a segment while we look.
            match Reader::look(&disk, dir) {
                Err(Error::Damaged { .. } | Error::Unusable { .. }) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                looked => return looked,
            }
        }
    }

    fn look(disk: &Disk, dir: &Path) -> Result<Reader, Error> {
        let mut inventory = Inventory::take(disk, dir)?;
        if inventory.segments.is_empty() {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no journal");
            return Err(unusable(dir, source));
        }
        inventory.scan(disk)?;
        let Inventory { segments, snapshots, .. } = inventory;
        Ok(Reader { disk: disk.clone(), dir: dir.to_owned(), segments, snapshots })
    }

    /// Reads what this writer has made durable so far.
    pub(super) fn beside(log: &Log) -> Reader {
        Reader {
            disk: log.disk.clone(),
            dir: log.dir.clone(),
            segments: log.all_segments().cloned().collect(),
            snapshots: log.snapshots.clone(),
        }
    }

    fn journal(&self) -> [u8; 16] {
        self.segments.first().map_or([0; 16], |segment| segment.header.journal)
    }
}

impl reader::Reader for Reader {
    fn head(&self) -> Seq {
        Seq(self.segments.last().map_or(0, |segment| segment.end.seq - 1))
    }

    fn first(&self) -> Seq {
        Seq(self.segments.first().map_or(1, |segment| segment.header.first))
    }

    fn snapshots(&self) -> Vec<Seq> {
        self.snapshots.iter().map(|snapshot| Seq(snapshot.at)).collect()
    }

    fn snapshot(&mut self, at: Seq) -> Result<Vec<u8>, Error> {
        match self.snapshots.iter().find(|snapshot| snapshot.at == at.0) {
            Some(found) => snapshot::read(&self.disk, found, self.journal()),
            None => Err(Error::Unreadable { at, why: "there is no such snapshot".to_owned() }),
        }
    }

    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error> {
        for segment in self.segments.iter().filter(|segment| segment.end.seq > from.0) {
            read_segment(&self.disk, segment, from.0, visit)?;
        }
        Ok(())
    }

    fn stage_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        snapshot::stage(&self.disk, &self.dir, self.journal(), at.0, bytes)
    }
}

/// Visits the records of one segment from `from` to its end.
pub(super) fn read_segment(
    disk: &Disk,
    segment: &Segment,
    from: u64,
    visit: Visit<'_>,
) -> Result<(), Error> {
    let unusable = |source| unusable(&segment.path, source);
    let file = disk.open(&segment.path).map_err(unusable)?;
    let place = segment.place_before(from);
    let mut cursor = Cursor::new(&file, segment.salt, segment.header.epoch, place);
    while cursor.place().seq < segment.end.seq {
        let place = cursor.place();
        match cursor.next().map_err(unusable)? {
            Ok(frame) if frame.seq >= from => visit(Seq(frame.seq), cursor.record(&frame))?,
            Ok(_) => {}
            Err(fault) => return Err(segment.damaged(place, fault.why())),
        }
    }
    Ok(())
}
