//! The log journal on a disk that tears writes, fails syncs and forgets what was not synced.

use super::{Blow, Medium};
use crate::rng::Rng;
use adapters::disk::faults::{Failure, Faults, Operation};
use adapters::journal::log::{Log, Options};
use runtime::port::journal::{Error, Journal, Seq};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The system's numbers for an input/output error, and for no space left.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What the dice of a bit that flips are for.
const BIT: u64 = 0xb17;

/// Small segments, so that a short life rolls and drops some.
const OPTIONS: Options = Options { first_bytes: 16 << 10, segment_bytes: 64 << 10, snapshots: 2 };

/// A directory of its own, in memory where the system has such a place.
pub struct Disk {
    dir: TempDir,
    faults: Arc<Faults>,
}

impl Disk {
    /// An empty disk.
    ///
    /// # Errors
    /// What the system says of the temporary directory.
    pub fn empty() -> std::io::Result<Disk> {
        let shared = Path::new("/dev/shm");
        let dir = if shared.is_dir() { TempDir::new_in(shared)? } else { TempDir::new()? };
        Ok(Disk { dir, faults: Arc::new(Faults::default()) })
    }
}

impl Medium for Disk {
    fn open(&mut self) -> Result<Box<dyn Journal>, Error> {
        self.faults.heal();
        let disk = adapters::disk::Disk::faulty(self.faults.clone());
        Ok(Box::new(Log::open_on(&disk, self.dir.path(), OPTIONS)?))
    }

    fn plan(&mut self, blow: Blow) {
        match blow {
            Blow::None => self.faults.heal(),
            Blow::Lost => self.faults.fail_kind(Operation::Write, 1, Failure::Once(EIO)),
            Blow::Full => self.faults.fail_kind(Operation::Write, 1, Failure::Always(ENOSPC)),
            Blow::Kept => self.faults.fail_kind(Operation::Sync, 1, Failure::Always(EIO)),
            Blow::Torn(bytes) => {
                self.faults.fail_kind(Operation::Write, 1, Failure::Tear(bytes));
            }
        }
    }

    fn power_cut(&mut self, seed: u64) -> Result<(), String> {
        self.faults.power_cut(seed).map_err(|error| error.to_string())
    }

    fn bit_flips(&mut self, seed: u64, durable: Seq) -> Result<bool, String> {
        let intact = copied(self.dir.path()).map_err(|error| error.to_string())?;
        let copy = copied(intact.path()).map_err(|error| error.to_string())?;
        let mut rng = Rng::new(seed, BIT);
        let Some(place) = flip(copy.path(), &mut rng).map_err(|error| error.to_string())? else {
            return Ok(false);
        };
        let flipped = match records(copy.path()) {
            Ok(records) => records,
            Err(Error::Damaged { .. } | Error::TooNew { .. }) => return Ok(true),
            Err(other) => return Err(format!("{place} flipped: {other}")),
        };
        let was = records(intact.path()).map_err(|error| error.to_string())?;
        let last = flipped.keys().last().copied().unwrap_or_default();
        if last < durable.0 {
            return Err(format!("{place} flipped: it ends with {last}, durable were {durable}"));
        }
        match flipped.iter().find(|(seq, record)| was.get(seq) != Some(record)) {
            Some((seq, _)) => Err(format!("{place} flipped: entry {seq} is another one")),
            None => Ok(true),
        }
    }

    fn can_be_taken_over(&self) -> bool {
        false // A file lock keeps the second one out; the log's own tests break that lock.
    }
}

/// Everything that a journal gives to whoever opens it, by its number.
fn records(dir: &Path) -> Result<BTreeMap<u64, Vec<u8>>, Error> {
    let mut log = Log::open_on(&adapters::disk::Disk::real(), dir, OPTIONS)?;
    let (first, mut records) = (log.first(), BTreeMap::new());
    log.read(first, &mut |seq, record| {
        records.insert(seq.0, [record.head, record.payload].concat());
        Ok(())
    })?;
    Ok(records)
}

/// Its files as they are, in a directory of their own.
fn copied(from: &Path) -> std::io::Result<TempDir> {
    let into = TempDir::new_in(from.parent().unwrap_or(from))?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), into.path().join(entry.file_name()))?;
        }
    }
    Ok(into)
}

/// Flips any bit of any segment; where, or none if there is no segment.
fn flip(dir: &Path, rng: &mut Rng) -> std::io::Result<Option<String>> {
    let entries = std::fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    let mut segments: Vec<_> = entries.into_iter().map(|it| it.path()).collect();
    segments.retain(|it| it.extension().is_some_and(|it| it == "log"));
    segments.sort();
    if segments.is_empty() {
        return Ok(None);
    }
    let segment = &segments[rng.below(segments.len() as u64) as usize];
    let mut bytes = std::fs::read(segment)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let bit = rng.below(bytes.len() as u64 * 8);
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    std::fs::write(segment, bytes)?;
    Ok(Some(format!("bit {bit} of {}", segment.file_name().unwrap_or_default().display())))
}
