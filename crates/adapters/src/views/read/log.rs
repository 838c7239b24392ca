//! `logs`: what agents said while they worked on a task.

use super::{Reader, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::{Map, Value};

/// One line. Its text is data: whoever prints it escapes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Rises from line to line; ask for those after the last one seen.
    pub id: u64,
    /// Whose work.
    pub task: u64,
    /// Which attempt.
    pub token: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `error`, `warn`, `info`, `debug`, `progress`, `stderr`.
    pub level: String,
    /// As the agent said it.
    pub text: String,
    /// What it said beside it, by name; empty if nothing.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl LogLine {
    fn read(row: &Row<'_>) -> rusqlite::Result<LogLine> {
        let fields: Option<String> = row.get("fields")?;
        let fields = fields.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default();
        Ok(LogLine {
            fields,
            id: number(row, "id")?,
            task: number(row, "task")?,
            token: number(row, "token")?,
            at_ms: row.get("at_ms")?,
            level: row.get("level")?,
            text: row.get("text")?,
        })
    }
}

impl Reader {
    /// Lines of a task after line `after`, in the order in which they came, at most `limit` of
    /// them; call again with the last one's id to follow.
    pub fn logs(&self, task: u64, after: u64, limit: u64) -> Result<Vec<LogLine>, Error> {
        self.all(
            "select * from logs where task = ?1 and id > ?2 order by id limit ?3",
            params![int(task), int(after), int(limit)],
            LogLine::read,
        )
    }
}
