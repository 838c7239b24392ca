//! `tasks`: which tasks there are.

use super::{Reader, maybe_number, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::{Row, params};
use serde::Serialize;

/// Which tasks to list. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this run's tree.
    pub run: Option<u64>,
    /// Only children of this task.
    pub parent: Option<u64>,
    /// Only with this status.
    pub status: Option<String>,
    /// Only open tasks.
    pub open: bool,
    /// Only of this capability.
    pub capability: Option<String>,
    /// Only those that this agent has, or had last.
    pub agent: Option<String>,
    /// At most so many, the newest; 0 is all.
    pub limit: u64,
}

/// One task, its contents apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The columns of `tasks`; docs/views.md says what each means.
pub struct Task {
    pub id: u64,
    pub run: u64,
    pub parent: Option<u64>,
    pub step: Option<String>,
    pub capability: String,
    pub version: Option<String>,
    pub class: String,
    pub tenant: Option<String>,
    pub team: Option<String>,
    pub status: String,
    pub agent: Option<String>,
    pub weight: u64,
    pub requires: Option<String>,
    pub wishes: Option<String>,
    pub addressed: Option<String>,
    pub affinity: Option<String>,
    pub attempts: u64,
    pub failed: u64,
    pub lost: u64,
    pub attempts_max: u64,
    pub key: Option<String>,
    pub released_from: Option<u64>,
    pub accepted_ms: i64,
    pub ready_ms: Option<i64>,
    pub awaits: Option<String>,
    pub queued_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub worked_ms: i64,
    pub money_micros: u64,
    pub tokens: u64,
    pub failure_kind: Option<String>,
    pub failure: Option<String>,
    /// What it asks of labels, as the journal has it.
    #[serde(skip)]
    pub(super) terms: Option<String>,
}

impl Task {
    /// Whether it is still to be settled.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_ms.is_none()
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
        Ok(Task {
            id: number(row, "id")?,
            run: number(row, "run")?,
            parent: maybe_number(row, "parent")?,
            step: row.get("step")?,
            capability: row.get("capability")?,
            version: row.get("version")?,
            class: row.get("class")?,
            tenant: row.get("tenant")?,
            team: row.get("team")?,
            status: row.get("status")?,
            agent: row.get("agent")?,
            weight: number(row, "weight")?,
            requires: row.get("requires")?,
            wishes: row.get("wishes")?,
            addressed: row.get("addressed")?,
            affinity: row.get("affinity")?,
            attempts: number(row, "attempts")?,
            failed: number(row, "failed")?,
            lost: number(row, "lost")?,
            attempts_max: number(row, "attempts_max")?,
            key: row.get("key")?,
            released_from: maybe_number(row, "released_from")?,
            accepted_ms: row.get("accepted_ms")?,
            ready_ms: row.get("ready_ms")?,
            awaits: row.get("awaits")?,
            queued_ms: row.get("queued_ms")?,
            deadline_ms: row.get("deadline_ms")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            worked_ms: row.get("worked_ms")?,
            money_micros: number(row, "money_micros")?,
            tokens: number(row, "tokens")?,
            failure_kind: row.get("failure_kind")?,
            failure: row.get("failure")?,
            terms: row.get("terms")?,
        })
    }
}

/// Tasks of one kind that wait for an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// What they ask.
    pub capability: String,
    /// Which versions of it will do; none is any.
    pub version: Option<String>,
    /// Whose agents may serve them.
    pub team: Option<String>,
    /// How many they are.
    pub tasks: u64,
    /// The one that has waited for longest.
    pub task: u64,
    /// Since when: wall time, milliseconds since 1970.
    pub since_ms: i64,
}

impl Reader {
    /// How many tasks have not ended.
    pub fn open_tasks(&self) -> Result<u64, Error> {
        self.count("select count(*) from task_rows where ended_ms is null", [])
    }

    /// What could be worked on at this moment and waits for an agent, by kind.
    pub fn queues(&self, now_ms: i64) -> Result<Vec<Queue>, Error> {
        self.all(
            "select capability, version, team, count(*) as tasks, id, min(queued_ms) as since_ms
             from task_rows
             where ended_ms is null and status = 'queued' and queued_ms <= ?1
             group by capability, version, team order by since_ms",
            [now_ms],
            |row| {
                Ok(Queue {
                    capability: row.get("capability")?,
                    version: row.get("version")?,
                    team: row.get("team")?,
                    tasks: number(row, "tasks")?,
                    task: number(row, "id")?, // SQLite gives that of the least `queued_ms`.
                    since_ms: row.get("since_ms")?,
                })
            },
        )
    }

    /// The tasks that pass the filter, oldest first.
    pub fn tasks(&self, filter: &Filter) -> Result<Vec<Task>, Error> {
        let limit = if filter.limit == 0 { -1 } else { int(filter.limit) };
        let mut tasks = self.all(
            "select * from tasks
             where (?1 is null or run = ?1) and (?2 is null or parent = ?2)
               and (?3 is null or status = ?3) and (?4 = 0 or ended_ms is null)
               and (?5 is null or capability = ?5) and (?6 is null or agent = ?6)
             order by id desc limit ?7",
            params![
                filter.run.map(int),
                filter.parent.map(int),
                filter.status,
                filter.open,
                filter.capability,
                filter.agent,
                limit
            ],
            Task::read,
        )?;
        tasks.reverse();
        Ok(tasks)
    }

    /// One task.
    pub fn task(&self, id: u64) -> Result<Task, Error> {
        let found = self.all("select * from tasks where id = ?1", [int(id)], Task::read)?;
        let unknown = Error::Unknown { what: "task", id, hint: "tasks" };
        found.into_iter().next().ok_or(unknown)
    }
}
