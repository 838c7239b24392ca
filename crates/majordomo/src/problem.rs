//! Something that is wrong, for people and for programs: what, since when, and what to do.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well, or as somebody wanted it.
    #[default]
    Fine,
    /// Work gets done, and something wants to be looked at.
    Degraded,
    /// Work does not get done.
    Bad,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A process holds the data and does not answer.
    NoAnswer,
    /// Work is open and no process works on it.
    NoProcess,
    /// An agent died too often to be started again.
    AgentGivenUp,
    /// Signs of life of an agent stay out.
    AgentSuspected,
    /// An agent does not run, and is being started again.
    AgentDown,
    /// An agent finishes what it has, and leaves.
    AgentDraining,
    /// An agent is paused.
    AgentPaused,
    /// An agent is kept from a capability.
    BreakerOpen,
    /// An agent is being tried at a capability that it had failed at.
    BreakerHalfOpen,
    /// Supervision has given up as far as its root.
    Escalated,
    /// Tasks ask for what nobody here serves.
    NobodyServes,
    /// Everybody who serves it is paused, down or kept from it.
    NobodyCan,
    /// A task has waited for long.
    LongWait,
    /// Tasks used up their attempts, and nobody has decided what becomes of them.
    DeadLetters,
    /// The data takes nearly all the room that it may.
    DataNearBound,
    /// The disk is nearly full.
    DiskLow,
    /// New work is refused for want of room on the disk.
    DataFull,
    /// New work was refused a moment ago.
    Refused,
    /// A due of a schedule was missed or refused, or waits for room.
    Schedule,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad.
    pub level: Level,
    /// What kind of thing.
    pub kind: Kind,
    /// Whom or what it is about: an agent, a task, a capability, a schedule.
    pub about: String,
    /// Since when, where that is known: wall time, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// What is wrong, in words.
    pub what: String,
    /// What to do about it; empty where there is nothing to do.
    pub next: String,
}
