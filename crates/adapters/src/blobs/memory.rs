//! Blobs in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use runtime::port::blobs::{Blobs, Digest, Error};

use super::hex;

type Held = BTreeMap<Digest, (Arc<[u8]>, SystemTime)>;

/// A store of blobs in memory.
pub struct Memory {
    held: Mutex<Held>,
    grace: Duration,
}

impl Memory {
    /// An empty store with the grace of an hour.
    pub fn new() -> Memory {
        Memory::with_grace(super::GRACE)
    }

    /// An empty store that collects what is older than `grace`.
    pub fn with_grace(grace: Duration) -> Memory {
        Memory { held: Mutex::default(), grace }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

impl Blobs for Memory {
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = *blake3::hash(bytes).as_bytes();
        let now = SystemTime::now();
        self.held().entry(digest).or_insert_with(|| (bytes.into(), now)).1 = now;
        Ok(digest)
    }

    fn get(&self, digest: &Digest) -> Result<Arc<[u8]>, Error> {
        let found = self.held().get(digest).map(|(bytes, _)| bytes.clone());
        found.ok_or_else(|| Error::Missing { digest: hex(digest) })
    }

    fn collect(&self, keep: &mut dyn FnMut(&Digest) -> bool) -> Result<(u64, u64), Error> {
        let (mut blobs, mut size) = (0, 0);
        self.held().retain(|digest, (bytes, put)| {
            if super::is_in_grace(*put, self.grace) || keep(digest) {
                return true;
            }
            blobs += 1;
            size += bytes.len() as u64;
            false
        });
        Ok((blobs, size))
    }

    fn erase(&self, digest: &Digest) -> Result<(), Error> {
        self.held().remove(digest);
        Ok(())
    }

    fn size(&self) -> Result<u64, Error> {
        Ok(self.held().values().map(|(bytes, _)| bytes.len() as u64).sum())
    }
}
