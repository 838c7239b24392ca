//! Schedules: tasks that come round again, and one transition a file.
//!
//! ```text
//!   set ──▶ next due ──▶ fired ──▶ a task, or why none ──▶ next due ──▶ …
//!                │                                            ▲
//!                └── an interval is reckoned here; a calendar ┘ is asked of the runtime
//! ```
//!
//! Dues are moments of the *wall clock*, since that is what people mean by nine o'clock and what
//! goes on while nobody holds the journal. The kernel knows no calendar and no time zone: it
//! compares milliseconds. A due and the task that it makes are recorded in one step, under a key
//! made of both names, so that neither a crash nor a late answer makes two tasks of one due.

mod control;
mod fire;
mod reckon;
mod wall;

pub(crate) use control::{pause, resume, schedule, unschedule};
pub(crate) use fire::due;
pub(crate) use reckon::{after_wall_clock, reckoned, wall_clock};

use crate::kernel::Draft;
use crate::{Budget, Digest, Event, Payload, TaskId, Terms, Text, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What comes round again, how often, and what happens when it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// Unique.
    pub name: Text,
    /// How often.
    pub recurs: Recurrence,
    /// What is asked each time, and on which terms.
    pub terms: Arc<Terms>,
    /// With what.
    pub input: Payload,
    /// The purse of each task; the usual one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Each task must end within this many milliseconds of its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The team definition that each task is pinned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Digest>,
    /// What becomes of dues that passed while nobody could start them.
    #[serde(default)]
    pub missed: Missed,
    /// What happens when the task before has not ended.
    #[serde(default)]
    pub overlap: Overlap,
    /// The team file that it stands in; empty for one that was set by hand.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub origin: Text,
}

impl ScheduleSpec {
    /// A schedule on plain conditions: missed dues are made up for once, and no two tasks of it
    /// run at the same time.
    pub fn new(
        name: impl Into<Text>,
        recurs: Recurrence,
        terms: impl Into<Arc<Terms>>,
        input: Payload,
    ) -> ScheduleSpec {
        ScheduleSpec {
            name: name.into(),
            recurs,
            terms: terms.into(),
            input,
            budget: None,
            deadline_ms: None,
            definition: None,
            missed: Missed::default(),
            overlap: Overlap::default(),
            origin: Text::default(),
        }
    }

    /// The due after `due`, or the first after `past` where that is later; what only a calendar
    /// knows is asked for.
    pub(crate) fn next_after(&self, due: u64, past: u64) -> Next {
        match &self.recurs {
            Recurrence::Every { ms } => {
                let ms = (*ms).max(1);
                let gone = past.saturating_sub(due) / ms;
                Next::At(due.saturating_add((gone + 1).saturating_mul(ms)))
            }
            Recurrence::Calendar { .. } => Next::Reckon { after: due.max(past) },
        }
    }
}

/// How often a schedule comes round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Every so many milliseconds, counted from when it was set.
    Every {
        /// How many.
        ms: u64,
    },
    /// By a calendar, which the runtime reads; text to the kernel.
    Calendar {
        /// Five fields, or `@daily` and the like.
        cron: Text,
        /// The time zone its fields are meant in.
        zone: Text,
    },
}

/// What becomes of dues that passed while nobody held the journal, the machine slept, or there was
/// no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing; it goes on with the next one.
    Skip,
    /// One task stands for all of them.
    #[default]
    Once,
    /// Each gets its task, up to a limit.
    All,
}

/// What happens at a due when the task of the one before has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run.
    Allow,
    /// This due is left out.
    #[default]
    Skip,
    /// This due waits for that end; of several that come meanwhile, the first.
    QueueOne,
    /// That one is cancelled.
    CancelPrevious,
}

/// When a schedule is due next, in milliseconds of wall time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Then.
    At(u64),
    /// The runtime has been asked for the first due after this moment.
    Reckon {
        /// Which moment.
        after: u64,
    },
    /// The calendar has no further due, or is none.
    Never,
}

/// What came of a due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// This task.
    Task(TaskId),
    /// It waits for the end of the task before.
    Waits,
    /// Nothing: it passed while nobody could start it.
    Missed,
    /// Nothing: this task of the due before has not ended.
    Overlap(TaskId),
    /// Nothing: a limit stood in the way; which.
    Refused(Text),
}

/// What became of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleEvent {
    /// It is there, or another than before.
    Set {
        /// What it says now.
        spec: Box<ScheduleSpec>,
        /// When it is due next.
        next: Next,
    },
    /// It is there no more.
    Removed,
    /// Nothing is started.
    Paused,
    /// It goes on.
    Resumed {
        /// When it is due next.
        next: Next,
    },
    /// The runtime has looked the next due up.
    Reckoned {
        /// Which it is.
        next: Next,
        /// Why there is none.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        why: Text,
    },
    /// It was due.
    Fired {
        /// When, in wall time.
        due: u64,
        /// What came of it.
        came: Came,
        /// The due after it.
        next: Next,
        /// Missed dues in a row that were made up for.
        #[serde(default)]
        behind: u32,
    },
    /// It is due, and there is no room.
    Held {
        /// Not before then.
        until: Time,
    },
}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// What it says.
    pub spec: ScheduleSpec,
    /// Nothing is started meanwhile.
    pub paused: bool,
    /// When it is due next.
    pub next: Next,
    /// There was no room: not before then.
    #[serde(default)]
    pub held_until: Time,
    /// A due that waits for the end of the task before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<u64>,
    /// The task started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The latest due, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<(u64, Came)>,
    /// Missed dues in a row that were made up for.
    #[serde(default)]
    pub behind: u32,
    /// Tasks it has started.
    #[serde(default)]
    pub started: u64,
    /// Why the calendar has no further due.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub why_never: Text,
}

fn record(draft: &mut Draft<'_>, name: &Text, what: ScheduleEvent) {
    draft.record(Event::Schedule { name: name.clone(), what });
}

/// The key under which a due's task is submitted.
pub(crate) fn key(name: &str, due: u64) -> Text {
    format!("schedule:{name}:{due}").into()
}
