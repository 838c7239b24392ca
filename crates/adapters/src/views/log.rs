//! What agents say while they work: soft, bounded, and not in the journal.

use super::keep::LOGS_KEPT;
use super::schema::int;
use super::{Error, Views};
use kernel::{TaskId, Token};
use rusqlite::{Connection, params};

/// Bytes of one line that are kept.
pub const LINE_MAX_BYTES: usize = 8 * 1024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose work it belongs to.
    pub task: TaskId,
    /// Which attempt said it.
    pub token: Token,
    /// Wall time, milliseconds since 1970.
    pub at_ms: i64,
    /// `error`, `warn`, `info`, `debug`, `progress`, `stderr`.
    pub level: &'static str,
    /// As the agent said it; data, never interpreted.
    pub text: String,
    /// What it said beside it, as JSON by name; data, too.
    pub fields: Option<String>,
}

impl Views {
    /// Adds one line.
    pub fn append_log(
        &mut self,
        task: TaskId,
        token: Token,
        at_ms: i64,
        level: &'static str,
        text: &str,
    ) -> Result<(), Error> {
        self.append_logs(&[Line { task, token, at_ms, level, text: text.to_owned(), fields: None }])
    }

    /// Adds many lines in one transaction. The oldest lines go when there are more than
    /// [`LOGS_KEPT`]; a line is cut at [`LINE_MAX_BYTES`], and fields longer than that are not
    /// kept, since half of them would be no JSON.
    pub fn append_logs(&mut self, lines: &[Line]) -> Result<(), Error> {
        let written = write(&mut self.connection, lines);
        written.map_err(|why| Error::of(&self.path, why))
    }
}

fn write(connection: &mut Connection, lines: &[Line]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "insert into logs (task, token, at_ms, level, text, fields)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for line in lines {
            let (task, token) = (int(line.task.0), int(line.token.0));
            let (text, fields) = (cut(&line.text), line.fields.as_deref());
            let fields = fields.filter(|it| it.len() <= LINE_MAX_BYTES);
            insert.execute(params![task, token, line.at_ms, line.level, text, fields])?;
        }
        transaction
            .prepare_cached("delete from logs where id <= (select max(id) from logs) - ?1")?
            .execute([int(LOGS_KEPT)])?;
    }
    transaction.commit()
}

/// The start of a line, ending between two characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_MAX_BYTES)]
}
