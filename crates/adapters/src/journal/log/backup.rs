//! Copies of a journal: taken while its writer runs, checked, and put back into an empty directory.
//!
//! A copy is a prefix of the journal that holds every record acknowledged before it began. Segments
//! are only ever added at the end and removed at the start, so a copy that finds all of its
//! segments is consistent; one that meets a removal starts over. The copy ends with the last whole
//! batch.

use std::io;
use std::path::Path;

use runtime::port::journal::Error;

use super::layout::{FENCE, Mark, PAGE};
use super::recover::{Inventory, unusable};
use super::segment::Segment;
use super::snapshot::{self, Snapshot};
use super::verify::{Report, verify};
use crate::disk::{self, Disk, File};

/// How often a copy starts over because the writer dropped what was being copied.
const ATTEMPTS: usize = 16;
/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

/// Copies the journal in `dir` into `dest`, which must be empty or missing. Needs no lock. The
/// report is of the copy, which was read back.
///
/// # Errors
/// `Damaged` or `TooNew` if the journal is; `Full`, `Broken` or `Unusable` for what the system
/// said.
pub fn backup(dir: &Path, dest: &Path) -> Result<Report, Error> {
    let disk = Disk::real();
    prepare(&disk, dest)?;
    let mut attempt = 1;
    loop {
        match copy_all(&disk, dir, dest) {
            Ok(()) => break,
            Err(error @ (Error::TooNew { .. } | Error::Full { .. })) => return Err(error),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
        empty(&disk, dest)?;
    }
    let report = verify(dest)?;
    match report.problems.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(Report { problems: Vec::new(), ..report }),
    }
}

/// Copies a backup into `dir`, which must be empty or missing. What makes the restored journal
/// another generation than the one it was copied from is an event, appended by whoever opens it
/// next.
///
/// # Errors
/// As [`backup`].
pub fn restore(backup_dir: &Path, dir: &Path) -> Result<Report, Error> {
    backup(backup_dir, dir)
}

fn prepare(disk: &Disk, dest: &Path) -> Result<(), Error> {
    disk.create_dir(dest).map_err(|source| failed(dest, source))?;
    let found = disk.list(dest).map_err(|source| unusable(dest, source))?;
    if found.is_empty() {
        return Ok(());
    }
    let source = io::Error::new(io::ErrorKind::DirectoryNotEmpty, "the directory is not empty");
    Err(unusable(dest, source))
}

/// Removes what an attempt left; all of it is ours, since the directory was empty.
fn empty(disk: &Disk, dest: &Path) -> Result<(), Error> {
    for path in disk.list(dest).map_err(|source| unusable(dest, source))? {
        disk.remove(&path).map_err(|source| failed(&path, source))?;
    }
    Ok(())
}

fn copy_all(disk: &Disk, dir: &Path, dest: &Path) -> Result<(), Error> {
    let mut inventory = Inventory::take(disk, dir)?;
    if inventory.segments.is_empty() {
        let source = io::Error::new(io::ErrorKind::NotFound, "there is no journal");
        return Err(unusable(dir, source));
    }
    let newest = inventory.snapshots.last().cloned();
    if let Some(newest) = &newest {
        copy_snapshot(disk, newest, &inventory.segments[0], dest)?;
    }
    // Segments that the newest snapshot covers wholly may be dropped while we copy: not needed.
    let covered = newest.map_or(0, |newest| newest.at);
    let last = inventory.segments.len() - 1;
    for nth in 0..=last {
        let next = inventory.segments.get(nth + 1).map(|next| next.header.first);
        if next.is_some_and(|next| next <= covered + 1) {
            continue;
        }
        inventory.scan_one(disk, nth)?;
        let segment = &inventory.segments[nth];
        copy_segment(disk, segment, dest).map_err(|source| failed(&segment.path, source))?;
    }
    disk.sync_dir(dest).map_err(|source| failed(dest, source))
}

fn copy_snapshot(
    disk: &Disk,
    newest: &Snapshot,
    segment: &Segment,
    dest: &Path,
) -> Result<(), Error> {
    let journal = segment.header.journal;
    let bytes = snapshot::read(disk, newest, journal)?;
    snapshot::write(disk, dest, journal, newest.at, &bytes).map(drop)
}

/// Copies a scanned segment up to its end, first page included.
fn copy_segment(disk: &Disk, segment: &Segment, dest: &Path) -> io::Result<()> {
    let from = disk.open(&segment.path)?;
    let name = segment.path.file_name().unwrap_or_default();
    let to = disk.create(&dest.join(name))?;
    copy_bytes(&from, &to, segment.end.offset)?;
    // The writer may have raised a fence or left a mark since the segment was scanned: the copy
    // gets those that were there, which its records agree with.
    to.write_at(&[0; PAGE as usize - FENCE as usize], FENCE)?;
    for (mark, fact) in
        [(Mark::Closed, segment.facts.closed), (Mark::Continued, segment.facts.continued)]
    {
        if let Some((seq, chain)) = fact {
            to.write_at(&mark.bytes(segment.salt, seq, chain), mark.offset())?;
        }
    }
    to.sync()
}

fn copy_bytes(from: &File, to: &File, len: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < len {
        let part = (len - at).min(CHUNK as u64) as usize;
        if from.read_at(&mut buffer[..part], at)? != part {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_at(&buffer[..part], at)?;
        at += part as u64;
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> Error {
    let place = path.display().to_string();
    if disk::is_full(&source) { Error::Full { place } } else { Error::Broken { place, source } }
}
