//! Blobs: large payloads by the digest of their content, durable before an event names them.

use std::sync::Arc;

/// BLAKE3 of the content, 32 bytes.
pub type Digest = [u8; 32];

/// A content-addressed store. Putting the same bytes twice is one blob.
pub trait Blobs: Send + Sync {
    /// Stores the bytes and syncs them (file and directory) before it returns.
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error>;

    /// The bytes, checked against the digest.
    fn get(&self, digest: &Digest) -> Result<Arc<[u8]>, Error>;

    /// Removes every blob that `keep` does not claim and that is older than an hour's grace (the
    /// put may precede the event that names it). Gives (blobs, bytes) removed.
    fn collect(&self, keep: &mut dyn FnMut(&Digest) -> bool) -> Result<(u64, u64), Error>;

    /// Removes one blob now, whoever names it.
    fn erase(&self, digest: &Digest) -> Result<(), Error>;

    /// Bytes of all blobs. Looks at each: not for every day.
    fn size(&self) -> Result<u64, Error>;
}

/// What can go wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there: never stored, collected, or erased by `forget`.
    #[error("no blob {digest}: it was erased or collected")]
    Missing {
        /// In hex.
        digest: String,
    },
    /// The bytes no longer match their name.
    #[error("blob {digest} is damaged at {place}; restore it from a backup")]
    Damaged {
        /// In hex.
        digest: String,
        /// The file.
        place: String,
    },
    /// No space; nothing was stored.
    #[error("no space left for blobs in {place}; free some")]
    Full {
        /// The directory.
        place: String,
    },
    /// Anything else the system says.
    #[error("blob store {place}: {source}")]
    Io {
        /// The file or directory.
        place: String,
        /// The system's words.
        source: std::io::Error,
    },
}
