//! What an operator does with a data directory when no team is at work in it: back it up, restore
//! it, check it, export it, tidy it up, forget a run.
//!
//! ```text
//! backup, verify, export    read only, beside whoever holds the journal
//! restore                   into a directory without a journal
//! forget, collect           write: refused while a process holds the journal
//! ```

mod copy;
mod export;

pub use copy::{Backup, backup, restore};
pub use export::{Exported, export};

use crate::data::DataDir;
use adapters::blobs::{files::Files, hex};
use adapters::journal::log::{self, Log, Options, Reader};
use kernel::{Limits, TaskId};
use runtime::keep::{self, Collected, Forgotten, Lone, Marks};
use runtime::port::{Blobs, Observer, blobs, journal};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Told how far it is: (done, of).
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the journal says.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// What the blob store says.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// What tidying up or forgetting says.
    #[error(transparent)]
    Keep(#[from] keep::Error),
    /// There is something already; nothing was changed.
    #[error("{} is not empty; name a directory that is empty or not there yet", place.display())]
    NotEmpty {
        /// The directory.
        place: PathBuf,
    },
    /// There is no journal.
    #[error("there is no journal in {}; run something first, or give --data", place.display())]
    NoJournal {
        /// The directory.
        place: PathBuf,
    },
    /// A blob of the backup does not hold what its name says.
    #[error("the backup is damaged: {0}; nothing was restored, use another one")]
    DamagedBackup(blobs::Error),
    /// The views cannot be told, so nothing was forgotten.
    #[error("nothing was forgotten, as the views cannot be told: {why}")]
    Views {
        /// What the views say, and what to do.
        why: String,
    },
    /// Anything else the system says.
    #[error("{}: {source}", place.display())]
    Io {
        /// The file or directory.
        place: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// What a check of everything found.
#[derive(Debug)]
pub struct Verified {
    /// Files, records and damage of the journal.
    pub journal: log::Report,
    /// Blobs that the journal names and that are whole.
    pub blobs: u64,
    /// Blobs that it names and that are not there: erased by `forget`, or lost.
    pub missing: Vec<String>,
    /// Blobs that do not hold what their name says.
    pub damaged: Vec<String>,
}

impl Verified {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.journal.is_clean() && self.damaged.is_empty()
    }
}

/// Reads every byte of a data directory and changes none.
///
/// # Errors
/// `NoJournal`, a newer version, or what the system says. Damage is in the result.
pub fn verify(data: &DataDir, progress: Progress<'_>) -> Result<Verified, Error> {
    check_there(data)?;
    let journal = log::verify(&data.journal())?;
    let mut verified = Verified { journal, blobs: 0, missing: Vec::new(), damaged: Vec::new() };
    if !verified.journal.is_clean() {
        return Ok(verified); // What it names cannot be told.
    }
    let marks = named(&data.journal())?;
    if marks.is_empty() {
        return Ok(verified);
    }
    let store = Files::open(&data.blobs())?;
    for (digest, nth) in marks.iter().zip(1..) {
        match store.get(&digest.0) {
            Ok(_) => verified.blobs += 1,
            Err(blobs::Error::Missing { .. }) => verified.missing.push(hex(&digest.0)),
            Err(blobs::Error::Damaged { .. }) => verified.damaged.push(hex(&digest.0)),
            Err(other) => return Err(other.into()),
        }
        progress(nth, marks.len() as u64);
    }
    Ok(verified)
}

/// Erases the contents of a settled run, from the views as well.
///
/// # Errors
/// `Held` while a process is at work: ask that one. Else as [`keep::forget`].
pub fn forget(data: &DataDir, run: TaskId) -> Result<Forgotten, Error> {
    check_there(data)?;
    let lender = lone(data)?;
    let store = Files::open(&data.blobs())?;
    let viewers = viewers(data)?;
    Ok(keep::forget(&lender, &store, &Limits::default(), run, &viewers, &mut |_| {})?)
}

/// Takes a snapshot if there is news, and removes the blobs that nothing names.
///
/// # Errors
/// `Held` while a process is at work, which does it by itself.
pub fn collect(data: &DataDir) -> Result<Collected, Error> {
    check_there(data)?;
    let lender = lone(data)?;
    let store = Files::open(&data.blobs())?;
    keep::take(&lender, &Limits::default())?;
    Ok(keep::collect(&lender, &store)?)
}

/// The journal, open for nobody else.
fn lone(data: &DataDir) -> Result<Lone, Error> {
    Ok(Lone::new(Box::new(Log::open(&data.journal(), Options::default())?)))
}

/// Whoever keeps the views, if there are any.
#[cfg(feature = "cli")]
fn viewers(data: &DataDir) -> Result<Vec<Arc<dyn Observer>>, Error> {
    if !data.views().exists() {
        return Ok(Vec::new());
    }
    let viewer = crate::viewing::Viewer::start(data);
    Ok(vec![viewer.map_err(|why| Error::Views { why: why.to_string() })?])
}

#[cfg(not(feature = "cli"))]
fn viewers(data: &DataDir) -> Result<Vec<Arc<dyn Observer>>, Error> {
    if data.views().exists() {
        let why = "this program is built without them; remove the file, it is built again".into();
        return Err(Error::Views { why });
    }
    Ok(Vec::new())
}

/// The blobs that the journal in a directory names.
fn named(journal: &Path) -> Result<Marks, Error> {
    Ok(keep::marks(&mut Reader::open(journal)?, &|| false)?)
}

fn check_there(data: &DataDir) -> Result<(), Error> {
    if data.journal().is_dir() {
        return Ok(());
    }
    Err(Error::NoJournal { place: data.path().to_owned() })
}

fn io_at(place: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { place: place.to_owned(), source }
}
