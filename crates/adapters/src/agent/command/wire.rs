//! The messages of the *jsonl* protocol, version 3: one JSON object a line, both ways.
//! `docs/wire.md` tells it to people; its transcript is replayed against these types.
//!
//! **What may change.** A field may be added at any time, so both sides ignore fields they do not
//! know. A message type is added only with a higher [`VERSION`], which is used only after the agent
//! has named it in `ready`; so a type that is not known is a mistake, and is said to be one.
//!
//! Ids are strings, since not every language has integers of 64 bits. Every message that speaks for
//! a task carries the *token* of the attempt: what comes from an older attempt is not heard.

mod parts;

pub use parts::{Heard, OnUnknown, Outcome, Said, Wanted};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version spoken here. 2: `publish`, `subscribe` and what belongs to them. 3: `partial` and
/// `text`.
pub const VERSION: u32 = 3;

/// From Majordomo to the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToAgent {
    /// The first line.
    Hello {
        /// The highest version we speak.
        version: u32,
        /// The longest line we accept, in bytes.
        line_max_bytes: usize,
    },
    /// Work. The next comes only after this one's `result` or `error`.
    Task {
        /// The task.
        task: String,
        /// Proof of the right to report on it; new for every attempt, and rising.
        token: String,
        /// 1 for the first attempt.
        attempt: u32,
        /// The run it belongs to.
        run: String,
        /// The same on every attempt: what an outside service takes as its idempotency key.
        key: String,
        /// What is asked for.
        capability: String,
        /// The question.
        input: Value,
    },
    /// The answer to `ask`, `once`, `done`, `publish` or `subscribe`.
    Reply {
        /// The number of the call.
        id: u64,
        /// What came of it.
        #[serde(flatten)]
        answer: Answer,
    },
    /// What a subscription has heard; only to who has said `subscribe`.
    Message {
        /// The number of the call that opened it.
        subscription: u64,
        /// What was heard.
        #[serde(flatten)]
        heard: Heard,
    },
    /// A subscription hears nothing more.
    Ended {
        /// The number of the call that opened it.
        subscription: u64,
        /// `overflow`: its queue was full, and it was to end then. `bus`: the bus has ended.
        /// `attempt`: the attempt has.
        why: String,
    },
    /// Stop working on this task and say `error` with kind `cancelled`; KILL follows the grace.
    Cancel {
        /// The attempt's token.
        token: String,
    },
    /// No more tasks will come: exit.
    Shutdown {},
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is done: the child's output, the step's recorded result, or null for `done`.
    Ok {
        /// The value.
        value: Value,
    },
    /// It failed: the child, or the step as it was recorded.
    Failed {
        /// How.
        failure: Failure,
    },
    /// For `once`: perform the step now, then say `done`.
    Run {
        /// The step's own idempotency key, the same on every attempt.
        key: String,
    },
    /// For `once`: an earlier attempt began the step and died; nobody knows whether it happened.
    Unknown {},
}

/// A failure as it crosses the pipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// From an agent: `error` (may be tried again), `rejected` (this input will never do),
    /// `overloaded` (not now), `unknown` (whether a step was
    /// performed), `cancelled`. To an agent: these and whatever else ends a child.
    pub kind: String,
    /// For people.
    pub message: String,
    /// Not before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// From the agent to Majordomo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromAgent {
    /// The answer to `hello`.
    Ready {
        /// The version it will speak, at most ours.
        version: u32,
        /// What it serves; what is configured must be among them.
        serves: Vec<String>,
        /// How often it will say something while it works. Absent: it promises nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat_ms: Option<u64>,
    },
    /// A child task, answered by `reply`. Until then the attempt holds no slot.
    Ask {
        /// The attempt's token.
        token: String,
        /// Chosen by the agent, not used before by this process.
        id: u64,
        /// What is asked for.
        capability: String,
        /// The question.
        input: Value,
        /// The step key; absent: the capability and its ordinal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// May this step be performed? Answered by `reply`.
    Once {
        /// The attempt's token.
        token: String,
        /// As for `ask`.
        id: u64,
        /// The step's name, unique in the task.
        step: String,
        /// The older way to say `on_unknown: "retry"`.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        retry: bool,
        /// What to do when nobody knows whether it happened; `fail` if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_unknown: Option<OnUnknown>,
    },
    /// The step was performed: record the result. Answered by `reply` when that is durable.
    Done {
        /// The attempt's token.
        token: String,
        /// As for `ask`.
        id: u64,
        /// The step's name.
        step: String,
        /// What came of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A message to whoever listens on the bus now. Answered by `reply`, with how many queues took
    /// it, or why it may not.
    Publish {
        /// The attempt's token.
        token: String,
        /// As for `ask`.
        id: u64,
        /// What it says.
        #[serde(flatten)]
        said: Said,
    },
    /// Hear what is said on the bus from now on, until the attempt ends. Answered by `reply`; then
    /// each message is a line.
    Subscribe {
        /// The attempt's token.
        token: String,
        /// As for `ask`, and the number of the subscription.
        id: u64,
        /// What it wants.
        #[serde(flatten)]
        wanted: Wanted,
    },
    /// One more message of a subscription was taken: another may come. No answer.
    Taken {
        /// The attempt's token.
        token: String,
        /// The number of the call that opened it.
        subscription: u64,
    },
    /// Hear no more of it. No answer; what is on its way still comes.
    Unsubscribe {
        /// The attempt's token.
        token: String,
        /// The number of the call that opened it.
        subscription: u64,
    },
    /// How far it is.
    Progress {
        /// The attempt's token.
        token: String,
        /// From 0 to 1, if it can be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fraction: Option<f32>,
        /// For people.
        #[serde(default)]
        message: String,
    },
    /// What there is of the output so far, for whoever watches.
    Partial {
        /// The attempt's token.
        token: String,
        /// In place of what was said before.
        output: Value,
    },
    /// More of a text that it writes, for whoever watches.
    Text {
        /// The attempt's token.
        token: String,
        /// After what was said before.
        piece: String,
        /// Of a new text, and not of the one before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        begins: bool,
    },
    /// Still here. Every other line says that too.
    Heartbeat {},
    /// The answer to `task`.
    Result {
        /// The attempt's token.
        token: String,
        /// The answer.
        output: Value,
    },
    /// The task failed.
    Error {
        /// The attempt's token.
        token: String,
        /// How.
        #[serde(flatten)]
        failure: Failure,
    },
    /// A line for the log.
    Log {
        /// `debug`, `info`, `warn` or `error`; anything else counts as `info`.
        #[serde(default)]
        level: String,
        /// For people.
        message: String,
    },
}

impl FromAgent {
    /// For which attempt it speaks; `None`: for the process itself.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Ask { token, .. }
            | Self::Once { token, .. }
            | Self::Done { token, .. }
            | Self::Publish { token, .. }
            | Self::Subscribe { token, .. }
            | Self::Taken { token, .. }
            | Self::Unsubscribe { token, .. }
            | Self::Progress { token, .. }
            | Self::Partial { token, .. }
            | Self::Text { token, .. }
            | Self::Result { token, .. }
            | Self::Error { token, .. } => Some(token),
            Self::Ready { .. } | Self::Heartbeat {} | Self::Log { .. } => None,
        }
    }

    /// The first version that has it, and its name.
    pub fn since(&self) -> (u32, &'static str) {
        match self {
            Self::Partial { .. } => (3, "partial"),
            Self::Text { .. } => (3, "text"),
            Self::Publish { .. } => (2, "publish"),
            Self::Subscribe { .. } => (2, "subscribe"),
            Self::Taken { .. } => (2, "taken"),
            Self::Unsubscribe { .. } => (2, "unsubscribe"),
            Self::Ready { .. } => (1, "ready"),
            Self::Ask { .. } => (1, "ask"),
            Self::Once { .. } => (1, "once"),
            Self::Done { .. } => (1, "done"),
            Self::Progress { .. } => (1, "progress"),
            Self::Heartbeat {} => (1, "heartbeat"),
            Self::Result { .. } => (1, "result"),
            Self::Error { .. } => (1, "error"),
            Self::Log { .. } => (1, "log"),
        }
    }
}

impl ToAgent {
    /// The line, with its line break.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("these types have only string keys");
        line.push(b'\n');
        line
    }
}
