//! A blob store that counts what is put into it, so that room is known without looking.

use super::Room;
use crate::port::blobs::{Blobs, Digest, Error};
use std::sync::Arc;

/// Counts for a [`Room`].
pub(crate) struct Counted {
    pub(crate) store: Arc<dyn Blobs>,
    pub(crate) room: Arc<Room>,
}

impl Blobs for Counted {
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = self.store.put(bytes)?;
        // The same content twice counts twice until the store is measured again: on the safe side.
        self.room.blob_put(bytes.len() as u64);
        Ok(digest)
    }

    fn get(&self, digest: &Digest) -> Result<Arc<[u8]>, Error> {
        self.store.get(digest)
    }

    fn collect(&self, keep: &mut dyn FnMut(&Digest) -> bool) -> Result<(u64, u64), Error> {
        self.store.collect(keep)
    }

    fn erase(&self, digest: &Digest) -> Result<(), Error> {
        self.store.erase(digest)
    }

    fn size(&self) -> Result<u64, Error> {
        self.store.size()
    }
}
