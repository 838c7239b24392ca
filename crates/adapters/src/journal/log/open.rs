//! Opening a log: lock, check everything, fence the writer before, start a segment of our own.
//!
//! Nothing is changed before everything was checked: a log that is damaged or too new is left as it
//! was found. Every step can be interrupted and done again.

use std::io::Read;
use std::path::Path;

use runtime::port::journal::{Epoch, Error, Seq};

use super::layout::{Header, Mark};
use super::lock::Lock;
use super::recover::{Inventory, unusable};
use super::segment::{Found, Segment};
use super::writer::{self, Writer};
use super::{Cut, Log, Options};
use crate::disk::{self, Disk};

/// How often a writer that lost its lock may get in between before we give up.
const ATTEMPTS: usize = 32;

pub(super) fn open(disk: &Disk, dir: &Path, options: Options) -> Result<Log, Error> {
    disk.create_dir(dir).map_err(|source| refused(dir, source))?;
    let lock = Lock::take(dir)?;
    let (inventory, found, epoch) = take_over(disk, dir)?;
    let cut = record_cut(&inventory, &found);
    finish_erasures(disk, &inventory, &found)?;
    let Inventory { mut segments, snapshots, leftovers } = inventory;
    let header = match segments.last() {
        Some(last) => {
            Header { first: last.end.seq, epoch: epoch.0, chain: last.end.chain, ..last.header }
        }
        None => Header { journal: identity(dir)?, first: 1, epoch: epoch.0, chain: 0 },
    };
    for path in leftovers {
        disk.remove(&path).map_err(|source| refused(dir, source))?;
    }
    let started = Writer::start(disk, dir, header, options.first_bytes, 0);
    let writer = started.map_err(|source| refused(dir, source))?;
    check_still_ours(disk, segments.last(), epoch)?;
    close_segments(disk, &mut segments, header.first).map_err(|source| refused(dir, source))?;
    let next_bytes = options.first_bytes;
    let mut log = Log {
        disk: disk.clone(),
        dir: dir.to_owned(),
        options,
        next_bytes,
        segments,
        writer,
        snapshots,
        tail_bytes: 0,
        failed: false,
        cut,
        _lock: lock,
    };
    log.tail_bytes = log.bytes_after_snapshot()?;
    Ok(log)
}

/// Checks the log, raises our fence in it, and makes sure that nothing was added in between.
///
/// A writer that lost its lock may be at work while we look, and what we see of a batch in flight
/// can look like damage. Real damage stays where it is: it is believed when it was seen twice.
fn take_over(disk: &Disk, dir: &Path) -> Result<(Inventory, Vec<Found>, Epoch), Error> {
    let mut seen = String::new();
    for _ in 0..ATTEMPTS {
        let (inventory, found) = match inspect(disk, dir) {
            Ok(inspected) => inspected,
            Err(error) => {
                let said = error.to_string();
                if said == seen {
                    return Err(error);
                }
                seen = said;
                continue;
            }
        };
        let epoch = Epoch(inventory.epoch() + 1);
        let Some(last) = inventory.segments.last() else { return Ok((inventory, found, epoch)) };
        writer::raise_fence(disk, last, epoch).map_err(|source| refused(dir, source))?;
        if inventory.still_holds(disk, dir)? {
            return Ok((inventory, found, epoch));
        }
    }
    Err(Error::Held { holder: "a process that lost its lock but goes on writing".to_owned() })
}

fn inspect(disk: &Disk, dir: &Path) -> Result<(Inventory, Vec<Found>), Error> {
    let mut inventory = Inventory::take(disk, dir)?;
    let found = inventory.scan(disk)?;
    Ok((inventory, found))
}

/// Another opening without a lock may have fenced the last segment before ours was there to be
/// seen.
fn check_still_ours(disk: &Disk, last: Option<&Segment>, epoch: Epoch) -> Result<(), Error> {
    let Some(last) = last else { return Ok(()) };
    let (last, _) = Segment::open(disk, &last.path)?;
    if last.facts.fenced_by == Some(epoch.0) {
        return Ok(());
    }
    // Our segment stays, empty: removing it is the other one's business now.
    Err(Error::Held { holder: "a process that opened it at the same moment".to_owned() })
}

fn record_cut(inventory: &Inventory, found: &[Found]) -> Option<Cut> {
    let (from, to) = found.last()?.torn?;
    let last = inventory.segments.last()?;
    Some(Cut { after: Seq(last.end.seq - 1), path: last.path.clone(), from, to })
}

/// Writes the zeros that a crash kept an erasure from writing.
fn finish_erasures(disk: &Disk, inventory: &Inventory, found: &[Found]) -> Result<(), Error> {
    for (segment, found) in inventory.segments.iter().zip(found) {
        if found.unfinished.is_empty() {
            continue;
        }
        let mend = || {
            let file = disk.open_to_write(&segment.path)?;
            for (offset, len) in &found.unfinished {
                file.write_at(&vec![0; *len], *offset)?;
            }
            file.sync()
        };
        mend().map_err(|source| refused(&segment.path, source))?;
    }
    Ok(())
}

/// Marks the segment before ours as continued and removes those that never got a record.
fn close_segments(disk: &Disk, segments: &mut Vec<Segment>, first: u64) -> std::io::Result<()> {
    let is_empty = |segment: &Segment| segment.end.seq == segment.header.first;
    if let Some(last) = segments.last_mut().filter(|last| !is_empty(last)) {
        debug_assert_eq!(last.end.seq, first, "ours continues the last");
        let file = disk.open_to_write(&last.path)?;
        writer::finish(&file, last, Mark::Continued)?;
    }
    for empty in segments.iter().filter(|segment| is_empty(segment)) {
        disk.remove(&empty.path)?;
    }
    segments.retain(|segment| !is_empty(segment));
    Ok(())
}

/// A random identity for a new journal, so that files of two journals cannot be mixed up.
fn identity(dir: &Path) -> Result<[u8; 16], Error> {
    let mut identity = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut identity))
        .map_err(|source| unusable(dir, source))?;
    Ok(identity)
}

fn refused(path: &Path, source: std::io::Error) -> Error {
    if disk::is_full(&source) {
        Error::Full { place: path.display().to_string() }
    } else {
        unusable(path, source)
    }
}
