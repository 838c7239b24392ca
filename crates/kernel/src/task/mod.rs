//! Tasks: their record, and one transition a file.

mod advise;
mod bid;
mod cancel;
mod dispatch;
mod expire;
mod loops;
mod migrate;
mod preempt;
mod quarantine;
mod retry;
mod settle;
mod shed;
mod spend;
mod step;
mod submit;
mod wait;

pub(crate) use advise::{advice, consult, shortened};
pub(crate) use bid::bids;
pub(crate) use cancel::{cancel, sweep_orphans};
pub(crate) use dispatch::dispatch;
pub(crate) use expire::{expire, promote};
pub use loops::Streak;
pub(crate) use migrate::migrate;
pub(crate) use quarantine::{discard, release};
pub(crate) use retry::{attempt_failed, attempt_lost};
pub(crate) use settle::{completed, ended, failed, handed_back, started};
pub(crate) use spend::spent;
pub(crate) use step::{ask, once, once_done, sleep};
pub(crate) use submit::{check_size, submit};
pub(crate) use wait::wait;

use crate::index::ShapeId;
use crate::{
    AgentId, AttemptId, Budget, Failure, Outcome, Parent, Payload, TaskId, Terms, Text, Time, Token,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One open task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The root of its tree; itself if it is one.
    pub run: TaskId,
    /// The task whose purse it spends from; itself if it has one.
    pub purse: TaskId,
    /// What is asked, on which terms.
    pub terms: Arc<Terms>,
    /// With what.
    pub input: Payload,
    /// Whose step it is.
    pub parent: Option<Box<Parent>>,
    /// Its idempotency key.
    pub key: Option<Box<Text>>,
    /// Its affinity key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Box<Text>>,
    /// A root's budget. Its purse is opened when something is first taken out of it, and counts
    /// then.
    pub budget: Option<Arc<Budget>>,
    /// It must end by then.
    pub deadline: Time,
    /// When it was accepted.
    pub accepted_at: Time,
    /// Where it is in its life.
    pub status: Status,
    /// Leases it has had.
    pub grants: u32,
    /// Attempts charged to it.
    pub failed: u32,
    /// Attempts lost with the runtime.
    pub lost: u32,
    /// 1 for a root.
    pub depth: u32,
    /// It asks for a bid for its parent, and is no step of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bid: bool,
    /// It asks who should get its parent, and is no step of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_advice: bool,
    /// What only some tasks have; absent in a task that just waits for an agent.
    pub past: Option<Box<Past>>,
    /// Which queue it belongs to; derived from the terms.
    #[serde(skip)]
    pub(crate) shape: ShapeId,
}

/// What has happened to a task so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its steps, by key.
    pub steps: BTreeMap<Text, StepRecord>,
    /// Steps of it that have been settled: the next one's place in the order.
    pub settled_steps: u32,
    /// Children and timers that have not ended: what it could wait for.
    pub pending: u32,
    /// Deliveries to the present attempt.
    pub deliveries: u32,
    /// Its failures: the first ones and the latest.
    pub failures: Vec<FailureRecord>,
    /// How often it was preempted.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub preempted: u32,
    /// Its latest calls, as far as they were told the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streak: Option<Box<Streak>>,
}

/// One failure of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// When.
    pub at: Time,
    /// Under which agent.
    pub agent: AgentId,
    /// By which attempt.
    pub token: Token,
    /// What.
    pub failure: Failure,
}

/// A recorded step of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it is.
    pub kind: StepKind,
    /// How it ended, and its place in the order in which this task's steps were settled.
    pub outcome: Option<(u32, Arc<Outcome>)>,
}

/// The kinds of step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A child task.
    Child {
        /// Its number.
        task: TaskId,
        /// What was asked.
        capability: Text,
        /// Names the input it was asked with.
        input: crate::Digest,
    },
    /// A side effect; begun by this attempt.
    Once {
        /// Which attempt began it last.
        token: Token,
    },
    /// A timer.
    Timer {
        /// When it fires.
        due: Time,
    },
}

impl StepKind {
    /// Whether it is this question.
    pub(crate) fn asks(&self, of: &Text, with: crate::Digest) -> bool {
        match self {
            StepKind::Child { capability, input, .. } => capability == of && *input == with,
            StepKind::Once { .. } | StepKind::Timer { .. } => false,
        }
    }

    /// Whether its end wakes a task that waits. A side effect ends in the attempt's own hands.
    pub(crate) fn wakes(&self) -> bool {
        match self {
            StepKind::Child { .. } | StepKind::Timer { .. } => true,
            StepKind::Once { .. } => false,
        }
    }
}

/// Where an open task is in its life. What has ended is no longer here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for an agent, not before a certain time.
    Queued {
        /// From then on it may be granted.
        ready_at: Time,
    },
    /// Granted; the agent has not said yet that it began.
    Assigned(Lease),
    /// The agent is at it.
    Running(Lease),
    /// The agent waits for steps and holds no slot; `true`: there is news, it wants to go on.
    Waiting(Lease, bool),
}

/// The right of one agent to work on a task for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub agent: AgentId,
    /// The proof.
    pub token: Token,
    /// When the present stretch of work began.
    pub since: Time,
    /// When it ends unless renewed.
    pub until: Time,
    /// Work done in earlier stretches of this attempt, milliseconds.
    pub worked_ms: u64,
    /// When the present stretch would use up the working time of its tree.
    pub spent_at: Time,
    /// No preemption takes it back: the task was preempted as often as may be, or it was granted
    /// in its turn though more urgent work waited for the same agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub firm: bool,
}

impl Status {
    /// The lease, if it has one.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Status::Queued { .. } => None,
            Status::Assigned(lease) | Status::Running(lease) | Status::Waiting(lease, _) => {
                Some(lease)
            }
        }
    }

    /// The lease of a task that occupies a slot.
    #[must_use]
    pub fn working(&self) -> Option<&Lease> {
        match self {
            Status::Assigned(lease) | Status::Running(lease) => Some(lease),
            Status::Queued { .. } | Status::Waiting(..) => None,
        }
    }

    /// What the present attempt has worked so far, milliseconds; time spent waiting is apart.
    #[must_use]
    pub fn worked_ms(&self, now: Time) -> u64 {
        match self {
            Status::Queued { .. } => 0,
            Status::Assigned(lease) | Status::Running(lease) => {
                lease.worked_ms.saturating_add(now.since(lease.since))
            }
            Status::Waiting(lease, _) => lease.worked_ms,
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Status::Queued { .. } => "queued",
            Status::Assigned(_) => "assigned",
            Status::Running(_) => "running",
            Status::Waiting(..) => "waiting",
        }
    }
}

impl Task {
    /// The attempt that holds its lease.
    #[must_use]
    pub fn attempt(&self) -> Option<AttemptId> {
        self.status.lease().map(|lease| AttemptId { task: self.id, token: lease.token })
    }

    /// The recorded step of this key.
    #[must_use]
    pub fn step(&self, key: &str) -> Option<&StepRecord> {
        self.past.as_ref()?.steps.get(key)
    }

    /// Steps in the order in which they were settled; the unsettled ones last.
    #[must_use]
    pub fn steps_in_order(&self) -> Vec<(Text, StepRecord)> {
        let steps = self.past.iter().flat_map(|past| &past.steps);
        let mut steps: Vec<_> = steps.map(|(key, step)| (key.clone(), step.clone())).collect();
        steps.sort_by_key(|(_, step)| step.outcome.as_ref().map_or(u32::MAX, |(order, _)| *order));
        steps
    }

    /// When the present stretch of work exceeds what one attempt may work.
    #[must_use]
    pub fn timeout_at(&self) -> Time {
        match (self.status.working(), self.terms.timeout_ms) {
            (Some(lease), Some(ms)) => lease.since.after(ms.saturating_sub(lease.worked_ms)),
            (None, _) | (_, None) => Time::NEVER,
        }
    }

    /// How often it was preempted.
    #[must_use]
    pub fn preempted(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.preempted)
    }

    /// The agent under which it failed last.
    #[must_use]
    pub fn failed_under(&self) -> Option<AgentId> {
        self.past.as_ref()?.failures.last().map(|failure| failure.agent)
    }
}
