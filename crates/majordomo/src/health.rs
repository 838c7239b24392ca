//! Whether all is well with a data directory, as one answer: asked of the process that holds it
//! when one does, and of the views in any case.

use crate::control::{Door, Response};
use crate::data::DataDir;
use adapters::views::read::{Agent, Breaker, Filter, Reader, Task};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A task that could be worked on and has waited for longer than this is worth a look.
const WAIT_LONG_MS: i64 = 60_000;
/// So many hundredths of the room that the data may take are worth a look.
const FULL_PERCENT: u64 = 80;
/// A disk with less than this left is as good as full.
const FREE_MIN_BYTES: u64 = 256 << 20;
/// A process that does not answer within this time does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    #[default]
    Fine,
    /// Work gets done, and something wants to be looked at.
    Degraded,
    /// Work does not get done.
    Bad,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad.
    pub level: Level,
    /// What is wrong and what to do, in words.
    pub what: String,
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst of all problems.
    pub level: Level,
    /// What is wrong, worst first.
    pub problems: Vec<Problem>,
    /// The process that holds the data, if one does and answers.
    pub holder_pid: Option<u32>,
    /// Tasks that have not ended.
    pub open_tasks: usize,
    /// How long the task that waits for longest has waited for an agent, milliseconds.
    pub oldest_wait_ms: i64,
    /// Agents kept from a capability because they failed at it, `agent: capability`.
    pub open_breakers: Vec<String>,
    /// Dead letters that nobody has decided on.
    pub dead_letters: usize,
    /// Bytes of journal, blobs and views.
    pub data_bytes: u64,
    /// What journal and blobs may take.
    pub data_max_bytes: u64,
    /// Bytes left on the disk, where the system tells.
    pub free_bytes: Option<u64>,
}

/// Looks at everything there is to look at.
///
/// # Errors
/// There is no such data, or its views cannot be read.
pub fn look(data: &DataDir) -> anyhow::Result<Health> {
    let mut health = Health::default();
    holder(data, &mut health)?;
    let views = Reader::open(data.views())?;
    let found = problems(&views, wall_ms())?;
    health.oldest_wait_ms = found.oldest_wait_ms;
    health.open_tasks = found.open_tasks;
    health.open_breakers = found.open_breakers;
    health.dead_letters = found.dead_letters;
    health.problems.extend(found.problems);
    if health.holder_pid.is_none() && health.open_tasks > 0 && health.problems.is_empty() {
        let what = format!(
            "{} tasks are open and no process works on them; `majordomo resume` goes on",
            health.open_tasks
        );
        health.problems.push(Problem { level: Level::Degraded, what });
    }
    disk(data, &mut health);
    health.problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
    health.level = health.problems.first().map_or(Level::Fine, |problem| problem.level);
    Ok(health)
}

/// The moment that views are looked at: now while a process works on the data, for then what goes
/// on has gone on until now; else that of the last thing that happened.
///
/// # Errors
/// There is no such data, or its views cannot be read.
pub fn moment(data: &DataDir, views: &Reader) -> anyhow::Result<i64> {
    let applied_ms = views.applied_ms()?;
    Ok(if Door::of(data)?.is_held() { applied_ms.max(wall_ms()) } else { applied_ms })
}

fn wall_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn holder(data: &DataDir, health: &mut Health) -> anyhow::Result<()> {
    match Door::of(data)?.hello(ANSWER_WITHIN) {
        Ok(Some(Response::Here { pid, .. })) => health.holder_pid = Some(pid),
        Ok(Some(_) | None) => {}
        Err(why) => {
            let what = format!("the process that holds the data does not answer: {why}");
            health.problems.push(Problem { level: Level::Bad, what });
        }
    }
    Ok(())
}

/// What the views tell.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) problems: Vec<Problem>,
    oldest_wait_ms: i64,
    open_tasks: usize,
    open_breakers: Vec<String>,
    dead_letters: usize,
}

/// What is wrong by the views, as of this moment.
pub(crate) fn problems(views: &Reader, now_ms: i64) -> Result<Found, adapters::views::Error> {
    let (agents, breakers) = (views.agents()?, views.breakers()?);
    let open = views.tasks(&Filter { open: true, limit: 0, ..Filter::default() })?;
    let mut found = Found { open_tasks: open.len(), ..Found::default() };
    shut_out(&breakers, &mut found);
    idle(&agents, &open, &mut found);
    let wait_ms = |task: &&Task| now_ms - task.ready_ms.unwrap_or(task.accepted_ms);
    let waiting = open.iter().filter(|task| task.status == "queued");
    if let Some(oldest) = waiting.max_by_key(wait_ms) {
        found.oldest_wait_ms = wait_ms(&oldest).max(0);
        if found.oldest_wait_ms > WAIT_LONG_MS {
            let (s, id) = (found.oldest_wait_ms / 1_000, oldest.id);
            found.add(
                Level::Degraded,
                format!("task {id} has waited {s} s; `majordomo why {id}` says for what"),
            );
        }
    }
    found.dead_letters = views.dead()?.len();
    if found.dead_letters > 0 {
        let what = format!("dead letters: {}; see `majordomo dead list`", found.dead_letters);
        found.add(Level::Degraded, what);
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, level: Level, what: String) {
        self.problems.push(Problem { level, what });
    }
}

/// Agents that are kept from something.
fn shut_out(breakers: &[Breaker], found: &mut Found) {
    let shut = breakers.iter().filter(|it| ["open", "forced_open"].contains(&&*it.state));
    for breaker in shut {
        let Breaker { agent, capability, state, .. } = breaker;
        found.open_breakers.push(format!("{agent}: {capability}"));
        let why = match (&**state, breaker.why.as_deref()) {
            ("forced_open", _) => "an operator says so; `majordomo agents breaker` undoes it",
            (_, Some("slow")) => "it was too slow",
            (_, Some("probe")) => "it was tried again and failed",
            (_, _) => "it failed too often",
        };
        found.add(Level::Degraded, format!("{agent} gets no {capability}: {why}"));
    }
}

/// Work that waits while nobody may take it.
fn idle(agents: &[Agent], open: &[Task], found: &mut Found) {
    let queued = open.iter().filter(|task| task.status == "queued").count();
    let present: Vec<&Agent> = agents.iter().filter(|it| it.presence != "left").collect();
    if queued > 0 && !present.is_empty() && present.iter().all(|it| it.presence == "paused") {
        let what = format!("every agent is paused and {queued} tasks wait; `majordomo unpause`");
        found.add(Level::Bad, what);
    }
}

fn disk(data: &DataDir, health: &mut Health) {
    health.data_max_bytes = runtime::Bounds::default().data_max_bytes;
    let kept = bytes_below(&data.journal()) + bytes_below(&data.blobs());
    let views = std::fs::metadata(data.views()).map_or(0, |it| it.len());
    health.data_bytes = kept + views;
    health.free_bytes = free_bytes(data.path());
    if kept * 100 >= health.data_max_bytes * FULL_PERCENT {
        let (used, max) = (kept >> 20, health.data_max_bytes >> 20);
        let what = format!(
            "the data takes {used} MiB of the {max} MiB allowed; forget old runs or raise it"
        );
        health.problems.push(Problem { level: Level::Degraded, what });
    }
    if health.free_bytes.is_some_and(|free| free < FREE_MIN_BYTES) {
        let what = "the disk is nearly full: new work is refused soon; free some".to_owned();
        health.problems.push(Problem { level: Level::Bad, what });
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(path).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The sum of all files below; what goes away meanwhile counts nothing.
fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |it| it.len()),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
