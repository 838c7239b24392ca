//! What messages of the protocol carry beside their own fields.

use super::Failure;
use runtime::bus::Overflow;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message that a program sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// What it is about.
    pub subject: String,
    /// The name of its schema.
    pub schema: String,
    /// And the version.
    pub version: u32,
    /// Its contents.
    pub body: Value,
}

/// A message that a program hears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// Who sent it: an agent's name, filled in by the bus.
    pub sender: String,
    /// What it says; its body is null where it cannot be read.
    #[serde(flatten)]
    pub said: Said,
    /// When it was sent, by the sender's clock, in milliseconds since 1970.
    pub sent_at_ms: u64,
    /// Messages of this subscription that were lost so far, for want of room in its queue.
    pub dropped: u64,
    /// Why the body cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// What a program wants to hear, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// What it is to be about: a subject, or a pattern with `*` and `>`. Absent: what is said to
    /// everybody of the agent's team, and to its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// As one of this group, of whom one gets each message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Messages that may wait; 1,024 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
    /// What happens to more; the oldest make room if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

/// What to do with a step that was begun and of which nobody knows how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Say `unknown`.
    Fail,
    /// Perform it again.
    Retry,
    /// Ask a person; the answer comes when the person has answered.
    AskHuman,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was performed.
    Ok {
        /// What it gave.
        #[serde(default)]
        value: Value,
    },
    /// It failed.
    Failed {
        /// How.
        failure: Failure,
    },
}
