//! `timeline RUN`: who worked on what when, a lane for every slot.

use super::{CriticalPath, Reader, maybe_number, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::Row;
use serde::Serialize;
use std::collections::BTreeMap;

/// A run over time. All times are wall time in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The root task.
    pub run: u64,
    /// What it was asked.
    pub capability: String,
    /// Of the root.
    pub status: String,
    /// When it was accepted.
    pub from_ms: i64,
    /// When it ended, or the latest entry while it is open.
    pub to_ms: i64,
    /// One for every slot that worked on it, by agent.
    pub lanes: Vec<Lane>,
    /// Times at which a process took over.
    pub starts: Vec<Start>,
    /// What its length is made of.
    pub critical: CriticalPath,
    /// Every task of the run.
    pub tasks: Vec<TimelineTask>,
}

/// One slot of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// Whose.
    pub agent: String,
    /// 1 and up. Slots have no names in the journal: work is laid into the first that is free.
    pub slot: usize,
    /// What it worked on, in order, without overlap.
    pub spans: Vec<Span>,
}

/// One stretch of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// On which task.
    pub task: u64,
    /// Under which token.
    pub token: u64,
    /// Its step key, or of the root its capability.
    pub label: String,
    /// From when on.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
    /// What came then.
    pub end: SpanEnd,
    /// The attempt was cut off: what it says later is refused.
    pub fenced: bool,
    /// Its work ended with an answer, which was refused.
    pub late: bool,
    /// How long fenced work really went on after `to_ms`.
    pub stopped_ms: Option<i64>,
    /// What it waited for after this stretch, and until when.
    pub wait: Option<Wait>,
}

/// How a stretch of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The outcomes of `attempts`, and two more.
pub enum SpanEnd {
    Waits,
    Running,
    Completed,
    Failed,
    Lost,
    Stopped,
}

/// A stretch without a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// From when on.
    pub since_ms: i64,
    /// Until when; null while it lasts.
    pub until_ms: Option<i64>,
    /// The steps that were open when it began.
    pub steps: Vec<String>,
}

/// A process took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// When.
    pub at_ms: i64,
    /// The last sign of the process before.
    pub down_ms: Option<i64>,
    /// `drain` or `crash`.
    pub why: String,
}

/// A task as far as time is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The columns of `tasks`.
pub struct TimelineTask {
    pub id: u64,
    pub parent: Option<u64>,
    pub step: Option<String>,
    pub capability: String,
    pub status: String,
    pub accepted_ms: i64,
    pub ready_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub tries: Vec<Try>,
    /// Its timers: step, when it was set, when it fired.
    pub timers: Vec<(String, i64, Option<i64>)>,
}

/// One attempt as far as time is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The columns of `attempts`.
pub struct Try {
    pub token: u64,
    pub agent: String,
    pub granted_ms: i64,
    pub ended_ms: Option<i64>,
    pub outcome: Option<String>,
    pub retry_ms: Option<i64>,
    pub fenced: bool,
    pub work_ended_ms: Option<i64>,
    pub late: bool,
    pub waits: Vec<Wait>,
}

/// Work between two waits of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Which attempt of the task.
    pub attempt: usize,
    /// How many waits of that attempt came before.
    pub waits: usize,
    /// From when on.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
}

impl TimelineTask {
    /// Its stretches of work, in order; the last one reaches to `now_ms` if it goes on.
    #[must_use]
    pub fn stretches(&self, now_ms: i64) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for (attempt, it) in self.tries.iter().enumerate() {
            let mut from = Some(it.granted_ms);
            for (waits, wait) in it.waits.iter().enumerate() {
                if let Some(from_ms) = from {
                    let to_ms = wait.since_ms;
                    stretches.push(Stretch { attempt, waits, from_ms, to_ms });
                }
                // A wait that the end of the attempt cut off leads to no more work.
                from = wait.until_ms.filter(|until| it.ended_ms != Some(*until));
            }
            if let Some(from_ms) = from {
                let to_ms = it.ended_ms.unwrap_or(now_ms).max(from_ms);
                stretches.push(Stretch { attempt, waits: it.waits.len(), from_ms, to_ms });
            }
        }
        stretches
    }

    fn span(&self, stretch: &Stretch) -> Span {
        let it = &self.tries[stretch.attempt];
        let wait = it.waits.get(stretch.waits).cloned();
        let end = match (&wait, it.outcome.as_deref()) {
            (Some(_), _) => SpanEnd::Waits,
            (None, Some("completed")) => SpanEnd::Completed,
            (None, Some("failed")) => SpanEnd::Failed,
            (None, Some("lost")) => SpanEnd::Lost,
            (None, Some(_)) => SpanEnd::Stopped,
            (None, None) => SpanEnd::Running,
        };
        let is_last = wait.is_none();
        Span {
            task: self.id,
            token: it.token,
            label: self.label().to_owned(),
            from_ms: stretch.from_ms,
            to_ms: stretch.to_ms,
            end,
            fenced: it.fenced && is_last,
            late: it.late && is_last,
            stopped_ms: it.work_ended_ms.filter(|at| is_last && *at > stretch.to_ms),
            wait,
        }
    }

    /// What to call it: its step, or of the root its capability.
    #[must_use]
    pub fn label(&self) -> &str {
        self.step.as_deref().unwrap_or(&self.capability)
    }
}

impl Timeline {
    /// What to call a task of it.
    #[must_use]
    pub fn label(&self, task: u64) -> &str {
        // Tasks stand in the order of their numbers.
        let found = self.tasks.binary_search_by_key(&task, |it| it.id);
        found.map_or("", |at| self.tasks[at].label())
    }

    /// Lays the tasks of a run out. Pure; the first task is the root.
    #[must_use]
    pub fn of(tasks: Vec<TimelineTask>, starts: Vec<Start>, now_ms: i64) -> Timeline {
        let root = tasks.first().cloned().unwrap_or_default();
        let to_ms = root.ended_ms.unwrap_or(now_ms).max(root.accepted_ms);
        Timeline {
            run: root.id,
            capability: root.capability,
            status: root.status,
            from_ms: root.accepted_ms,
            to_ms,
            lanes: lanes(&tasks, now_ms),
            critical: CriticalPath::of(&tasks, &starts, to_ms),
            starts,
            tasks,
        }
    }
}

/// Lays every stretch of work into the first slot of its agent that is free.
fn lanes(tasks: &[TimelineTask], now_ms: i64) -> Vec<Lane> {
    let mut by_agent: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for task in tasks {
        for stretch in task.stretches(now_ms) {
            let agent = &*task.tries[stretch.attempt].agent;
            by_agent.entry(agent).or_default().push(task.span(&stretch));
        }
    }
    let mut lanes = Vec::new();
    for (agent, mut spans) in by_agent {
        spans.sort_by_key(|span| (span.from_ms, span.token));
        let mut slots: Vec<Lane> = Vec::new();
        for span in spans {
            let is_free =
                |lane: &Lane| lane.spans.last().is_none_or(|it| it.free_ms() <= span.from_ms);
            match slots.iter().position(is_free) {
                Some(slot) => slots[slot].spans.push(span),
                None => slots.push(Lane {
                    agent: agent.to_owned(),
                    slot: slots.len() + 1,
                    spans: vec![span],
                }),
            }
        }
        lanes.extend(slots);
    }
    lanes
}

impl Span {
    /// When its slot was free again.
    fn free_ms(&self) -> i64 {
        self.stopped_ms.unwrap_or(self.to_ms)
    }
}

impl Reader {
    /// A run over time.
    pub fn timeline(&self, run: u64) -> Result<Timeline, Error> {
        self.at_one_moment(|reader| {
            let mut tasks = reader.all(
                "select * from tasks where run = ?1 order by id",
                [int(run)],
                TimelineTask::read,
            )?;
            let Some(root) = tasks.first().filter(|it| it.parent.is_none()) else {
                return Err(Error::Unknown { what: "run", id: run, hint: "runs" });
            };
            let (from_ms, to_ms) = (root.accepted_ms, root.ended_ms);
            reader.add_tries(run, &mut tasks)?;
            let starts = reader.starts(from_ms, to_ms.unwrap_or(i64::MAX))?;
            Ok(Timeline::of(tasks, starts, reader.applied_ms()?))
        })
    }

    fn add_tries(&self, run: u64, tasks: &mut [TimelineTask]) -> Result<(), Error> {
        let place: BTreeMap<u64, usize> =
            tasks.iter().enumerate().map(|(at, task)| (task.id, at)).collect();
        let tries = self.all(
            "select a.* from tasks t join attempts a on a.task = t.id where t.run = ?1
             order by a.task, a.token",
            [int(run)],
            |row| Ok((number(row, "task")?, Try::read(row)?)),
        )?;
        for (task, it) in tries {
            tasks[place[&task]].tries.push(it);
        }
        self.add_waits(run, &place, tasks)?;
        let timers = self.all(
            "select s.* from tasks t join steps s on s.task = t.id
             where t.run = ?1 and s.kind = 'timer'",
            [int(run)],
            |row| {
                let timer = (row.get("step")?, row.get("started_ms")?, row.get("ended_ms")?);
                Ok((number(row, "task")?, timer))
            },
        )?;
        for (task, timer) in timers {
            tasks[place[&task]].timers.push(timer);
        }
        Ok(())
    }

    fn add_waits(
        &self,
        run: u64,
        place: &BTreeMap<u64, usize>,
        tasks: &mut [TimelineTask],
    ) -> Result<(), Error> {
        let waits = self.all(
            "select w.*, (
               select json_group_array(step) from (
                 select s.step from steps s left join tasks c on c.id = s.child
                 where s.task = w.task and s.started_ms <= w.since_ms
                   and coalesce(c.ended_ms, s.ended_ms, w.since_ms) >= w.since_ms
                   and s.kind <> 'once'
                 order by s.child, s.step limit 8
               )) as steps
             from tasks t join waits w on w.task = t.id where t.run = ?1 order by w.task, w.seq",
            [int(run)],
            |row| Ok((number(row, "task")?, number(row, "token")?, Wait::read(row)?)),
        )?;
        for (task, token, wait) in waits {
            let tries = &mut tasks[place[&task]].tries;
            if let Some(it) = tries.iter_mut().find(|it| it.token == token) {
                it.waits.push(wait);
            }
        }
        Ok(())
    }
}

impl TimelineTask {
    fn read(row: &Row<'_>) -> rusqlite::Result<TimelineTask> {
        Ok(TimelineTask {
            id: number(row, "id")?,
            parent: maybe_number(row, "parent")?,
            step: row.get("step")?,
            capability: row.get("capability")?,
            status: row.get("status")?,
            accepted_ms: row.get("accepted_ms")?,
            ready_ms: row.get("ready_ms")?,
            ended_ms: row.get("ended_ms")?,
            ..TimelineTask::default()
        })
    }
}

impl Try {
    fn read(row: &Row<'_>) -> rusqlite::Result<Try> {
        Ok(Try {
            token: number(row, "token")?,
            agent: row.get("agent")?,
            granted_ms: row.get("granted_ms")?,
            ended_ms: row.get("ended_ms")?,
            outcome: row.get("outcome")?,
            retry_ms: row.get("retry_ms")?,
            fenced: row.get("fenced")?,
            work_ended_ms: row.get("work_ended_ms")?,
            late: row.get("late")?,
            waits: Vec::new(),
        })
    }
}

impl Wait {
    fn read(row: &Row<'_>) -> rusqlite::Result<Wait> {
        let steps: String = row.get("steps")?;
        Ok(Wait {
            since_ms: row.get("since_ms")?,
            until_ms: row.get("until_ms")?,
            steps: serde_json::from_str(&steps).unwrap_or_default(),
        })
    }
}
