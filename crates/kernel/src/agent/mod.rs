//! Agents: who they are, what they serve, and one transition a file.

mod breaker;
mod drain;
mod join;
mod leave;
mod life;
mod pause;
mod resize;
pub(crate) mod supervise;

pub(crate) use breaker::{force, judge, let_back};
pub(crate) use drain::{dismiss, drain};
pub(crate) use join::join;
pub(crate) use leave::leave;
pub(crate) use life::Next;
pub use life::{Life, Plan, Stage};
pub(crate) use pause::{pause, unpause};
pub(crate) use resize::resize;
pub use supervise::{Exit, Level, Restart, Strategy, Supervision, Supervisor, Supervisors, Tier};

use crate::{AgentId, Labels, Record, Text, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an agent says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// Unique among live agents.
    pub name: Text,
    /// `native`, `command`, `builtin`, `workflow`, …: for people; the kernel treats all alike.
    pub kind: Text,
    /// What it is good at, for whoever chooses between agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Text>,
    /// Serves tasks of this team only.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub team: Text,
    /// What it can do.
    pub serves: Vec<Serves>,
    /// How many tasks it works on at once.
    pub slots: u32,
    /// Before others that serve the same, whatever the load; higher goes first.
    #[serde(default)]
    pub prefer: i32,
    /// It lives outside this process: its leases outlive a restart of ours.
    #[serde(default)]
    pub remote: bool,
    /// For people and for constraints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: Labels,
    /// When it is started again after it has ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restart: Restart,
    /// How long it may take to stop before it is ended.
    #[serde(default = "shutdown_ms", skip_serializing_if = "is_usual_shutdown")]
    pub shutdown_ms: u64,
}

/// OTP's default for workers: 5 s.
const SHUTDOWN_MS: u64 = 5_000;

impl AgentSpec {
    /// A local agent with nothing special about it.
    pub fn new(
        name: impl Into<Text>,
        kind: impl Into<Text>,
        serves: Vec<Serves>,
        slots: u32,
    ) -> AgentSpec {
        AgentSpec {
            name: name.into(),
            kind: kind.into(),
            about: None,
            team: Text::default(),
            serves,
            slots,
            prefer: 0,
            remote: false,
            labels: Labels::new(),
            restart: Restart::default(),
            shutdown_ms: SHUTDOWN_MS,
        }
    }
}

/// One capability at one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Serves {
    /// `code.review`.
    pub capability: Text,
    /// 1 and up; 0 where nobody counts.
    pub version: u32,
}

/// One agent's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its number.
    pub id: AgentId,
    /// What it said when it joined last.
    pub spec: Arc<AgentSpec>,
    /// Whether it gets work.
    pub presence: Presence,
    /// When it joined last.
    pub joined_at: Time,
    /// Tasks it completed.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// How many of them it had completed when it joined last.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub completed_before: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// How well it has done lately.
    #[serde(default, skip_serializing_if = "Record::is_blank")]
    pub record: Record,
    /// Whether what is behind it runs.
    #[serde(default)]
    pub life: Life,
}

impl Agent {
    /// Slots that its load is measured against at most: one when it joins, and one more for each
    /// task that it completes.
    pub(crate) fn window(&self) -> u32 {
        let since = self.completed.saturating_sub(self.completed_before);
        u32::try_from(since).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Attempts of which it is known how they went.
    #[must_use]
    pub fn results(&self) -> u64 {
        self.completed.saturating_add(self.failed)
    }
}

fn is_nothing(count: &u64) -> bool {
    *count == 0
}

/// Whether an agent gets work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It does.
    Active,
    /// Not now; what it has, it finishes.
    Paused,
    /// Never again: it finishes what it has, and then it is gone.
    Draining,
    /// It is gone.
    Left,
}

fn is_default(restart: &Restart) -> bool {
    *restart == Restart::default()
}

fn shutdown_ms() -> u64 {
    SHUTDOWN_MS
}

fn is_usual_shutdown(ms: &u64) -> bool {
    *ms == SHUTDOWN_MS
}

fn is_empty(text: &Text) -> bool {
    text.is_empty()
}
