//! `runs`: root tasks and how far their trees are.

use super::{Reader, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::Row;
use serde::Serialize;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The columns of `runs`; docs/views.md says what each means.
pub struct Run {
    pub run: u64,
    pub capability: String,
    pub team: Option<String>,
    pub definition: Option<String>,
    pub status: String,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    pub failure_kind: Option<String>,
    pub failure: Option<String>,
    pub tasks: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub dead: u64,
}

impl Run {
    /// Tasks that are still to be settled.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.tasks - self.completed - self.failed - self.cancelled - self.dead
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Run> {
        Ok(Run {
            run: number(row, "run")?,
            capability: row.get("capability")?,
            team: row.get("team")?,
            definition: row.get("definition")?,
            status: row.get("status")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            failure_kind: row.get("failure_kind")?,
            failure: row.get("failure")?,
            tasks: number(row, "tasks")?,
            completed: number(row, "completed")?,
            failed: number(row, "failed")?,
            cancelled: number(row, "cancelled")?,
            dead: number(row, "dead")?,
        })
    }
}

impl Reader {
    /// The newest runs, newest first; 0 is all.
    pub fn runs(&self, limit: u64) -> Result<Vec<Run>, Error> {
        let limit = if limit == 0 { -1 } else { int(limit) };
        self.all("select * from runs order by run desc limit ?1", [limit], Run::read)
    }

    /// One run.
    pub fn run(&self, run: u64) -> Result<Run, Error> {
        let found = self.all("select * from runs where run = ?1", [int(run)], Run::read)?;
        found.into_iter().next().ok_or(Error::Unknown { what: "run", id: run, hint: "runs" })
    }
}
