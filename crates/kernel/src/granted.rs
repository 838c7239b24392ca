//! What is written down of a lease when it is granted.

use crate::{AgentId, Decision, TaskId, Time, Token};
use serde::{Deserialize, Serialize};

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Granted {
    pub task: TaskId,
    pub agent: AgentId,
    pub token: Token,
    pub until: Time,
    /// No preemption takes it back: see [`crate::Lease::firm`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub firm: bool,
    /// Why this agent.
    pub why: Decision,
}
