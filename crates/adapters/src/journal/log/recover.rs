//! What is on disk, checked from end to end without changing a byte.
//!
//! Segments must follow each other without a gap: each starts with the number and the link after
//! the last record of the one before. Only the last one may end in a torn batch. The records before
//! the first segment must stand in a snapshot, and no snapshot may be ahead of the log.

use std::path::{Path, PathBuf};

use runtime::port::journal::{Error, Seq};

use super::layout;
use super::segment::{Found, Segment};
use super::snapshot::{self, Snapshot};
use crate::disk::Disk;

/// Everything a journal directory holds.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// In the order of their records.
    pub(super) segments: Vec<Segment>,
    /// In the order of their records; by name, not read yet.
    pub(super) snapshots: Vec<Snapshot>,
    /// Files of operations that a crash interrupted.
    pub(super) leftovers: Vec<PathBuf>,
}

impl Inventory {
    /// Reads the directory and the first page of every segment, and checks that they fit together.
    pub(super) fn take(disk: &Disk, dir: &Path) -> Result<Inventory, Error> {
        let mut inventory = Inventory::list(disk, dir)?;
        for snapshot in &inventory.snapshots {
            snapshot::check_version(disk, snapshot)?;
        }
        inventory.segments.sort_by_key(|segment| (segment.header.first, segment.header.epoch));
        inventory.check_order()?;
        inventory.check_cover(dir)?;
        Ok(inventory)
    }

    /// Scans every segment; gives what each scan found.
    pub(super) fn scan(&mut self, disk: &Disk) -> Result<Vec<Found>, Error> {
        (0..self.segments.len()).map(|nth| self.scan_one(disk, nth)).collect()
    }

    /// Scans one segment.
    pub(super) fn scan_one(&mut self, disk: &Disk, nth: usize) -> Result<Found, Error> {
        let next = self.segments.get(nth + 1).map(|next| next.header);
        let segment = &mut self.segments[nth];
        let file = disk.open(&segment.path).map_err(|source| unusable(&segment.path, source))?;
        match next {
            Some(next) => segment.scan_to(&file, &next),
            None => {
                let found = segment.scan_tail(&file)?;
                self.check_head()?;
                Ok(found)
            }
        }
    }

    /// Whether the directory holds the same segments, and the last one has not grown.
    pub(super) fn still_holds(&self, disk: &Disk, dir: &Path) -> Result<bool, Error> {
        let found = Inventory::list(disk, dir)?;
        let same = found.segments.len() == self.segments.len();
        let Some(last) = self.segments.last() else { return Ok(same) };
        let file = disk.open(&last.path).map_err(|source| unusable(&last.path, source))?;
        let grown = last.has_grown(&file).map_err(|source| unusable(&last.path, source))?;
        Ok(same && !grown)
    }

    /// The newest opening that wrote or fenced anything.
    pub(super) fn epoch(&self) -> u64 {
        let epochs = self
            .segments
            .iter()
            .map(|segment| segment.header.epoch.max(segment.facts.fenced_by.unwrap_or_default()));
        epochs.max().unwrap_or_default()
    }

    fn list(disk: &Disk, dir: &Path) -> Result<Inventory, Error> {
        let mut inventory = Inventory::default();
        for path in disk.list(dir).map_err(|source| unusable(dir, source))? {
            if layout::segment_name(&path).is_some() {
                inventory.segments.push(Segment::open(disk, &path)?.0);
            } else if let Some(at) = snapshot::named(&path) {
                let file_len = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                inventory.snapshots.push(Snapshot { path, at, file_len });
            } else if path.extension().is_some_and(|extension| extension == "tmp") {
                inventory.leftovers.push(path);
            }
        }
        Ok(inventory)
    }

    fn check_order(&self) -> Result<(), Error> {
        for pair in self.segments.windows(2) {
            let [before, after] = pair else { continue };
            let why = if before.header.journal != after.header.journal {
                "the segment belongs to another journal than the one before"
            } else if before.header.epoch > after.header.epoch {
                "the segment was written by an older opening than the one before"
            } else {
                continue;
            };
            return Err(after.damaged(after.end, why));
        }
        Ok(())
    }

    /// The first segment must start where the log starts or a snapshot ends.
    fn check_cover(&self, dir: &Path) -> Result<(), Error> {
        let covered = self.snapshots.last().map_or(0, |snapshot| snapshot.at);
        match self.segments.first() {
            Some(first) if first.header.first > covered + 1 => {
                let missing = super::cursor::Place { seq: covered + 1, ..first.end };
                Err(first.damaged(missing, "the records before this segment are missing"))
            }
            None if covered > 0 => Err(Error::Damaged {
                at: Seq(covered),
                place: dir.display().to_string(),
                why: "there is a snapshot but no log".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// A snapshot is made of durable records, so the log cannot end before it.
    fn check_head(&self) -> Result<(), Error> {
        match (self.snapshots.last(), self.segments.last()) {
            (Some(snapshot), Some(last)) if last.end.seq <= snapshot.at => {
                Err(last.damaged(last.end, "a snapshot proves that the log was longer"))
            }
            _ => Ok(()),
        }
    }
}

/// The error for a file or directory that cannot be used.
pub(super) fn unusable(path: &Path, source: std::io::Error) -> Error {
    Error::Unusable { place: path.display().to_string(), source }
}
