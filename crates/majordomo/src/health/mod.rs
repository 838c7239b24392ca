//! Whether all is well with a data directory, as one answer: asked of the process that holds it
//! when one does, and of the views in any case.

mod disk;
mod found;
mod signs;

pub use crate::problem::{DATA_NEAR_PERCENT, FREE_LOW_BYTES, Kind, Level, Problem, WAIT_LONG_MS};
pub(crate) use found::problems;
pub use signs::REFUSED_RECENT_MS;

use crate::control::{Door, Response, Room};
use crate::data::DataDir;
use adapters::views::read::Reader;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A process that does not answer within this time does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst of all problems.
    pub level: Level,
    /// What is wrong, worst first; what is as somebody wanted it comes last.
    pub problems: Vec<Problem>,
    /// The process that holds the data, if one does and answers.
    pub holder_pid: Option<u32>,
    /// Tasks that have not ended.
    pub open_tasks: u64,
    /// How long the task that waits for longest has waited for an agent, milliseconds.
    pub oldest_wait_ms: i64,
    /// Agents that died too often to be started again.
    pub given_up: Vec<String>,
    /// Agents whose signs of life stay out.
    pub suspected: Vec<String>,
    /// Agents kept from a capability, `agent: capability`.
    pub open_breakers: Vec<String>,
    /// Dead letters that nobody has decided on.
    pub dead_letters: u64,
    /// Schedules whose latest due was missed or refused, or waits for room.
    pub schedules: Vec<String>,
    /// Pieces of new work refused for want of room since the process began.
    pub refused: u64,
    /// Bytes of journal, blobs and views.
    pub data_bytes: u64,
    /// What journal and blobs may take: as the process at work was told, else the usual.
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
    let room = holder(data, &mut health)?;
    let views = Reader::open(data.views())?;
    let found = problems(&views, wall_ms())?;
    health.oldest_wait_ms = found.oldest_wait_ms;
    health.open_tasks = found.open_tasks;
    health.given_up = found.given_up;
    health.suspected = found.suspected;
    health.open_breakers = found.open_breakers;
    health.dead_letters = found.dead_letters;
    health.schedules = found.schedules;
    let is_held = health.holder_pid.is_some() || !health.problems.is_empty();
    if !is_held && health.open_tasks > 0 {
        health.problems.push(signs::no_process(health.open_tasks, views.applied_ms()?));
    }
    health.problems.extend(found.problems);
    disk::look(data, room, &mut health);
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

/// Who holds the data, and the room there is as they see it.
fn holder(data: &DataDir, health: &mut Health) -> anyhow::Result<Option<Room>> {
    match Door::of(data)?.hello(ANSWER_WITHIN) {
        Ok(Some(Response::Here { pid, room, .. })) => {
            health.holder_pid = Some(pid);
            Ok(Some(room))
        }
        Ok(Some(_) | None) => Ok(None),
        Err(why) => {
            health.problems.push(signs::no_answer(&why.to_string()));
            Ok(None)
        }
    }
}
