//! `dead`: tasks that used up their attempts, with every failure.

use super::{Attempt, Content, Reader, maybe_number, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::Row;
use serde::Serialize;

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The task that died.
    pub task: u64,
    /// What it was asked.
    pub capability: Option<String>,
    /// When it died, milliseconds since 1970.
    pub at_ms: i64,
    /// The kind of its last failure.
    pub failure_kind: String,
    /// In words; from an agent, so data.
    pub failure: String,
    /// Its other life, if it was released.
    pub released_into: Option<u64>,
    /// When it was released or dropped.
    pub closed_ms: Option<i64>,
    /// With what it was asked; only in [`Reader::dead_letter`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Content>,
    /// Every attempt; only in [`Reader::dead_letter`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

impl DeadLetter {
    fn read(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
        Ok(DeadLetter {
            task: number(row, "task")?,
            capability: row.get("capability")?,
            at_ms: row.get("at_ms")?,
            failure_kind: row.get("failure_kind")?,
            failure: row.get("failure")?,
            released_into: maybe_number(row, "released_into")?,
            closed_ms: row.get("closed_ms")?,
            input: None,
            attempts: Vec::new(),
        })
    }
}

impl Reader {
    /// Those that wait for a decision, oldest first.
    pub fn dead(&self) -> Result<Vec<DeadLetter>, Error> {
        let sql = "select * from dead_letters where closed_ms is null order by task";
        self.all(sql, [], DeadLetter::read)
    }

    /// One of them, also after the decision, with every attempt.
    pub fn dead_letter(&self, task: u64) -> Result<DeadLetter, Error> {
        let sql = "select * from dead_letters where task = ?1";
        let found = self.all(sql, [int(task)], DeadLetter::read)?;
        let unknown = Error::Unknown { what: "dead letter", id: task, hint: "dead list" };
        let mut letter = found.into_iter().next().ok_or(unknown)?;
        letter.attempts = self.attempts(task)?;
        let input = "select * from tasks where id = ?1";
        let input = self.all(input, [int(task)], |row| Content::read(row, "input"))?;
        letter.input = input.into_iter().flatten().next();
        Ok(letter)
    }
}
