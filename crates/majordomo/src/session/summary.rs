//! What has become of a run, for programs: the last line of `majordomo run --json`.

use crate::tally::{Ending, Figures, Tasks};
use kernel::{Cost, Failure, Payload, TaskId};
use runtime::port::Blobs;
use serde::Serialize;
use serde_json::Value;

/// A run in figures, from durable entries alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "summary")]
pub struct Summary {
    /// Its root task.
    pub run: u64,
    /// `open`, `completed`, `failed`, `cancelled` or `dead`.
    pub status: &'static str,
    /// Why it did not complete; none if it did or may yet.
    pub reason: Option<String>,
    /// From its acceptance to its end, milliseconds of kernel time: while no process held the
    /// journal, no time passed. None while it is open.
    pub time_ms: Option<u64>,
    /// How its tasks ended, the root among them.
    pub tasks: Tasks,
    /// Tasks that were accepted and have not ended. In a run that has ended every one counts as
    /// lost: there is none.
    pub tasks_open: u64,
    /// Attempts that began.
    pub attempts: u64,
    /// Attempts lost with a process or its agent, or stopped for more urgent work, and made again.
    pub attempts_lost: u64,
    /// Times an agent of the team was started again while the run was under way.
    pub restarts: u64,
    /// What it has cost; left out where that is nothing.
    #[serde(skip_serializing_if = "is_nothing")]
    pub spent: Cost,
    /// Who worked on it, by name.
    pub agents: Vec<Worked>,
    /// What the run answered; null unless it completed.
    pub outputs: Value,
}

/// What one agent did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worked {
    /// Its name.
    pub name: String,
    /// Tasks it completed.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// Half of its completed attempts worked no longer than this, milliseconds; none if it
    /// completed nothing.
    pub p50_ms: Option<u64>,
}

impl Summary {
    /// Reads the output where it is large, so it may block.
    pub(super) fn of(run: TaskId, figures: Figures, blobs: &dyn Blobs) -> Summary {
        let Figures { began, ended, tasks, agents, attempts, attempts_lost, restarts, spent } =
            figures;
        let time_ms = ended.as_ref().map(|(at, _)| at.since(began));
        let (status, reason, outputs) = match ended.map(|(_, ending)| ending) {
            None => ("open", None, Value::Null),
            Some(Ending::Completed(output)) => ("completed", None, read(&output, blobs)),
            Some(Ending::Failed(Failure { message, .. })) => {
                ("failed", Some(message.to_string()), Value::Null)
            }
            Some(Ending::Cancelled(reason)) => ("cancelled", Some(reason), Value::Null),
            Some(Ending::Dead(Failure { message, .. })) => {
                ("dead", Some(message.to_string()), Value::Null)
            }
        };
        let settled = tasks.completed + tasks.failed + tasks.cancelled + tasks.dead;
        let agents = agents.into_iter().map(|(name, it)| Worked {
            name,
            completed: it.completed,
            failed: it.failed,
            p50_ms: it.times.median_ms(),
        });
        Summary {
            run: run.0,
            status,
            reason,
            time_ms,
            tasks,
            tasks_open: tasks.accepted.saturating_sub(settled),
            attempts,
            attempts_lost,
            restarts,
            spent,
            agents: agents.collect(),
            outputs,
        }
    }
}

fn is_nothing(cost: &Cost) -> bool {
    *cost == Cost::default()
}

/// The value of a payload; null where it was erased.
fn read(payload: &Payload, blobs: &dyn Blobs) -> Value {
    let bytes = payload.inline.clone().or_else(|| blobs.get(&payload.digest.0).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
