//! `show TASK`: the whole story of one task, in order.

use super::{Reader, Start, Task, maybe_number, number};
use crate::views::Error;
use crate::views::schema::int;
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

/// One task with everything that happened to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// The task itself.
    pub task: Task,
    /// With what it was asked.
    pub input: Content,
    /// What it gave, if it has completed.
    pub output: Option<Content>,
    /// Every attempt, first to last.
    pub attempts: Vec<Attempt>,
    /// What it asked for: children, side effects, timers.
    pub steps: Vec<Step>,
    /// All of it told in order.
    pub moments: Vec<Moment>,
    /// Lines in its log.
    pub log_lines: u64,
}

/// An input or output as far as the views hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// Digest, where it stands in the blob store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// The JSON itself, where it is small and was not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// One attempt, and why its agent was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The columns of `attempts`; docs/views.md says what each means.
pub struct Attempt {
    pub token: u64,
    pub number: u64,
    pub agent: String,
    pub granted_ms: i64,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub worked_ms: i64,
    pub outcome: Option<String>,
    pub failure_kind: Option<String>,
    pub failure: Option<String>,
    pub retry_ms: Option<i64>,
    pub fenced: bool,
    pub work_ended_ms: Option<i64>,
    pub late: bool,
    pub reason: String,
    #[serde(skip)]
    pub(super) candidates: Option<String>,
    #[serde(skip)]
    pub(super) routing: Option<String>,
    pub busy: u64,
    pub paused: u64,
    pub breaker_open: u64,
    pub down: u64,
    pub too_small: u64,
    pub wrong_labels: u64,
    pub wrong_version: u64,
    pub not_serving: u64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its key.
    pub step: String,
    /// `child`, `once`, `timer`.
    pub kind: String,
    /// The child's task and what it was asked.
    pub child: Option<u64>,
    /// The child's capability.
    pub capability: Option<String>,
    /// When it was asked for.
    pub started_ms: i64,
    /// When it ended; null while it is open.
    pub ended_ms: Option<i64>,
    /// When a timer fires.
    pub due_ms: Option<i64>,
    /// Times a `once` was begun.
    pub tries: u64,
    /// A child's status; how a `once` or timer ended.
    pub outcome: Option<String>,
    /// What it says of a failure.
    pub failure: Option<String>,
}

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Wall time, milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum What {
    Accepted { parent: Option<u64>, released_from: Option<u64>, ready_ms: Option<i64> },
    Granted { number: u64, agent: String, token: u64, why: Vec<String> },
    Began { agent: String },
    Waited { steps: Vec<String>, until_ms: Option<i64> },
    StepBegan { step: String, kind: String, child: Option<u64>, capability: Option<String> },
    StepEnded { step: String, kind: String, child: Option<u64>, outcome: Option<String> },
    Failed { agent: String, kind: String, message: String, retry_ms: Option<i64> },
    Lost { agent: String, cause: String, message: Option<String> },
    Stopped { agent: String, fenced: bool },
    WorkEnded { agent: String, token: u64 },
    Refused { agent: String, number: u64, token: u64 },
    RuntimeStarted { why: String, down_ms: Option<i64> },
    Ended { status: String, message: Option<String> },
}

impl Reader {
    /// The whole story of a task.
    pub fn task_story(&self, id: u64) -> Result<Story, Error> {
        self.at_one_moment(|reader| {
            let task = reader.task(id)?;
            let mut contents =
                reader.all("select * from tasks where id = ?1", [int(id)], |row| {
                    Ok((Content::read(row, "input")?, Content::read(row, "output")?))
                })?;
            let (input, output) = contents.pop().unwrap_or_default();
            let (attempts, steps) = (reader.attempts(id)?, reader.steps(id)?);
            let mut moments = reader.moments(&task, &attempts, &steps)?;
            moments.sort_by_cached_key(|it| {
                (it.at_ms, it.what.attempt(&attempts, it.at_ms), it.what.stage())
            });
            let lines = "select count(*) from logs where task = ?1";
            let log_lines = reader.count(lines, [int(id)])?;
            Ok(Story {
                task,
                input: input.unwrap_or_default(),
                output,
                attempts,
                steps,
                moments,
                log_lines,
            })
        })
    }

    /// Every attempt of a task, first to last.
    pub fn attempts(&self, task: u64) -> Result<Vec<Attempt>, Error> {
        let sql = "select * from attempts where task = ?1 order by token";
        self.all(sql, [int(task)], Attempt::read)
    }

    /// What a task asked for, in order.
    pub fn steps(&self, task: u64) -> Result<Vec<Step>, Error> {
        self.all(
            "select s.step, s.kind, s.child, c.capability, s.started_ms, s.due_ms, s.tries,
               coalesce(c.ended_ms, s.ended_ms) as ended_ms,
               coalesce(c.status, s.outcome) as outcome, coalesce(c.failure, s.failure) as failure
             from steps s left join tasks c on c.id = s.child
             where s.task = ?1 order by s.started_ms, s.child, s.step",
            [int(task)],
            Step::read,
        )
    }

    fn moments(
        &self,
        task: &Task,
        attempts: &[Attempt],
        steps: &[Step],
    ) -> Result<Vec<Moment>, Error> {
        let mut moments = vec![Moment {
            at_ms: task.accepted_ms,
            what: What::Accepted {
                parent: task.parent,
                released_from: task.released_from,
                ready_ms: task.ready_ms.filter(|_| task.attempts == 0),
            },
        }];
        attempts.iter().for_each(|it| it.begin(&mut moments));
        steps.iter().for_each(|it| it.begin(&mut moments));
        let waits = "select since_ms, until_ms from waits where task = ?1 order by seq";
        let wait = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        for (since_ms, until_ms) in self.all(waits, [int(task.id)], wait)? {
            let open = steps.iter().filter(|it| it.is_open_at(since_ms));
            let steps = open.map(|it| it.step.clone()).collect();
            moments.push(Moment { at_ms: since_ms, what: What::Waited { steps, until_ms } });
        }
        steps.iter().for_each(|it| it.end(&mut moments));
        let ended_ms = task.ended_ms.unwrap_or(i64::MAX);
        for start in self.starts(task.accepted_ms, ended_ms)? {
            let Start { at_ms, down_ms, why } = start;
            moments.push(Moment { at_ms, what: What::RuntimeStarted { why, down_ms } });
        }
        attempts.iter().for_each(|it| it.end(&mut moments));
        if let Some(at_ms) = task.ended_ms {
            let (status, message) = (task.status.clone(), task.failure.clone());
            moments.push(Moment { at_ms, what: What::Ended { status, message } });
        }
        Ok(moments)
    }

    /// Processes that took over within a stretch of time.
    pub(super) fn starts(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Start>, Error> {
        self.all(
            "select at_ms, down_ms, why from starts
             where at_ms between ?1 and ?2 and why <> 'first' order by incarnation",
            [from_ms, to_ms],
            |row| Ok(Start { at_ms: row.get(0)?, down_ms: row.get(1)?, why: row.get(2)? }),
        )
    }
}

impl What {
    /// The attempt that it belongs to: tells what happened in one millisecond apart.
    fn attempt(&self, attempts: &[Attempt], at_ms: i64) -> u64 {
        let named = |token: u64| attempts.iter().find(|it| it.token == token);
        let cut = |how: &str| {
            let ended = |it: &&Attempt| it.ended_ms == Some(at_ms);
            attempts.iter().filter(ended).find(|it| it.outcome.as_deref() == Some(how))
        };
        let lasting = || attempts.iter().find(|it| it.ended_ms.is_none_or(|ms| ms >= at_ms));
        let attempt = match self {
            What::Accepted { .. } => return 0,
            What::Ended { .. } => return u64::MAX,
            What::Granted { token, .. }
            | What::WorkEnded { token, .. }
            | What::Refused { token, .. } => named(*token),
            What::Failed { .. } => cut("failed"),
            What::Lost { .. } => cut("lost"),
            What::Stopped { .. } => cut("stopped"),
            What::Began { .. }
            | What::Waited { .. }
            | What::StepBegan { .. }
            | What::StepEnded { .. } => lasting(),
            What::RuntimeStarted { .. } => {
                // Grants in the millisecond of a start came after it.
                let before = |it: &&Attempt| {
                    it.granted_ms < at_ms || it.ended_ms.is_some_and(|ended_ms| ended_ms <= at_ms)
                };
                return attempts.iter().rfind(before).map_or(0, |it| it.number);
            }
        };
        attempt.map_or(u64::MAX, |it| it.number)
    }

    /// Its place among what happens to one attempt in one millisecond.
    fn stage(&self) -> u8 {
        match self {
            What::Accepted { .. } | What::Granted { .. } => 0,
            What::Began { .. } => 1,
            What::StepBegan { .. } => 2,
            What::Waited { .. } => 3,
            What::StepEnded { .. } => 4,
            What::Failed { .. } | What::Lost { .. } | What::Stopped { .. } => 5,
            What::Refused { .. } => 6,
            What::WorkEnded { .. } => 7,
            What::RuntimeStarted { .. } => 8,
            What::Ended { .. } => 9,
        }
    }
}

impl Content {
    /// `name` is `input` or `output`; `None` where there is none.
    pub(super) fn read(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<Content>> {
        let Some(bytes) = maybe_number(row, &format!("{name}_bytes"))? else { return Ok(None) };
        let blob = row.get(&*format!("{name}_blob"))?;
        let text: Option<String> = row.get(name)?;
        let value = text.map(|it| serde_json::from_str(&it).unwrap_or(Value::String(it)));
        Ok(Some(Content { bytes, blob, value }))
    }
}

impl Attempt {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Attempt> {
        Ok(Attempt {
            token: number(row, "token")?,
            number: number(row, "number")?,
            agent: row.get("agent")?,
            granted_ms: row.get("granted_ms")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            worked_ms: row.get("worked_ms")?,
            outcome: row.get("outcome")?,
            failure_kind: row.get("failure_kind")?,
            failure: row.get("failure")?,
            retry_ms: row.get("retry_ms")?,
            fenced: row.get("fenced")?,
            work_ended_ms: row.get("work_ended_ms")?,
            late: row.get("late")?,
            reason: row.get("reason")?,
            candidates: row.get("candidates")?,
            routing: row.get("routing")?,
            busy: number(row, "busy")?,
            paused: number(row, "paused")?,
            breaker_open: number(row, "breaker_open")?,
            down: number(row, "down")?,
            too_small: number(row, "too_small")?,
            wrong_labels: number(row, "wrong_labels")?,
            wrong_version: number(row, "wrong_version")?,
            not_serving: number(row, "not_serving")?,
        })
    }

    fn begin(&self, moments: &mut Vec<Moment>) {
        let (number, agent, token) = (self.number, self.agent.clone(), self.token);
        let why = super::why::Decision::of(self).sentences;
        let what = What::Granted { number, agent: agent.clone(), token, why };
        moments.push(Moment { at_ms: self.granted_ms, what });
        if let Some(at_ms) = self.started_ms {
            moments.push(Moment { at_ms, what: What::Began { agent } });
        }
    }

    fn end(&self, moments: &mut Vec<Moment>) {
        let Some(at_ms) = self.ended_ms else { return };
        let (agent, token) = (self.agent.clone(), self.token);
        let kind = self.failure_kind.clone().unwrap_or_default();
        let what = match self.outcome.as_deref() {
            Some("failed") => {
                let message = self.failure.clone().unwrap_or_default();
                Some(What::Failed { agent, kind, message, retry_ms: self.retry_ms })
            }
            Some("lost") => Some(What::Lost { agent, cause: kind, message: self.failure.clone() }),
            Some("stopped") => Some(What::Stopped { agent, fenced: self.fenced }),
            _ => None, // Its completion is told as the task's.
        };
        moments.extend(what.map(|what| Moment { at_ms, what }));
        let agent = self.agent.clone();
        if let Some(at_ms) = self.work_ended_ms.filter(|_| self.late) {
            let what = What::Refused { agent: agent.clone(), number: self.number, token };
            moments.push(Moment { at_ms, what });
        }
        let cut = self.work_ended_ms.filter(|ended_ms| self.fenced && *ended_ms > at_ms);
        let what = What::WorkEnded { agent, token };
        moments.extend(cut.map(|at_ms| Moment { at_ms, what }));
    }
}

impl Step {
    fn read(row: &Row<'_>) -> rusqlite::Result<Step> {
        let outcome: Option<String> = row.get("outcome")?;
        Ok(Step {
            step: row.get("step")?,
            kind: row.get("kind")?,
            child: maybe_number(row, "child")?,
            capability: row.get("capability")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            due_ms: row.get("due_ms")?,
            tries: number(row, "tries")?,
            outcome,
            failure: row.get("failure")?,
        })
    }

    /// Whether a wait that begins then waits for it.
    pub(super) fn is_open_at(&self, at_ms: i64) -> bool {
        self.started_ms <= at_ms && self.ended_ms.is_none_or(|ended_ms| ended_ms >= at_ms)
    }

    fn begin(&self, moments: &mut Vec<Moment>) {
        let (step, kind) = (self.step.clone(), self.kind.clone());
        let (child, capability) = (self.child, self.capability.clone());
        let what = What::StepBegan { step, kind, child, capability };
        moments.push(Moment { at_ms: self.started_ms, what });
    }

    fn end(&self, moments: &mut Vec<Moment>) {
        let Some(at_ms) = self.ended_ms else { return };
        let (step, kind) = (self.step.clone(), self.kind.clone());
        let (child, outcome) = (self.child, self.outcome.clone());
        moments.push(Moment { at_ms, what: What::StepEnded { step, kind, child, outcome } });
    }
}
