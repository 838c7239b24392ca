//! The log journal on a disk that tears writes, fails syncs and forgets what was not synced.

use super::{Blow, Medium};
use adapters::disk::faults::{Failure, Faults, Operation};
use adapters::journal::log::{Log, Options};
use runtime::port::journal::{Error, Journal};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The system's number for an input/output error.
const EIO: i32 = 5;

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
        // Small segments, so that a short life rolls and drops some.
        let options = Options { first_bytes: 16 << 10, segment_bytes: 64 << 10, snapshots: 2 };
        Ok(Box::new(Log::open_on(&disk, self.dir.path(), options)?))
    }

    fn plan(&mut self, blow: Blow) {
        match blow {
            Blow::None => self.faults.heal(),
            Blow::Lost => self.faults.fail_kind(Operation::Write, 1, Failure::Once(EIO)),
            Blow::Kept => self.faults.fail_kind(Operation::Sync, 1, Failure::Always(EIO)),
            Blow::Torn(bytes) => {
                self.faults.fail_kind(Operation::Write, 1, Failure::Tear(bytes));
            }
        }
    }

    fn power_cut(&mut self, seed: u64) -> Result<(), String> {
        self.faults.power_cut(seed).map_err(|error| error.to_string())
    }

    fn can_be_taken_over(&self) -> bool {
        false // A file lock keeps the second one out; the log's own tests break that lock.
    }
}
