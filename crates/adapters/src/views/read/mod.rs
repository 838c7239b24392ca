//! The questions that people ask of the views, one file each. Answers are plain data with names
//! that stay: they are what `--json` prints.

mod agent;
mod bid;
mod ceiling;
mod cost;
mod critical;
mod dead;
mod log;
mod obstacle;
mod quota;
mod rate;
mod restarts;
mod run;
mod schedule;
mod story;
mod task;
#[cfg(test)]
mod tests;
mod timeline;
mod why;

pub use agent::{Agent, Breaker};
pub use bid::{Offer, PassedOver};
pub use ceiling::Ceiling;
pub use cost::{By, Costs, Spending};
pub use critical::{CriticalPath, Part, Piece};
pub use dead::DeadLetter;
pub use log::LogLine;
pub use obstacle::{Barred, Excluded, Exclusion, Obstacle};
pub use restarts::Counted;
pub use run::Run;
pub use schedule::{Due, Schedule};
pub use story::{Attempt, Content, Moment, Step, Story, What};
pub use task::{Filter, Queue, Task};
pub use timeline::{Lane, Span, SpanEnd, Start, Stretch, Timeline, TimelineTask, Try, Wait};
pub use why::{Candidate, Decision, Dismissed, Explanation, Routing};

use super::{Error, VERSION};
use runtime::port::journal::Seq;
use rusqlite::{Connection, OpenFlags, Params, Row};
use std::path::{Path, PathBuf};

/// Reads the views, in any process, also while they are being written.
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens existing views; changes nothing.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        let path = path.as_ref().to_path_buf();
        if !path.exists() {
            return Err(Error::Missing { path });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&path, flags);
        let connection = opened.map_err(|why| Error::unusable(&path, why))?;
        let timeout = connection.busy_timeout(std::time::Duration::from_secs(5));
        timeout.map_err(|why| Error::unusable(&path, why))?;
        let version = connection.query_row("pragma user_version", [], |row| row.get::<_, i64>(0));
        match version {
            Ok(VERSION) => Ok(Reader { connection, path }),
            // A file without a version has nothing in it yet: somebody is about to write it.
            Ok(0) => Err(Error::Missing { path }),
            Ok(found) => Err(Error::OtherVersion { path, found }),
            Err(why) => Err(Error::unusable(&path, why)),
        }
    }

    /// The last entry that the views contain.
    pub fn applied_seq(&self) -> Result<Seq, Error> {
        Ok(Seq(self.meta("applied_seq")? as u64))
    }

    /// Wall time of that entry, milliseconds since 1970.
    pub fn applied_ms(&self) -> Result<i64, Error> {
        self.meta("applied_ms")
    }

    /// Whether the system is draining: it grants no new work.
    pub fn is_draining(&self) -> Result<bool, Error> {
        Ok(self.meta("draining")? != 0)
    }

    /// Runs a question that takes several queries on one state of the file.
    fn at_one_moment<T>(&self, ask: impl FnOnce(&Reader) -> Result<T, Error>) -> Result<T, Error> {
        let transaction = self.connection.unchecked_transaction();
        let _transaction = transaction.map_err(|why| Error::of(&self.path, why))?;
        ask(self)
    }

    fn meta(&self, name: &str) -> Result<i64, Error> {
        let rows = self.all("select value from meta where name = ?1", [name], |row| row.get(0))?;
        Ok(rows.first().copied().unwrap_or(0))
    }

    /// The number that a question gives in one row.
    fn count(&self, sql: &str, params: impl Params) -> Result<u64, Error> {
        let rows = self.all(sql, params, |row| row.get::<_, i64>(0))?;
        Ok(rows.first().map_or(0, |it| *it as u64))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.connection.prepare_cached(sql).and_then(|mut select| {
            let rows = select.query_map(params, read)?;
            rows.collect::<rusqlite::Result<Vec<T>>>()
        });
        rows.map_err(|why| Error::of(&self.path, why))
    }
}

/// Numbers are stored signed.
fn number(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(name).map(|it| it as u64)
}

fn maybe_number(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(name)?.map(|it| it as u64))
}
