//! The data directory: what stands where, and how it is opened.
//!
//! ```text
//! .majordomo/
//!   journal/       what has happened; the truth
//!   blobs/         payloads of more than 4 KiB, by the digest of their content
//!   views.db       for people: tables in SQLite, rebuilt from the journal at will
//!   control.sock   while a process holds the journal: where other commands reach it
//! ```

use adapters::blobs::files::Files;
use adapters::journal::log::{Log, Options};
use runtime::api::StartError;
use runtime::{Bounds, Stores};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory by its path; nothing is opened or made until asked.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
    bounds: Bounds,
}

impl DataDir {
    /// The directory at this path.
    pub fn new(path: impl AsRef<Path>) -> DataDir {
        DataDir { path: path.as_ref().to_owned(), bounds: Bounds::default() }
    }

    /// Journal, snapshots and blobs may take at most so many bytes together. Whoever holds the data
    /// keeps to that; it is not written down.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> DataDir {
        self.bounds.data_max_bytes = bytes;
        self
    }

    /// How much may be kept here.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory where it is missing, for its owner alone: what stands in it was said in
    /// confidence.
    pub fn create(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Where the journal stands.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where large payloads stand.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The views' file.
    #[must_use]
    pub fn views(&self) -> PathBuf {
        self.path.join("views.db")
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// Says that the journal here is a restored one: see [`DataDir::mark_restored`].
    fn restored(&self) -> PathBuf {
        self.path.join("restored")
    }

    /// Leaves word that the journal was restored from a backup, so that the next start raises the
    /// generation of its tokens: a token from the life that was given up never fits again.
    pub fn mark_restored(&self) -> std::io::Result<()> {
        std::fs::write(self.restored(), b"")
    }

    /// The mark was heeded: the start that did so is durable.
    pub fn clear_restored(&self) -> std::io::Result<()> {
        match std::fs::remove_file(self.restored()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Opens journal and blobs for writing; nobody else may have them open.
    ///
    /// # Errors
    /// What the journal or the file system says, in words for whoever started the program.
    pub fn open(&self) -> Result<Stores, StartError> {
        let log = Log::open(&self.journal(), Options::default());
        let journal = log.map_err(runtime::Error::Journal)?;
        let blobs = Files::open(&self.blobs());
        let blobs = blobs.map_err(|why| StartError::Stores(why.to_string()))?;
        let restored = self.restored().exists();
        let (journal, blobs) = (Box::new(journal), Arc::new(blobs));
        Ok(Stores { journal, blobs, observers: Vec::new(), restored })
    }
}
