//! Copies of everything: taken while a team works, and put back where there is nothing.
//!
//! A backup is a data directory without views and socket: `journal/` and `blobs/`. The journal is
//! copied first and the blobs it names after it, so each of them was there before it was named.

use super::{Error, Progress, check_there, io_at, named};
use crate::data::DataDir;
use adapters::blobs::files::Files;
use adapters::journal::log;
use kernel::Digest;
use runtime::port::journal::Seq;
use runtime::port::{Blobs, blobs};
use std::fs;
use std::path::Path;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The first record in it; what came before stands in its snapshot.
    pub first: Seq,
    /// The last one.
    pub head: Seq,
    /// Blobs copied.
    pub blobs: u64,
    /// Blobs that the journal names and that are not there, since they were erased by `forget`.
    pub missing: u64,
}

/// Copies everything into `dest`, which must be empty or missing, while a team may be at work. The
/// copy was read back when this returns.
///
/// # Errors
/// `NoJournal`, `NotEmpty`; damage; what the system says.
pub fn backup(data: &DataDir, dest: &Path, progress: Progress<'_>) -> Result<Backup, Error> {
    check_there(data)?;
    check_empty(dest)?;
    let copy = DataDir::new(dest);
    let first = copy_all(data, &copy, progress)?;
    if first.missing == 0 {
        return Ok(first);
    }
    // Erased before, or settled and collected while we copied: a second copy does not name those.
    fs::remove_dir_all(copy.journal()).map_err(io_at(dest))?;
    copy_all(data, &copy, progress)
}

/// Puts a backup into a directory that has no data yet. Everything is checked before the journal
/// gets its name; the next start raises the generation of the tokens, and builds the views.
///
/// # Errors
/// `NoJournal` where there is no backup, `NotEmpty`, `DamagedBackup`; what the system says.
pub fn restore(backup: &Path, data: &DataDir, progress: Progress<'_>) -> Result<Backup, Error> {
    let from = DataDir::new(backup);
    check_there(&from)?;
    let unfinished = data.path().join("journal.restoring");
    if unfinished.is_dir() {
        // Left by a restore that was interrupted, and never in force.
        fs::remove_dir_all(&unfinished).map_err(io_at(&unfinished))?;
    }
    check_restorable(data)?;
    fs::create_dir_all(data.path()).map_err(io_at(data.path()))?;
    data.mark_restored().map_err(io_at(data.path()))?;
    let report = log::restore(&from.journal(), &unfinished)?;
    let (blobs, missing) = copy_blobs(&from, data, &unfinished, progress)?;
    sync(data.path())?;
    fs::rename(&unfinished, data.journal()).map_err(io_at(&unfinished))?;
    sync(data.path())?;
    Ok(Backup { first: report.first, head: report.head, blobs, missing })
}

fn copy_all(from: &DataDir, to: &DataDir, progress: Progress<'_>) -> Result<Backup, Error> {
    let report = log::backup(&from.journal(), &to.journal())?;
    let (blobs, missing) = copy_blobs(from, to, &to.journal(), progress)?;
    Ok(Backup { first: report.first, head: report.head, blobs, missing })
}

/// Copies the blobs that a journal names, each checked; gives how many, and how many are missing.
fn copy_blobs(
    from: &DataDir,
    to: &DataDir,
    journal: &Path,
    progress: Progress<'_>,
) -> Result<(u64, u64), Error> {
    let marks = named(journal)?;
    if marks.is_empty() {
        return Ok((0, 0));
    }
    let (source, target) = (Files::open(&from.blobs())?, Files::open(&to.blobs())?);
    let mut missing = 0;
    for (Digest(digest), nth) in marks.iter().zip(1..) {
        match source.get(digest) {
            Ok(bytes) => {
                target.put(&bytes)?;
            }
            Err(blobs::Error::Missing { .. }) => missing += 1,
            Err(damage @ blobs::Error::Damaged { .. }) => return Err(Error::DamagedBackup(damage)),
            Err(other) => return Err(other.into()),
        }
        progress(nth, marks.len() as u64);
    }
    Ok((marks.len() as u64 - missing, missing))
}

fn check_empty(dir: &Path) -> Result<(), Error> {
    match fs::read_dir(dir).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::NotEmpty { place: dir.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_at(dir)(error)),
    }
}

/// Nothing may be there but what an interrupted restore left.
fn check_restorable(data: &DataDir) -> Result<(), Error> {
    let ours = ["blobs", "restored"];
    let entries = match fs::read_dir(data.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_at(data.path())(error)),
    };
    for entry in entries {
        let name = entry.map_err(io_at(data.path()))?.file_name();
        let is_left = data.path().join("restored").exists() && ours.iter().any(|it| name == *it);
        if !is_left {
            return Err(Error::NotEmpty { place: data.path().to_owned() });
        }
    }
    Ok(())
}

fn sync(dir: &Path) -> Result<(), Error> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_at(dir))
}
