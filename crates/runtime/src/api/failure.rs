//! How work fails, as users see it: what kind, in which words, and when to come back.

use crate::port::schemas::Mismatch;
use crate::{bus, llm};
use kernel::{FailedAttempt, FailureKind, Outcome, Refusal};
use std::any::Any;
use std::fmt;

/// The result of agents' code and of everything asked through a [`super::Context`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why something was not done.
///
/// Any error converts into one by `?`, as a retryable [`FailureKind::Error`], one of the bus or of
/// a model as what it is; for that reason it is not itself a `std::error::Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is, and whether to try again.
    pub kind: FailureKind,
    /// For people. Text from an agent is data: shown, never interpreted.
    pub message: String,
    /// Not before this many milliseconds.
    pub retry_after_ms: Option<u64>,
    /// With which attempt the task that was asked for ended, where one was under way. It stands in
    /// the journal with the end of that task; what an agent says here of its own failure is not
    /// heard.
    pub attempt: Option<Box<FailedAttempt>>,
    /// Where an input or an output was not what its schema asks for, as whoever handed it over
    /// hears it; of a failure in the journal there are only the words.
    pub mismatch: Option<Box<Mismatch>>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        let (message, retry_after_ms, attempt, mismatch) = (message.into(), None, None, None);
        Failure { kind, message, retry_after_ms, attempt, mismatch }
    }

    /// It did not work; another attempt may.
    pub fn error(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Error, message)
    }

    /// The input is no good; another attempt cannot help.
    pub fn rejected(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Rejected, message)
    }

    /// What the kernel's answer means to whoever asked.
    pub(crate) fn refused(refusal: &Refusal) -> Failure {
        let kind = match refusal {
            Refusal::Overloaded { .. } | Refusal::OverQuota { .. } => FailureKind::Overloaded,
            Refusal::Drift { .. } => FailureKind::Drift,
            Refusal::OverBudget { .. } | Refusal::OverCeiling(_) => FailureKind::OverBudget,
            Refusal::Loop { .. }
            | Refusal::PingPong { .. }
            | Refusal::Repeats { .. }
            | Refusal::TooDeep { .. }
            | Refusal::TooMany { .. }
            | Refusal::TooOften { .. }
            | Refusal::BadTerms { .. }
            | Refusal::TooLarge { .. } => FailureKind::Limit,
            Refusal::StaleToken | Refusal::Draining => FailureKind::Lost,
            Refusal::UnknownTask(_)
            | Refusal::UnknownAgent(_)
            | Refusal::UnknownName(_)
            | Refusal::NotServed { .. }
            | Refusal::UnknownSchedule(_)
            | Refusal::Topic(_)
            | Refusal::NotAsked(_)
            | Refusal::NameTaken(_)
            | Refusal::KeyReused { .. }
            | Refusal::StepNotBegun(_)
            | Refusal::NotPermitted { .. } => FailureKind::Rejected,
        };
        let retry_after_ms = match refusal {
            Refusal::Overloaded { retry_after_ms } | Refusal::OverQuota { retry_after_ms, .. } => {
                Some(*retry_after_ms)
            }
            _ => None,
        };
        Failure { retry_after_ms, ..Failure::new(kind, describe(refusal)) }
    }

    /// A failure as it stands in the journal.
    pub(crate) fn recorded(failure: &kernel::Failure) -> Failure {
        let kernel::Failure { kind, message, retry_after_ms, attempt } = failure.clone();
        Failure { retry_after_ms, attempt, ..Failure::new(kind, message.to_string()) }
    }

    /// A step that did not complete, as its parent sees it.
    pub(crate) fn of_step(step: &str, outcome: &Outcome) -> Failure {
        Failure::of(&format!("step {step}"), outcome)
    }

    /// A task that did not complete; `what` names it.
    pub(crate) fn of(what: &str, outcome: &Outcome) -> Failure {
        match outcome {
            Outcome::Completed(_) => Failure::error(format!("{what} completed")),
            Outcome::Failed(failure) => {
                let message = format!("{what} failed: {}", failure.message);
                Failure { attempt: failure.attempt.clone(), ..Failure::new(failure.kind, message) }
            }
            Outcome::Cancelled(reason) => {
                let message = format!("{what} was cancelled: {reason}");
                Failure::new(FailureKind::Child, message)
            }
            Outcome::Dead(failure) => {
                let message = format!("{what} used up its attempts: {}", failure.message);
                let attempt = failure.attempt.clone();
                Failure { attempt, ..Failure::new(FailureKind::Child, message) }
            }
        }
    }
}

/// A refusal in words: what, and what to do next.
#[must_use]
pub fn describe(refusal: &Refusal) -> String {
    refusal.to_string()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.attempt {
            Some(attempt) => write!(f, " ({attempt})"),
            None => Ok(()),
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        let llm = (&error as &dyn Any).downcast_ref::<llm::Error>();
        let kind = llm.map_or_else(|| bus::Error::kind_of(&error), llm::Error::kind);
        let retry_after_ms = llm.and_then(llm::Error::retry_after_ms);
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(why) = cause {
            message.push_str(&format!(": {why}"));
            cause = why.source();
        }
        Failure { retry_after_ms, ..Failure::new(kind, message) }
    }
}

/// To the kernel's words.
pub(crate) fn to_kernel(failure: Failure) -> kernel::Failure {
    // What an agent says is kept, but not at any length: it is journaled with every attempt.
    const MESSAGE_MAX: usize = 4 * 1024;
    let mut message = failure.message;
    if message.len() > MESSAGE_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
        message.push('…');
    }
    let retry_after_ms = failure.retry_after_ms;
    kernel::Failure { retry_after_ms, ..kernel::Failure::new(failure.kind, message) }
}
