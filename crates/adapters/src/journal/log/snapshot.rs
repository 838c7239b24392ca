//! Snapshot files: written beside, read back, and only then given their name.
//!
//! ```text
//!  0 magic "MjdmSnap" 8 · version u16 · zero u16 · crc of bytes 0..12 u32
//! 16 journal id 16 · seq it includes u64 · length in bytes u64 · crc of bytes 0..48 u32 · zero u32
//! 56 chunks of at most 1 MiB, each: length u32 · crc u32 (seeded with the crc before) · bytes
//! ```
//!
//! Two snapshots are kept, and the log from the older one on, so that a damaged newest snapshot
//! costs a longer replay and nothing else.

use std::io;
use std::path::{Path, PathBuf};

use runtime::port::journal::Error;

use super::frame::{u32_at, u64_at};
use super::layout;
use super::segment::refused;
use crate::disk::{self, Disk};

const MAGIC: [u8; 8] = *b"MjdmSnap";
const VERSION: u16 = 1;
const HEADER: usize = 56;
const CHUNK: usize = 1 << 20;

/// A snapshot file that was found or written.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    pub(super) at: u64,
    pub(super) file_len: u64,
}

/// The name of the snapshot that includes everything up to `at`.
fn path(dir: &Path, at: u64) -> PathBuf {
    dir.join(format!("{at:020}.snapshot"))
}

/// The seq that a snapshot's file name says.
pub(super) fn named(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".snapshot")?.parse().ok()
}

/// Writes a snapshot, reads it back, names it, syncs the directory.
pub(super) fn write(
    disk: &Disk,
    dir: &Path,
    journal: [u8; 16],
    at: u64,
    bytes: &[u8],
) -> Result<Snapshot, Error> {
    stage(disk, dir, journal, at, bytes)?;
    adopt(disk, dir, at)
}

/// Writes a snapshot without its name and reads it back.
pub(super) fn stage(
    disk: &Disk,
    dir: &Path,
    journal: [u8; 16],
    at: u64,
    bytes: &[u8],
) -> Result<(), Error> {
    let path = path(dir, at);
    let temporary = path.with_extension("tmp");
    match save(disk, &temporary, journal, at, bytes) {
        Ok(()) => {}
        Err(source) => {
            // What is left of it would be removed at the next opening; a full disk wants it now.
            let _ = disk.remove(&temporary);
            return Err(failed(&path, source));
        }
    }
    let file_len = (HEADER + bytes.len() + 8 * bytes.len().div_ceil(CHUNK)) as u64;
    let staged = Snapshot { path: temporary, at, file_len };
    if read(disk, &staged, journal)? != bytes {
        let why = layout::Fault::Damaged("the snapshot just written reads back differently");
        return Err(refused(&path, at, why));
    }
    Ok(())
}

/// Gives the snapshot that was staged its name, durably.
pub(super) fn adopt(disk: &Disk, dir: &Path, at: u64) -> Result<Snapshot, Error> {
    let path = path(dir, at);
    disk.rename(&path.with_extension("tmp"), &path)
        .and_then(|()| disk.sync_dir(dir))
        .map_err(|source| failed(&path, source))?;
    let file_len = std::fs::metadata(&path).map_err(|source| failed(&path, source))?.len();
    Ok(Snapshot { path, at, file_len })
}

fn save(disk: &Disk, path: &Path, journal: [u8; 16], at: u64, bytes: &[u8]) -> io::Result<()> {
    let file = match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(path)?;
            disk.create(path)?
        }
        other => other?,
    };
    let header = header(journal, at, bytes.len() as u64);
    file.write_at(&header, 0)?;
    let mut offset = HEADER as u64;
    let mut crc = u32_at(&header, 48);
    let mut buffer = Vec::with_capacity(bytes.len().min(CHUNK) + 8);
    for chunk in bytes.chunks(CHUNK) {
        crc = crc32c::crc32c_append(crc, chunk);
        buffer.clear();
        buffer.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        buffer.extend_from_slice(&crc.to_le_bytes());
        buffer.extend_from_slice(chunk);
        file.write_at(&buffer, offset)?;
        offset += buffer.len() as u64;
    }
    file.sync()
}

fn header(journal: [u8; 16], at: u64, len: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32c::crc32c(&header[0..12]);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    header[16..32].copy_from_slice(&journal);
    header[32..40].copy_from_slice(&at.to_le_bytes());
    header[40..48].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c::crc32c(&header[0..48]);
    header[48..52].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Refuses a snapshot that a newer program wrote; what is wrong otherwise is told when it is read.
pub(super) fn check_version(disk: &Disk, snapshot: &Snapshot) -> Result<(), Error> {
    let mut start = [0; 16];
    let filled = disk.open(&snapshot.path).and_then(|file| file.read_at(&mut start, 0));
    let filled = filled.map_err(|source| failed(&snapshot.path, source))?;
    match layout::version(&start[..filled], &MAGIC, VERSION) {
        Err(fault @ layout::Fault::TooNew(_)) => Err(refused(&snapshot.path, snapshot.at, fault)),
        Err(layout::Fault::Damaged(_)) | Ok(()) => Ok(()),
    }
}

/// Reads a snapshot and checks all of it.
pub(super) fn read(disk: &Disk, snapshot: &Snapshot, journal: [u8; 16]) -> Result<Vec<u8>, Error> {
    let unusable = |source| Error::Unusable { place: snapshot.path.display().to_string(), source };
    let file = disk.open(&snapshot.path).map_err(unusable)?;
    let len = file.len().map_err(unusable)?;
    let mut head = [0; HEADER];
    let filled = file.read_at(&mut head, 0).map_err(unusable)?;
    let refuse = |fault| refused(&snapshot.path, snapshot.at, fault);
    let damaged = |why| refuse(layout::Fault::Damaged(why));
    layout::version(&head[..filled], &MAGIC, VERSION).map_err(refuse)?;
    if filled < HEADER || head != header(journal, snapshot.at, u64_at(&head, 40)) {
        return Err(damaged("the header of the snapshot is damaged or of another journal"));
    }
    let whole = u64_at(&head, 40);
    if len != (HEADER as u64) + whole + 8 * whole.div_ceil(CHUNK as u64) {
        return Err(damaged("the snapshot has another length than it says"));
    }
    let mut bytes = vec![0; whole as usize];
    let mut offset = HEADER as u64;
    let mut crc = u32_at(&head, 48);
    for chunk in bytes.chunks_mut(CHUNK) {
        let mut prefix = [0; 8];
        let mut filled = file.read_at(&mut prefix, offset).map_err(unusable)?;
        filled += file.read_at(chunk, offset + 8).map_err(unusable)?;
        crc = crc32c::crc32c_append(crc, chunk);
        let wanted = u32_at(&prefix, 0) as usize == chunk.len() && u32_at(&prefix, 4) == crc;
        if filled != 8 + chunk.len() || !wanted {
            return Err(damaged("the checksum of a part of the snapshot does not match"));
        }
        offset += filled as u64;
    }
    Ok(bytes)
}

fn failed(path: &Path, source: io::Error) -> Error {
    let place = path.display().to_string();
    if disk::is_full(&source) { Error::Full { place } } else { Error::Broken { place, source } }
}
