//! What the kernel answers. A refusal is an answer: it changed nothing, and says what to do.

use crate::{AgentId, Outcome, QuotaOf, Reached, TaskId, Text, topic};
use std::sync::Arc;

/// What a command led to, for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is so.
    Done,
    /// The task is accepted: it will end in exactly one of completed, failed, cancelled, dead.
    Accepted(Receipt),
    /// The agent has joined under this number.
    Joined(AgentId),
    /// The step is under way; its outcome will be delivered.
    Pending,
    /// The step ended in an earlier life; this is its outcome.
    Recorded(Arc<Outcome>),
    /// Go on and perform the side effect.
    Perform,
    /// An earlier attempt began the side effect and never said how it went.
    Unknown,
    /// The message is durable.
    Published {
        /// Its number in its topic.
        seq: u64,
        /// False when the key was known: nothing new was made.
        fresh: bool,
        /// Durable names that it is kept for; 0: nobody is there.
        subscribers: u32,
    },
    /// Do not wait: a delivery is on its way that this attempt has not taken in.
    News,
}

/// The promise made to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The task.
    pub task: TaskId,
    /// False when the key was known: nothing new was made.
    pub fresh: bool,
    /// How it ended, when it already has.
    pub outcome: Option<Arc<Outcome>>,
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room for more work now.
    Overloaded {
        /// Ask again after this many milliseconds.
        retry_after_ms: u64,
    },
    /// A quota of the team leaves no room for more of this work to wait.
    OverQuota {
        /// Which quota.
        quota: QuotaOf,
        /// How much may wait under it.
        max: u64,
        /// Ask again after this many milliseconds.
        retry_after_ms: u64,
    },
    /// This process takes no new work; it is about to end.
    Draining,
    /// The lease has ended or was replaced: whoever speaks is no longer the one.
    StaleToken,
    /// No such open task.
    UnknownTask(TaskId),
    /// No such agent.
    UnknownAgent(AgentId),
    /// The agent does not serve this capability.
    NotServed {
        /// The agent.
        agent: AgentId,
        /// What it does not serve.
        capability: Text,
    },
    /// No such schedule.
    UnknownSchedule(Text),
    /// A schedule may not come round that often.
    TooOften {
        /// The shortest interval, milliseconds.
        min_ms: u64,
    },
    /// No agent of this name has ever joined the task's team.
    UnknownName(Text),
    /// Nothing is asked about this task, or not any more: the advice is not needed.
    NotAsked(TaskId),
    /// Of a durable topic.
    Topic(topic::Refused),
    /// Another live agent has this name.
    NameTaken(Text),
    /// The key belongs to a task with another capability or input.
    KeyReused {
        /// The task that has it.
        task: TaskId,
    },
    /// The step is recorded with another capability or input than is asked now.
    Drift {
        /// Which step.
        step: Text,
        /// What is recorded.
        recorded: Text,
        /// What is asked.
        asked: Text,
    },
    /// A result for a step that was never begun.
    StepNotBegun(Text),
    /// An ancestor asked the same capability with the same input: this would never end.
    Loop {
        /// The ancestor.
        ancestor: TaskId,
    },
    /// Two capabilities hand a question on to each other again and again.
    PingPong {
        /// What is asked.
        asked: Text,
        /// By whom.
        by: Text,
        /// How often in a row they may.
        max: u32,
    },
    /// The task has asked the same again and again, and was told the same each time.
    Repeats {
        /// What is asked.
        asked: Text,
        /// The step that asked it last.
        latest: Text,
        /// How often in a row it may.
        max: u32,
    },
    /// The tree is as deep as it may be.
    TooDeep {
        /// The limit.
        depth_max: u32,
    },
    /// The tree, or this task's table of steps, is as large as it may be.
    TooMany {
        /// The limit.
        max: u64,
    },
    /// The purse does not hold that much.
    OverBudget {
        /// Which part of it: money, tokens, work, tasks, calls.
        what: Text,
    },
    /// The day's ceiling of the team or of a tenant leaves nothing to spend.
    OverCeiling(Box<Reached>),
    /// A task above may not use this capability, so nothing below it may.
    NotPermitted {
        /// Which.
        capability: Text,
    },
    /// The terms are not such as can be.
    BadTerms {
        /// What is wrong with them.
        what: Text,
    },
    /// Larger than the limit in bytes.
    TooLarge {
        /// The limit.
        max: u64,
    },
}
