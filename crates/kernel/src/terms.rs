//! What a task asks for: the terms that many tasks share, and the words for how tasks end.

use crate::{AgentId, Constraint, Payload, TaskId, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What every task of one kind has in common. Tasks with equal terms share one copy in memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Terms {
    /// The name of the capability, `code.review`.
    pub capability: Text,
    /// Which versions of it will do.
    #[serde(default, skip_serializing_if = "Versions::is_any")]
    pub versions: Versions,
    /// Only agents of this team may serve it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub team: Text,
    /// Whose work it is, for fairness between tenants.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub tenant: Text,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Class::is_normal")]
    pub class: Class,
    /// How often and how fast to try again.
    #[serde(default, skip_serializing_if = "RetryPolicy::is_default")]
    pub retry: RetryPolicy,
    /// Milliseconds one attempt may work; time spent waiting for children or timers is apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The capabilities that this task and everything below it may ask for; `None` is all. A child
    /// never has more than its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may: Option<Arc<BTreeSet<Text>>>,
    /// Only agents whose labels meet this may serve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Arc<Constraint>>,
    /// Agents whose labels meet this go before the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Arc<Constraint>>,
    /// How many of an agent's slots it takes; 1 and up.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u32,
    /// Nobody but this agent may serve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<AgentId>,
    /// It may be stopped and begun again later, to make room for more urgent work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preemptible: bool,
}

impl Terms {
    /// The plainest terms: any version, no tenant, normal class, default retries.
    pub fn new(capability: impl Into<Text>) -> Terms {
        Terms {
            capability: capability.into(),
            versions: Versions::ANY,
            team: Text::default(),
            tenant: Text::default(),
            class: Class::Normal,
            retry: RetryPolicy::default(),
            timeout_ms: None,
            may: None,
            require: None,
            wish: None,
            weight: 1,
            only: None,
            preemptible: false,
        }
    }
}

fn one() -> u32 {
    1
}

pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_one(weight: &u32) -> bool {
    *weight == 1
}

pub(crate) fn is_empty(text: &Text) -> bool {
    text.is_empty()
}

/// A range of versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest that will do.
    pub min: u32,
    /// The newest that will do.
    pub max: u32,
}

impl Versions {
    /// Every version.
    pub const ANY: Versions = Versions { min: 0, max: u32::MAX };

    /// This version and no other.
    #[must_use]
    pub fn exactly(version: u32) -> Versions {
        Versions { min: version, max: version }
    }

    /// Whether `version` will do.
    #[must_use]
    pub fn contains(self, version: u32) -> bool {
        (self.min..=self.max).contains(&version)
    }

    fn is_any(&self) -> bool {
        *self == Versions::ANY
    }
}

impl Default for Versions {
    fn default() -> Versions {
        Versions::ANY
    }
}

/// Priority classes; each gets its weight's share of the grants when all have work.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// 16 of 31.
    Critical,
    /// 8 of 31.
    High,
    /// 4 of 31.
    #[default]
    Normal,
    /// 2 of 31.
    Low,
    /// 1 of 31.
    Background,
}

impl Class {
    /// All classes, most urgent first.
    pub const ALL: [Class; 5] =
        [Class::Critical, Class::High, Class::Normal, Class::Low, Class::Background];

    /// Its share of the grants.
    #[must_use]
    pub fn weight(self) -> u32 {
        match self {
            Class::Critical => 16,
            Class::High => 8,
            Class::Normal => 4,
            Class::Low => 2,
            Class::Background => 1,
        }
    }

    fn is_normal(&self) -> bool {
        *self == Class::Normal
    }
}

/// How often and how fast to try again: full jitter in `[0, min(cap, base × 2ⁿ)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts that count against the task before it is set aside as dead.
    pub attempts_max: u32,
    /// The first delay's upper bound, milliseconds.
    pub base_ms: u64,
    /// No delay's upper bound is above this, milliseconds.
    pub cap_ms: u64,
}

impl Default for RetryPolicy {
    /// 5 attempts (gRPC's cap), from 1 s doubling (Temporal's start) up to 60 s.
    fn default() -> RetryPolicy {
        RetryPolicy { attempts_max: 5, base_ms: 1_000, cap_ms: 60_000 }
    }
}

impl RetryPolicy {
    fn is_default(&self) -> bool {
        *self == RetryPolicy::default()
    }
}

/// How a task, a `once` or a timer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what was asked.
    Completed(Payload),
    /// It cannot be done, and trying again would not help.
    Failed(Failure),
    /// Somebody called it off; the reason.
    Cancelled(Text),
    /// Every attempt was used up; it is set aside with all its failures.
    Dead(Failure),
}

impl Outcome {
    /// What it gave, if it completed.
    #[must_use]
    pub fn output(&self) -> Option<&Payload> {
        match self {
            Outcome::Completed(payload) => Some(payload),
            Outcome::Failed(_) | Outcome::Cancelled(_) | Outcome::Dead(_) => None,
        }
    }
}

/// Why an attempt, or a task, did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, and so whose fault it is and whether to try again.
    pub kind: FailureKind,
    /// In words, for people. Data from an agent: never interpreted.
    pub message: Text,
    /// The agent asks not to be tried again before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With which attempt its task ended. The kernel says so, never an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Box<FailedAttempt>>,
}

/// The attempt with which a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// By the agent of this name.
    pub agent: Text,
    /// 1 for the first that was charged to the task.
    pub number: u32,
    /// How many may be charged before the task is set aside as dead.
    pub of: u32,
}

impl fmt::Display for FailedAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FailedAttempt { agent, number, of } = self;
        write!(f, "agent {agent}, attempt {number} of {of}")
    }
}

impl Failure {
    /// A failure without a wish about when to retry, and of no attempt yet.
    pub fn new(kind: FailureKind, message: impl Into<Text>) -> Failure {
        Failure { kind, message: message.into(), retry_after_ms: None, attempt: None }
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent said so; trying again may help.
    Error,
    /// The input is no good; trying again cannot help.
    Rejected,
    /// The agent's code panicked.
    Panic,
    /// The agent's process died.
    Crash,
    /// The attempt worked longer than it may.
    Timeout,
    /// The agent fell silent until its lease ran out.
    LeaseExpired,
    /// The agent has too much to do; it may say when to come back.
    Overloaded,
    /// The answer is not of the promised form.
    Garbage,
    /// The task's deadline passed.
    Deadline,
    /// The tree's budget is used up.
    OverBudget,
    /// A step was asked again with another capability or input than recorded.
    Drift,
    /// A side effect may or may not have happened, and its `once` says to stop then.
    Unknown,
    /// A limit of the run (depth, tasks, size) stood in the way.
    Limit,
    /// A child did not complete.
    Child,
    /// It made room for more urgent work while the queue was full.
    Shed,
    /// The team is not set up for it: a secret is missing, or its agent may not have it.
    Setup,
    /// Lost with the runtime too often to be chance.
    Lost,
}

impl FailureKind {
    /// Whether another attempt may go better.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            FailureKind::Error
            | FailureKind::Panic
            | FailureKind::Crash
            | FailureKind::Timeout
            | FailureKind::LeaseExpired
            | FailureKind::Overloaded
            | FailureKind::Garbage
            | FailureKind::Lost => true,
            FailureKind::Rejected
            | FailureKind::Deadline
            | FailureKind::OverBudget
            | FailureKind::Drift
            | FailureKind::Unknown
            | FailureKind::Limit
            | FailureKind::Child
            | FailureKind::Shed
            | FailureKind::Setup => false,
        }
    }

    /// Whose fault it is: the agent's, or that of the task, its tree or our own process. Only the
    /// agent's own faults count in its record and in its breakers.
    #[must_use]
    pub fn is_agents_fault(self) -> bool {
        match self {
            FailureKind::Error
            | FailureKind::Panic
            | FailureKind::Crash
            | FailureKind::Timeout
            | FailureKind::LeaseExpired
            | FailureKind::Overloaded
            | FailureKind::Garbage => true,
            FailureKind::Rejected
            | FailureKind::Deadline
            | FailureKind::OverBudget
            | FailureKind::Drift
            | FailureKind::Unknown
            | FailureKind::Limit
            | FailureKind::Child
            | FailureKind::Shed
            | FailureKind::Setup
            | FailureKind::Lost => false,
        }
    }
}

/// How an attempt was lost through no fault of task or agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The process that ran it ended.
    RuntimeEnded,
    /// It was given back in a drain.
    HandedBack,
    /// The agent left.
    AgentLeft,
    /// The agent was stopped, to be started again.
    AgentRestarted,
    /// It was stopped to make room for more urgent work.
    Preempted {
        /// The task that there was no room for.
        by: TaskId,
    },
}

impl Loss {
    /// Whether the work behind the attempt may still be going on and is to be ended.
    #[must_use]
    pub fn stops(self) -> bool {
        match self {
            Loss::AgentLeft | Loss::AgentRestarted | Loss::Preempted { .. } => true,
            Loss::RuntimeEnded | Loss::HandedBack => false,
        }
    }
}
