//! Every file operation of the journal and the blobs, in one place, so that each can be made to
//! fail.
//!
//! A [`Disk`] is the real file system; with [`faults::Faults`] it is the same file system with a
//! plan: fail the n-th operation, tear a write, stop, lose what was never synced. Without a plan
//! an operation costs one test of an `Option` more than the system call.

pub mod faults;
pub mod private;

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use faults::{Faults, Operation};

/// A file system, real or with planned faults. Cheap to clone.
#[derive(Clone, Default)]
pub struct Disk {
    faults: Option<Arc<Faults>>,
}

impl Disk {
    /// The file system as it is.
    pub fn real() -> Disk {
        Disk::default()
    }

    /// The file system with a plan of faults.
    pub fn faulty(faults: Arc<Faults>) -> Disk {
        Disk { faults: Some(faults) }
    }

    /// Creates a file for reading and writing; it must not exist.
    pub fn create(&self, path: &Path) -> io::Result<File> {
        self.allow(Operation::Open)?;
        let inner = fs::File::options().read(true).write(true).create_new(true).open(path)?;
        if let Some(faults) = &self.faults {
            faults.created(path);
        }
        Ok(self.file(inner))
    }

    /// Opens a file for reading only.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.allow(Operation::Open)?;
        Ok(self.file(fs::File::open(path)?))
    }

    /// Opens a file for reading and writing; it must exist.
    pub fn open_to_write(&self, path: &Path) -> io::Result<File> {
        self.allow(Operation::Open)?;
        Ok(self.file(fs::File::options().read(true).write(true).open(path)?))
    }

    /// Creates a directory and its parents, where they are missing, each synced into its parent.
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.create_dir(parent)?;
        }
        self.allow(Operation::Open)?;
        match fs::create_dir(path) {
            // Another thread may have been quicker; the sync below is needed all the same.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.sync_dir(parent),
            _ => self.sync_dir(Path::new(".")),
        }
    }

    /// Renames within a directory, replacing what has the new name. Durable after
    /// [`Disk::sync_dir`].
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.allow(Operation::Rename)?;
        let replaced = self.faults.as_ref().and_then(|_| fs::File::open(to).ok());
        fs::rename(from, to)?;
        if let Some(faults) = &self.faults {
            faults.renamed(from, to, replaced);
        }
        Ok(())
    }

    /// Removes a file. Durable after [`Disk::sync_dir`].
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.allow(Operation::Remove)?;
        let stash = self.faults.as_ref().and_then(|_| fs::File::open(path).ok());
        fs::remove_file(path)?;
        if let (Some(faults), Some(stash)) = (&self.faults, stash) {
            faults.removed(path, stash);
        }
        Ok(())
    }

    /// Makes creations, renames and removals in a directory durable.
    pub fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.allow(Operation::Sync)?;
        fs::File::open(dir)?.sync_all()?;
        if let Some(faults) = &self.faults {
            faults.synced_dir(dir);
        }
        Ok(())
    }

    /// The paths in a directory, sorted; none where it does not exist.
    pub fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn allow(&self, operation: Operation) -> io::Result<()> {
        match &self.faults {
            None => Ok(()),
            Some(faults) => faults.allow(operation),
        }
    }

    fn file(&self, inner: fs::File) -> File {
        File { inner, faults: self.faults.clone() }
    }
}

/// An open file. Reads and writes name their offset, so there is no shared position.
pub struct File {
    inner: fs::File,
    faults: Option<Arc<Faults>>,
}

impl File {
    /// Writes all bytes at an offset: one system call unless the system writes short.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match &self.faults {
            None => self.inner.write_all_at(bytes, offset),
            Some(faults) => faults.write(&self.inner, bytes, offset),
        }
    }

    /// Fills as much of `buffer` as the file has from `offset`; gives the number of bytes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Makes the bytes durable, and the length where reading needs it.
    pub fn sync(&self) -> io::Result<()> {
        if let Some(faults) = &self.faults {
            faults.allow(Operation::Sync)?;
        }
        self.inner.sync_data()?;
        if let Some(faults) = &self.faults {
            faults.synced(&self.inner);
        }
        Ok(())
    }

    /// Reserves space up to `len` bytes, read as zero. A full disk says so here and not later; a
    /// file system that cannot reserve gets a sparse file, where it may still say so later.
    pub fn reserve(&self, len: u64) -> io::Result<()> {
        if let Some(faults) = &self.faults {
            faults.allow(Operation::Write)?;
            faults.resizing(&self.inner);
        }
        match rustix::fs::fallocate(&self.inner, rustix::fs::FallocateFlags::empty(), 0, len) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.inner.set_len(len),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    /// Cuts the file to `len` bytes.
    pub fn cut(&self, len: u64) -> io::Result<()> {
        if let Some(faults) = &self.faults {
            faults.allow(Operation::Write)?;
            faults.resizing(&self.inner);
        }
        self.inner.set_len(len)
    }

    /// Its length in bytes.
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.inner.metadata()?.len())
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Whether the system refused for want of space, which an operator can mend.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
