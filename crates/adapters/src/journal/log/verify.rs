//! Reading a whole journal without its lock and without changing it, and saying all that is wrong.

use std::path::{Path, PathBuf};

use runtime::port::journal::{Epoch, Error, Seq};

use super::Cut;
use super::layout::PAGE;
use super::recover::Inventory;
use super::segment::{Found, Segment};
use super::snapshot;
use crate::disk::Disk;

/// How often a journal that changes while it is read is read again.
const ATTEMPTS: usize = 8;

/// What stands in a journal, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// Oldest first.
    pub segments: Vec<SegmentReport>,
    /// Oldest first.
    pub snapshots: Vec<SnapshotReport>,
    /// The first record held.
    pub first: Seq,
    /// The last record that could be reached.
    pub head: Seq,
    /// The newest opening.
    pub epoch: Epoch,
    /// A batch at the end that was never finished. Not a problem: the next opening cuts it. While a
    /// writer runs, it may be the batch being written.
    pub torn: Option<Cut>,
    /// Erased payloads whose bytes the next opening will overwrite.
    pub unfinished_erasures: usize,
    /// Each with the record, file and byte.
    pub problems: Vec<Error>,
}

/// One file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// Its first record, if it has any.
    pub first: Seq,
    /// Its last record that could be reached; before `first` if there is none.
    pub last: Seq,
    /// The opening that wrote it.
    pub epoch: Epoch,
    /// Bytes of its frames.
    pub bytes: u64,
}

/// One snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// The file.
    pub path: PathBuf,
    /// The last record it includes.
    pub at: Seq,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether all its checksums match.
    pub is_whole: bool,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads everything in a journal's directory. May be called while a writer runs.
///
/// # Errors
/// `TooNew`, or `Unusable` if the directory cannot be read. Damage is in the report.
pub fn verify(dir: &Path) -> Result<Report, Error> {
    let disk = Disk::real();
    let mut attempt = 1;
    loop {
        let report = read_all(&disk, dir);
        // A writer may drop or start a segment, or be inside a write, while we look.
        let changed = match &report {
            Ok(report) => !report.is_clean(),
            Err(Error::TooNew { .. }) => false,
            Err(_) => true,
        };
        if !changed || attempt == ATTEMPTS {
            return report;
        }
        attempt += 1;
    }
}

fn read_all(disk: &Disk, dir: &Path) -> Result<Report, Error> {
    let mut report = Report::default();
    if !dir.is_dir() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(super::recover::unusable(dir, source));
    }
    let mut inventory = match Inventory::take(disk, dir) {
        Ok(inventory) => inventory,
        Err(damage @ Error::Damaged { .. }) => {
            report.problems.push(damage);
            return Ok(report);
        }
        Err(other) => return Err(other),
    };
    report.epoch = Epoch(inventory.epoch());
    for nth in 0..inventory.segments.len() {
        match inventory.scan_one(disk, nth) {
            Ok(found) => report.add_found(&inventory.segments[nth], &found),
            Err(problem) => report.problems.push(problem),
        }
        report.add_segment(&inventory.segments[nth]);
    }
    let journal = inventory.segments.first().map_or([0; 16], |first| first.header.journal);
    for snapshot in &inventory.snapshots {
        let read = snapshot::read(disk, snapshot, journal);
        report.snapshots.push(SnapshotReport {
            path: snapshot.path.clone(),
            at: Seq(snapshot.at),
            bytes: snapshot.file_len,
            is_whole: read.is_ok(),
        });
        report.problems.extend(read.err());
    }
    Ok(report)
}

impl Report {
    fn add_segment(&mut self, segment: &Segment) {
        let (first, last) = (Seq(segment.header.first), Seq(segment.end.seq - 1));
        if self.segments.is_empty() {
            self.first = first;
        }
        self.head = last;
        self.segments.push(SegmentReport {
            path: segment.path.clone(),
            first,
            last,
            epoch: Epoch(segment.header.epoch),
            bytes: segment.end.offset - PAGE,
        });
    }

    fn add_found(&mut self, segment: &Segment, found: &Found) {
        self.unfinished_erasures += found.unfinished.len();
        if let Some((from, to)) = found.torn {
            let after = Seq(segment.end.seq - 1);
            self.torn = Some(Cut { after, path: segment.path.clone(), from, to });
        }
    }
}
