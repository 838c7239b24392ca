//! Something that is wrong, for people and for programs: what, since when, and what to do. What
//! both `health` and alerts know is worded here, with its thresholds.

use serde::Serialize;

/// A task that could be worked on and has waited for longer than this is worth a look.
pub const WAIT_LONG_MS: i64 = 60_000;
/// So many hundredths of the room that the data may take are worth a look.
pub const DATA_NEAR_PERCENT: u64 = 80;
/// A disk with less than this left is worth a look.
pub const FREE_LOW_BYTES: u64 = 256 << 20;

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

/// "1 task", "2 tasks".
pub(crate) fn tasks(count: u64) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

impl Problem {
    pub(crate) fn new(level: Level, kind: Kind, about: impl Into<String>) -> Problem {
        let (what, next) = (String::new(), String::new());
        Problem { level, kind, about: about.into(), since_ms: None, what, next }
    }

    /// An agent died too often to be started again; `why` is what was said of it.
    pub(crate) fn given_up(agent: &str, why: &str, since_ms: Option<i64>) -> Problem {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        Problem {
            since_ms,
            what: format!("{agent} died too often and is not started again{why}"),
            next: format!(
                "mend it, then `majordomo agents restart {agent}`; `majordomo tasks --agent \
                 {agent}` shows what it did"
            ),
            ..Problem::new(Level::Degraded, Kind::AgentGivenUp, agent)
        }
    }

    /// A breaker has opened; `why` is one of the words of the views.
    pub(crate) fn breaker_open(agent: &str, capability: &str, why: &str, since_ms: i64) -> Problem {
        let why = match why {
            "slow" => "it was too slow",
            "probe" => "it was tried again and failed",
            _ => "it failed too often",
        };
        Problem {
            since_ms: Some(since_ms),
            what: format!("{agent} gets no {capability}: {why}"),
            next: format!("`majordomo tasks --agent {agent}` shows what it failed at"),
            ..Problem::new(Level::Degraded, Kind::BreakerOpen, format!("{agent}: {capability}"))
        }
    }

    /// Tasks used up their attempts.
    pub(crate) fn dead_letters(count: u64, since_ms: i64) -> Problem {
        let (are, used) = if count == 1 { ("is", "its") } else { ("are", "their") };
        Problem {
            since_ms: Some(since_ms),
            what: format!("{} {are} dead: {used} attempts are used up", tasks(count)),
            next: "`majordomo dead list`, then `dead retry` or `dead drop`".into(),
            ..Problem::new(Level::Degraded, Kind::DeadLetters, "")
        }
    }

    /// A task waits since then, if that is long.
    pub(crate) fn long_wait(task: u64, since_ms: i64, now_ms: i64) -> Option<Problem> {
        let waited_ms = now_ms - since_ms;
        (waited_ms > WAIT_LONG_MS).then(|| Problem {
            since_ms: Some(since_ms),
            what: format!("task {task} has waited {} s", waited_ms / 1_000),
            next: format!("`majordomo why {task}` says for what"),
            ..Problem::new(Level::Degraded, Kind::LongWait, task.to_string())
        })
    }

    /// The data takes this much of what it may, if that is nearly all.
    pub(crate) fn data_near(used: u64, max: u64) -> Option<Problem> {
        let is_near = used.saturating_mul(100) >= max.saturating_mul(DATA_NEAR_PERCENT);
        is_near.then(|| Problem {
            what: format!("the data takes {} MiB of the {} MiB allowed", used >> 20, max >> 20),
            next: "forget old runs with `majordomo forget`, or allow more".into(),
            ..Problem::new(Level::Degraded, Kind::DataNearBound, "")
        })
    }

    /// The disk has this much left, if that is little.
    pub(crate) fn disk_low(free: u64) -> Option<Problem> {
        (free < FREE_LOW_BYTES).then(|| Problem {
            what: format!("the disk has {} MiB left: new work is refused soon", free >> 20),
            next: "free some".into(),
            ..Problem::new(Level::Degraded, Kind::DiskLow, "")
        })
    }
}
