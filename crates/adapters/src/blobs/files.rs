//! Blobs as files: `ab/abcdef…`, written beside, synced, renamed, and the directories synced.
//!
//! The first two digits of the digest name the directory, so none of them gets too large. The
//! file's time is that of the last put of its content, which is what the grace of
//! [`Blobs::collect`] counts from. A blob that is damaged on disk is told by `get`, and mended by
//! the next put of its content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use runtime::port::blobs::{Blobs, Digest, Error};

use super::{hex, parse};
use crate::disk::{self, Disk};

/// A store of blobs in a directory.
pub struct Files {
    disk: Disk,
    dir: PathBuf,
    grace: Duration,
    temporary: AtomicU64,
    /// Held for writing while a blob's age is looked at and the blob removed, for reading while a
    /// put makes it young: else a collection could remove what was put a moment ago.
    ageing: RwLock<()>,
}

impl Files {
    /// Opens the store in a directory, creating it where it is missing.
    ///
    /// # Errors
    /// `Full` or `Io`, if the directory cannot be created.
    pub fn open(dir: &Path) -> Result<Files, Error> {
        Files::open_on(&Disk::real(), dir, super::GRACE)
    }

    /// The same on a disk that may have planned faults, and with another grace than an hour.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn open_on(disk: &Disk, dir: &Path, grace: Duration) -> Result<Files, Error> {
        disk.create_dir(dir).map_err(|source| failed(dir, source))?;
        Ok(Files {
            disk: disk.clone(),
            dir: dir.to_owned(),
            grace,
            temporary: AtomicU64::new(0),
            ageing: RwLock::new(()),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(&name[..2]).join(name)
    }

    /// Writes a new file and gives it its name, all of it durable.
    fn store(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let shard = path.parent().unwrap_or(&self.dir);
        self.disk.create_dir(shard)?;
        let nth = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = shard.join(format!("{}-{nth}.tmp", std::process::id()));
        let written = self.write(&temporary, bytes).and_then(|()| {
            self.disk.rename(&temporary, path)?;
            self.disk.sync_dir(shard)
        });
        if written.is_err() {
            // Collection removes it later; a full disk wants the space now.
            let _ = self.disk.remove(&temporary);
        }
        written
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match self.disk.create(path) {
            // Left by an earlier process with our number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path)?;
                self.disk.create(path)?
            }
            other => other?,
        };
        file.write_at(bytes, 0)?;
        file.sync()
    }

    /// Whether the blob is there and whole; if so its age starts anew and it is durable.
    fn refresh(&self, path: &Path, bytes: &[u8]) -> io::Result<bool> {
        let _young = self.ageing.read().unwrap_or_else(PoisonError::into_inner);
        match fs::read(path) {
            Ok(found) if found == bytes => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        fs::File::options().write(true).open(path)?.set_modified(SystemTime::now())?;
        // Whoever stored it may have died before its syncs.
        self.disk.open_to_write(path)?.sync()?;
        self.disk.sync_dir(path.parent().unwrap_or(&self.dir))?;
        Ok(true)
    }

    fn collect_one(
        &self,
        path: &Path,
        keep: &mut dyn FnMut(&Digest) -> bool,
    ) -> io::Result<Option<u64>> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let digest = parse(&name);
        if digest.is_none() && !name.ends_with(".tmp") {
            return Ok(None);
        }
        let is_kept = digest.is_some_and(|digest| keep(&digest));
        let _old = self.ageing.write().unwrap_or_else(PoisonError::into_inner);
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if is_kept || super::is_in_grace(metadata.modified()?, self.grace) {
            return Ok(None);
        }
        self.disk.remove(path)?;
        Ok(digest.map(|_| metadata.len()))
    }
}

impl Files {
    /// Every blob's file, in the order of their digests.
    ///
    /// # Errors
    /// `Io`, if a directory cannot be read.
    pub fn list(&self) -> Result<Vec<(Digest, PathBuf)>, Error> {
        let mut found = Vec::new();
        for shard in self.disk.list(&self.dir).map_err(|source| failed(&self.dir, source))? {
            if !shard.is_dir() {
                continue;
            }
            for path in self.disk.list(&shard).map_err(|source| failed(&shard, source))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                found.extend(parse(&name).map(|digest| (digest, path)));
            }
        }
        Ok(found)
    }
}

impl Blobs for Files {
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = *blake3::hash(bytes).as_bytes();
        let path = self.path(&hex(&digest));
        let stored = match self.refresh(&path, bytes) {
            Ok(true) => Ok(()),
            Ok(false) => self.store(&path, bytes),
            Err(error) => Err(error),
        };
        stored.map(|()| digest).map_err(|source| failed(&self.dir, source))
    }

    fn get(&self, digest: &Digest) -> Result<Arc<[u8]>, Error> {
        let name = hex(digest);
        let path = self.path(&name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing { digest: name });
            }
            Err(source) => return Err(failed(&path, source)),
        };
        if blake3::hash(&bytes).as_bytes() != digest {
            return Err(Error::Damaged { digest: name, place: path.display().to_string() });
        }
        Ok(bytes.into())
    }

    fn collect(&self, keep: &mut dyn FnMut(&Digest) -> bool) -> Result<(u64, u64), Error> {
        let (mut blobs, mut size) = (0, 0);
        for shard in self.disk.list(&self.dir).map_err(|source| failed(&self.dir, source))? {
            if !shard.is_dir() {
                continue;
            }
            for path in self.disk.list(&shard).map_err(|source| failed(&shard, source))? {
                let removed = self.collect_one(&path, keep);
                if let Some(bytes) = removed.map_err(|source| failed(&path, source))? {
                    blobs += 1;
                    size += bytes;
                }
            }
        }
        Ok((blobs, size))
    }

    fn erase(&self, digest: &Digest) -> Result<(), Error> {
        let path = self.path(&hex(digest));
        match self.disk.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed(&path, source)),
            Ok(()) => {
                let shard = path.parent().unwrap_or(&self.dir);
                self.disk.sync_dir(shard).map_err(|source| failed(shard, source))
            }
        }
    }

    fn size(&self) -> Result<u64, Error> {
        self.list()?.iter().map(|(_, path)| len(path)).sum()
    }
}

/// Bytes of a file; none if it was removed a moment ago.
fn len(path: &Path) -> Result<u64, Error> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(failed(path, source)),
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    let place = path.display().to_string();
    if disk::is_full(&source) { Error::Full { place } } else { Error::Io { place, source } }
}
