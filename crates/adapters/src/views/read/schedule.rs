//! `schedule`: what comes round again, when it does next, and what came of it.

use super::{Reader, maybe_number, number};
use crate::views::Error;
use rusqlite::Row;
use serde::Serialize;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Unique.
    pub name: String,
    /// The team file it stands in.
    pub origin: Option<String>,
    /// Five fields, for one that goes by a calendar.
    pub cron: Option<String>,
    /// The time zone they are meant in.
    pub zone: Option<String>,
    /// How often, for one that goes by an interval.
    pub every_ms: Option<u64>,
    /// What is asked each time.
    pub capability: String,
    /// Versions that will do.
    pub version: Option<String>,
    /// Whose agents serve it.
    pub team: Option<String>,
    /// How urgent its tasks are.
    pub class: String,
    /// What becomes of dues that passed: `skip`, `once`, `all`.
    pub missed: String,
    /// While the task before runs: `allow`, `skip`, `queue_one`, `cancel_previous`.
    pub overlap: String,
    /// Each task must end within this many milliseconds.
    pub within_ms: Option<u64>,
    /// Nothing is started meanwhile.
    pub paused: bool,
    /// When it is due next, milliseconds since 1970; `None` while that is looked up, and never.
    pub next_ms: Option<i64>,
    /// Why it is never due again.
    pub why_never: Option<String>,
    /// It is due and there was no room; not before then.
    pub held_ms: Option<i64>,
    /// A due that waits for the end of the task before.
    pub waits_ms: Option<i64>,
    /// The latest due.
    pub last_ms: Option<i64>,
    /// What came of it: `task`, `waits`, `missed`, `overlap`, `refused`.
    pub last_came: Option<String>,
    /// Its task, or the one that had not ended.
    pub last_task: Option<u64>,
    /// Why it was refused.
    pub last_note: Option<String>,
    /// Tasks it has started.
    pub started: u64,
    /// Dues that made none.
    pub skipped: u64,
    /// Bytes of the input.
    pub input_bytes: u64,
    /// The input, where it is small.
    pub input: Option<String>,
    /// The latest dues, newest first; only in [`Reader::schedule`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dues: Vec<Due>,
}

/// What came of one due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// When that was decided, milliseconds since 1970.
    pub at_ms: i64,
    /// `task`, `waits`, `missed`, `overlap`, `refused`.
    pub came: String,
    /// Its task.
    pub task: Option<u64>,
}

impl Schedule {
    fn read(row: &Row<'_>) -> rusqlite::Result<Schedule> {
        Ok(Schedule {
            name: row.get("name")?,
            origin: row.get("origin")?,
            cron: row.get("cron")?,
            zone: row.get("zone")?,
            every_ms: maybe_number(row, "every_ms")?,
            capability: row.get("capability")?,
            version: row.get("version")?,
            team: row.get("team")?,
            class: row.get("class")?,
            missed: row.get("missed")?,
            overlap: row.get("overlap")?,
            within_ms: maybe_number(row, "within_ms")?,
            paused: row.get("paused")?,
            next_ms: row.get("next_ms")?,
            why_never: row.get("why_never")?,
            held_ms: row.get("held_ms")?,
            waits_ms: row.get("waits_ms")?,
            last_ms: row.get("last_ms")?,
            last_came: row.get("last_came")?,
            last_task: maybe_number(row, "last_task")?,
            last_note: row.get("last_note")?,
            started: number(row, "started")?,
            skipped: number(row, "skipped")?,
            input_bytes: number(row, "input_bytes")?,
            input: row.get("input")?,
            dues: Vec::new(),
        })
    }
}

impl Reader {
    /// Every schedule, by name.
    pub fn schedules(&self) -> Result<Vec<Schedule>, Error> {
        self.all("select * from schedules order by name", [], Schedule::read)
    }

    /// One of them, with its latest dues; `None` if there is none of this name.
    pub fn schedule(&self, name: &str) -> Result<Option<Schedule>, Error> {
        self.at_one_moment(|views| {
            let found =
                views.all("select * from schedules where name = ?1", [name], Schedule::read)?;
            let Some(mut schedule) = found.into_iter().next() else { return Ok(None) };
            schedule.dues = views.all(
                "select at_ms, note, task from event_rows
                 where kind = 'schedule_fired' and step = ?1 order by seq desc limit 10",
                [name],
                |row| {
                    let (at_ms, came) = (row.get("at_ms")?, row.get("note")?);
                    Ok(Due { at_ms, came, task: maybe_number(row, "task")? })
                },
            )?;
            Ok(Some(schedule))
        })
    }
}
