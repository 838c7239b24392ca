//! How a call to a model fails: what happened, whose fault it is, whether to try again and when.
//!
//! Only what another attempt cannot mend counts as rejected, and so as a result. A wrong key, a
//! model that is not there and a server in trouble are the agent's: another agent may serve the
//! task meanwhile, its breaker opens, and when the operator has mended it the task goes on at this
//! very call.

use kernel::FailureKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why there is no answer. Text from the other side is data, and at most a few hundred bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Error {
    /// Nothing was sent: what was set up will not do.
    #[error("{model}: {what}")]
    Setup {
        /// Which model was asked for.
        model: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// No connection.
    #[error("{model}: {at} cannot be reached ({why}); see `majordomo models`")]
    Unreachable {
        /// Which model.
        model: String,
        /// Where it should be.
        at: String,
        /// What the network says.
        why: String,
    },
    /// Too many calls for this key.
    #[error("{model}: too many calls ({said}){}", later(*retry_after_ms))]
    RateLimited {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
        /// When to come back, if it says so.
        retry_after_ms: Option<u64>,
    },
    /// The other side has too much to do.
    #[error("{model}: it is overloaded ({said}){}", later(*retry_after_ms))]
    Overloaded {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
        /// When to come back, if it says so.
        retry_after_ms: Option<u64>,
    },
    /// The key is missing, wrong, or may not do this.
    #[error("{model}: the key is not accepted ({said}); set {variable}, or see `majordomo models`")]
    Auth {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
        /// The variable that has the key.
        variable: String,
    },
    /// The account has nothing left.
    #[error("{model}: nothing is left on the account ({said}); pay, or use another model")]
    Unpaid {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
    },
    /// There is no such model, or no such address.
    #[error("{model}: it is not there ({said}); see `majordomo models` for what is")]
    NotFound {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
    },
    /// The other side does not take this request, however often it is sent.
    #[error("{model}: the request is not accepted ({status}: {said})")]
    BadRequest {
        /// Which model.
        model: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The conversation is longer than the model can take.
    #[error("{model}: the conversation is too long for it ({said}); send less, or use another")]
    ContextTooLong {
        /// Which model.
        model: String,
        /// What it says.
        said: String,
    },
    /// The other side failed.
    #[error("{model}: it failed ({status}: {said}){}", later(*retry_after_ms))]
    Server {
        /// Which model.
        model: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
        /// When to come back, if it says so.
        retry_after_ms: Option<u64>,
    },
    /// What came is no answer.
    #[error("{model}: what it sent is no answer: {what}")]
    Malformed {
        /// Which model.
        model: String,
        /// What is wrong with it.
        what: String,
    },
    /// The answer broke off.
    #[error("{model}: its answer broke off after {bytes} bytes")]
    Cut {
        /// Which model.
        model: String,
        /// How much had come.
        bytes: usize,
    },
    /// The answer is larger than we take.
    #[error("{model}: its answer is larger than the {max} bytes allowed")]
    TooLarge {
        /// Which model.
        model: String,
        /// The bound, bytes.
        max: usize,
    },
    /// Calls are answered from a recording, and this one is not on it.
    #[error("{model}: {what}")]
    NotRecorded {
        /// Which model.
        model: String,
        /// What is recorded that is most like it, what differs, and what to do.
        what: String,
    },
    /// It took too long.
    #[error("{model}: {waited} took longer than {after_ms} ms")]
    Timeout {
        /// Which model.
        model: String,
        /// What was waited for.
        waited: Waited,
        /// The bound, milliseconds.
        after_ms: u64,
    },
}

/// What was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waited {
    /// A connection.
    Connection,
    /// The first byte of the answer.
    Answer,
    /// The next piece of an answer that had begun.
    NextPiece,
    /// The whole of it.
    Whole,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Waited::Connection => "the connection",
            Waited::Answer => "the beginning of its answer",
            Waited::NextPiece => "the next piece of its answer",
            Waited::Whole => "the whole answer",
        })
    }
}

impl Error {
    /// In the kernel's words, from which follow whose fault it is and whether to try again.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Error::RateLimited { .. } | Error::Overloaded { .. } => FailureKind::Overloaded,
            Error::BadRequest { .. } | Error::NotRecorded { .. } => FailureKind::Rejected,
            Error::ContextTooLong { .. } => FailureKind::Limit,
            Error::Malformed { .. } | Error::TooLarge { .. } => FailureKind::Garbage,
            Error::Timeout { .. } => FailureKind::Timeout,
            Error::Setup { .. }
            | Error::Unreachable { .. }
            | Error::Auth { .. }
            | Error::Unpaid { .. }
            | Error::NotFound { .. }
            | Error::Server { .. }
            | Error::Cut { .. } => FailureKind::Error,
        }
    }

    /// When to come back, if the other side says so.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Error::RateLimited { retry_after_ms, .. }
            | Error::Overloaded { retry_after_ms, .. }
            | Error::Server { retry_after_ms, .. } => *retry_after_ms,
            Error::Setup { .. }
            | Error::Unreachable { .. }
            | Error::Auth { .. }
            | Error::Unpaid { .. }
            | Error::NotFound { .. }
            | Error::BadRequest { .. }
            | Error::ContextTooLong { .. }
            | Error::Malformed { .. }
            | Error::Cut { .. }
            | Error::TooLarge { .. }
            | Error::NotRecorded { .. }
            | Error::Timeout { .. } => None,
        }
    }
}

fn later(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(String::new, |ms| format!("; ask again in {ms} ms"))
}
