//! What is written down of a lease when it is granted.

use crate::{AgentId, Decision, TaskId, Time, Token};
use serde::{Deserialize, Serialize};

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Which task.
    pub task: TaskId,
    /// To whom.
    pub agent: AgentId,
    /// Under which token; higher than every one before.
    pub token: Token,
    /// How long it holds, unless renewed.
    pub until: Time,
    /// No preemption takes it back: see [`crate::Lease::firm`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub firm: bool,
    /// Why this agent.
    pub why: Decision,
}
