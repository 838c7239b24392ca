//! Views for people: what the journal says, as plain tables in an SQLite file of their own.
//!
//! ```text
//!   entries ──fold──▶ changes by row ──write──▶ one transaction, with applied_seq inside
//! ```
//!
//! They are built off the commit path, from durable entries only, and are never the only copy of
//! anything but `logs`: they may lag, be deleted, and be built again. `schema.sql` says what each
//! column means; [`read`] asks the questions that people ask.

mod change;
mod fold;
mod keep;
mod line;
mod log;
mod memory;
mod names;
pub mod read;
mod schema;
mod seed;
mod start;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod write;

pub use keep::{EVENTS_KEPT, LOGS_KEPT, MINUTES_KEPT, RUNS_KEPT_ENTRIES};
pub use log::{LINE_MAX_BYTES, Line};
pub use schema::{SQL, VERSION};

use change::Changes;
use kernel::{Entry, Event, State, TaskId};
use memory::Memory;
use runtime::port::journal::Seq;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The builder of the views: one for a file, beside the journal's one writer.
pub struct Views {
    connection: Connection,
    memory: Memory,
    path: PathBuf,
}

impl Views {
    /// Opens the file, or makes it. One that another version of this program wrote, or that is
    /// damaged, is made anew and empty: [`Views::applied_seq`] says from where to apply.
    pub fn open(path: impl AsRef<Path>) -> Result<Views, Error> {
        let path = path.as_ref().to_path_buf();
        let connection = schema::open(&path)?;
        let memory = Memory::load(&connection).map_err(|why| Error::of(&path, why))?;
        Ok(Views { connection, memory, path })
    }

    /// The last entry that the views contain.
    #[must_use]
    pub fn applied_seq(&self) -> Seq {
        Seq(self.memory.applied)
    }

    /// How many durable entries the views are behind, given the journal's head.
    #[must_use]
    pub fn lag(&self, head: Seq) -> u64 {
        head.0.saturating_sub(self.memory.applied)
    }

    /// Takes durable entries in, in order and all or nothing. Those taken in before are skipped, so
    /// doing it twice is harmless.
    pub fn apply(&mut self, entries: &[(Seq, Entry)]) -> Result<(), Error> {
        self.apply_each(entries.iter().map(|(seq, entry)| (*seq, entry)))
    }

    /// The same for stretches of entries as the turn hands them out, each with the number of its
    /// first entry.
    pub fn apply_stretches(&mut self, stretches: &[(Seq, Arc<[Entry]>)]) -> Result<(), Error> {
        self.apply_each(
            stretches.iter().flat_map(|(first, entries)| (first.0..).map(Seq).zip(entries.iter())),
        )
    }

    fn apply_each<'e>(
        &mut self,
        entries: impl Iterator<Item = (Seq, &'e Entry)>,
    ) -> Result<(), Error> {
        let applied = self.try_apply(entries);
        if applied.is_err() {
            // Nothing was written; what is remembered must say so too.
            self.memory = Memory::load(&self.connection).unwrap_or_default();
        }
        applied
    }

    /// Empties everything that the journal can give again; `logs` stay.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.connection.flush_prepared_statement_cache();
        schema::recreate(&self.connection).map_err(|why| Error::of(&self.path, why))?;
        self.memory = Memory::default();
        Ok(())
    }

    /// Whether these views cannot follow a journal that holds the entries `first..=head`: entries
    /// between are gone, or the views have seen entries that it does not have. [`Views::seed`] them
    /// then, from the journal's snapshot, or [`Views::reset`] them if it has none.
    #[must_use]
    pub fn is_adrift(&self, first: Seq, head: Seq) -> bool {
        self.memory.applied > head.0 || self.memory.applied + 1 < first.0
    }

    /// Starts over from the state at entry `at`, where the entries up to it are no longer held.
    /// What had ended by then is not in a state, and so not in the views; `logs` stay.
    pub fn seed(&mut self, state: &State, at: Seq) -> Result<(), Error> {
        self.reset()?;
        let Views { connection, memory, path } = self;
        let seeded = connection.transaction().and_then(|transaction| {
            seed::seed(&transaction, memory, state, at.0)?;
            transaction.commit()
        });
        if seeded.is_err() {
            *memory = Memory::default();
        }
        seeded.map_err(|why| Error::of(path, why))
    }

    /// Erases inputs, outputs and logs of a run. The journal's own payloads must be erased first,
    /// or a rebuild would bring them back.
    pub fn forget(&mut self, run: TaskId) -> Result<(), Error> {
        let transaction = self.connection.transaction();
        let done = transaction.and_then(|transaction| {
            keep::forget(&transaction, run.0)?;
            transaction.commit()
        });
        done.map_err(|why| Error::of(&self.path, why))
    }

    fn try_apply<'e>(
        &mut self,
        entries: impl Iterator<Item = (Seq, &'e Entry)>,
    ) -> Result<(), Error> {
        let Views { connection, memory, path } = self;
        let failed = |why| Error::of(path, why);
        let transaction = connection.transaction().map_err(failed)?;
        let mut changes = Changes::default();
        let applied = memory.applied;
        for (seq, entry) in entries.filter(|(seq, _)| seq.0 > applied) {
            if seq.0 != memory.applied + 1 {
                return Err(Error::Gap { expected: Seq(memory.applied + 1), found: seq });
            }
            if let Event::RuntimeStarted { .. } = entry.event {
                fold::process_ended(memory, &mut changes, entry.at);
                write::flush(&transaction, memory, &mut changes).map_err(failed)?;
                start::started(&transaction, memory, seq.0, entry).map_err(failed)?;
            }
            fold::fold(memory, &mut changes, seq.0, entry);
        }
        write::flush(&transaction, memory, &mut changes).map_err(failed)?;
        memory.store(&transaction).map_err(failed)?;
        keep::prune(&transaction, memory).map_err(failed)?;
        transaction.commit().map_err(failed)
    }
}

/// What can go wrong with the views. None of it touches the journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is an SQLite database, but not one of ours.
    #[error("{} is not a file of views; move it away and start again", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or made.
    #[error("the views in {} cannot be opened ({source}); the journal is unharmed", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// There are no views yet: nothing has run in this directory.
    #[error(
        "there are no views at {}; run something first, give --data, or have them made from the \
         journal by `majordomo views rebuild`",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another version of this program wrote the file.
    #[error("{} has version {found} of the views, not {VERSION}; run `majordomo views rebuild`",
        path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// A statement failed: the disk is full, or the file is damaged.
    #[error("the views in {} failed ({source}); run `majordomo views rebuild`", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The old file stands in the way of a new one.
    #[error("the old views in {} cannot be removed ({source}); do it by hand", path.display())]
    NotRemoved {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Entries are missing between what the views contain and what they were given.
    #[error("the views need entry {expected}, but were given {found}; reset and build them anew")]
    Gap {
        /// What comes next.
        expected: Seq,
        /// What came.
        found: Seq,
    },
    /// Asked for something that the views do not contain.
    #[error("there is no {what} {id} in the views; `majordomo {hint}` lists those there are")]
    Unknown {
        /// What was asked for.
        what: &'static str,
        /// Its number.
        id: u64,
        /// The verb that lists them.
        hint: &'static str,
    },
}

impl Error {
    fn of(path: &Path, source: rusqlite::Error) -> Error {
        Error::Failed { path: path.into(), source }
    }

    fn unusable(path: &Path, source: rusqlite::Error) -> Error {
        Error::Unusable { path: path.into(), source }
    }
}
