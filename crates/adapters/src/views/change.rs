//! What a batch of entries changes, gathered row by row before any of it is written.
//!
//! A task that is accepted, granted and completed within one batch becomes one insert, not one
//! statement for each of its entries. That is what keeps the views abreast of the journal.

use super::names;
use kernel::{
    Accepted, AgentId, AgentSpec, Came, Cost, Failure, Forced, Granted, Level, Next, Outcome,
    Payload, Policies, Presence, ScheduleSpec, Text, Token,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// All changes of one batch, in the order in which rows were first touched.
#[derive(Default)]
pub(super) struct Changes<'e> {
    pub(super) tasks: Rows<u64, Task<'e>>,
    pub(super) attempts: Rows<(u64, u64), Attempt<'e>>,
    pub(super) waits: Rows<(u64, i64), Wait>,
    pub(super) steps: Vec<Step<'e>>,
    pub(super) agents: Vec<Agent<'e>>,
    pub(super) restarts: Vec<Restarts<'e>>,
    pub(super) scores: BTreeMap<u32, Score>,
    /// By minute of kernel time and agent.
    pub(super) minutes: BTreeMap<(i64, u32), Minute>,
    /// Grants of tasks that were queued before this batch: agent, task, when.
    pub(super) waited: Vec<(u32, u64, i64)>,
    /// What was spent, by day, run, agent and model.
    pub(super) spent: BTreeMap<(i64, u64, Text, Text), Spent>,
    /// What attempts cost that are over.
    pub(super) late_costs: Vec<(u64, Token, Cost)>,
    pub(super) policies: BTreeMap<&'e str, &'e Policies>,
    pub(super) dead: Vec<Dead<'e>>,
    pub(super) schedules: Vec<Schedule<'e>>,
    pub(super) pins: Vec<(u64, &'e str, String)>,
    pub(super) events: Vec<Line<'e>>,
}

/// So much was spent in so many reports.
#[derive(Default)]
pub(super) struct Spent {
    pub(super) reports: u64,
    pub(super) cost: Cost,
}

/// Rows by key, in the order in which they were first touched.
pub(super) struct Rows<K, V> {
    place: HashMap<K, usize>,
    rows: Vec<(K, V)>,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Rows<K, V> {
        Rows { place: HashMap::new(), rows: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Default> Rows<K, V> {
    /// The row of this key, made if it is not there.
    pub(super) fn at(&mut self, key: K) -> &mut V {
        let next = self.rows.len();
        let place = *self.place.entry(key).or_insert(next);
        if place == next {
            self.rows.push((key, V::default()));
        }
        &mut self.rows[place].1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.rows.iter()
    }
}

/// What changes in a row of `tasks`; `None` leaves a column as it is, numbers are added.
#[derive(Default)]
pub(super) struct Task<'e> {
    pub(super) new: Option<NewTask<'e>>,
    pub(super) status: Option<&'static str>,
    pub(super) agent: Option<Text>,
    pub(super) token: Option<u64>,
    pub(super) attempts: u32,
    pub(super) failed: u32,
    pub(super) lost: u32,
    pub(super) ready_ms: Option<i64>,
    /// What it waits for until `ready_ms`, before it is granted; empty: nothing more.
    pub(super) awaits: Option<Text>,
    /// Since when it can be granted.
    pub(super) queued_ms: Option<i64>,
    /// The first time counts.
    pub(super) started_ms: Option<i64>,
    pub(super) ended_ms: Option<i64>,
    pub(super) ended_seq: Option<i64>,
    pub(super) worked_ms: i64,
    pub(super) money_micros: u64,
    pub(super) tokens: u64,
    pub(super) failure: Option<(&'static str, &'e str)>,
    pub(super) output: Option<&'e Payload>,
}

/// A row of `tasks` that is not there yet.
pub(super) struct NewTask<'e> {
    pub(super) accepted: &'e Accepted,
    pub(super) run: u64,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) deadline_ms: Option<i64>,
    /// The only agent that may serve it, by name.
    pub(super) addressed: Option<Text>,
}

/// What changes in a row of `attempts`.
#[derive(Default)]
pub(super) struct Attempt<'e> {
    pub(super) new: Option<NewAttempt<'e>>,
    pub(super) started_ms: Option<i64>,
    pub(super) ended_ms: Option<i64>,
    pub(super) worked_ms: i64,
    pub(super) outcome: Option<&'static str>,
    pub(super) failure: Option<(&'static str, Option<Cow<'e, str>>)>,
    pub(super) retry_ms: Option<i64>,
    pub(super) fenced: bool,
    pub(super) work_ended_ms: Option<i64>,
    /// It had found an answer by then, which was refused.
    pub(super) late: bool,
    /// Slots that it takes until its work has ended.
    pub(super) kept_slots: Option<u32>,
    pub(super) money_micros: u64,
    pub(super) tokens: u64,
}

/// A row of `attempts` that is not there yet.
pub(super) struct NewAttempt<'e> {
    pub(super) granted: &'e Granted,
    pub(super) agent: Text,
    pub(super) number: u32,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
}

/// What changes in a row of `waits`: it begins, it ends, or both.
#[derive(Default)]
pub(super) struct Wait {
    pub(super) begun: Option<(u64, i64)>,
    pub(super) until_ms: Option<i64>,
}

/// Something happened to a step.
pub(super) struct Step<'e> {
    pub(super) task: u64,
    pub(super) step: &'e str,
    pub(super) at_ms: i64,
    pub(super) what: StepChange<'e>,
}

pub(super) enum StepChange<'e> {
    Child { child: u64, token: Option<u64> },
    Once { token: u64 },
    Timer { due_ms: i64, token: Option<u64> },
    Ended(Option<&'e Outcome>),
}

/// Something happened to an agent.
pub(super) enum Agent<'e> {
    Joined {
        id: AgentId,
        spec: &'e AgentSpec,
        at_ms: i64,
    },
    Presence {
        id: AgentId,
        presence: Presence,
    },
    Resized {
        id: AgentId,
        slots: u32,
    },
    /// Its life ended, or nobody starts it again: why.
    Exited {
        id: AgentId,
        reason: &'e str,
    },
    Restarted {
        id: AgentId,
    },
    Life {
        id: AgentId,
        life: &'static str,
    },
    /// Since when it could take work, in kernel time; `None`: it cannot.
    Available {
        id: AgentId,
        since: Option<i64>,
    },
    Breaker {
        id: AgentId,
        capability: &'e str,
        at_ms: i64,
        now: Turn,
    },
}

/// What became of a breaker.
pub(super) enum Turn {
    Opened { until_ms: i64, why: &'static str },
    HalfOpened,
    Closed,
    Forced(Option<Forced>),
}

/// What counts restarts has one more, or begins anew.
pub(super) enum Restarts<'e> {
    One { level: &'e Level, moment: i64, period_ms: i64 },
    Forgotten(&'e Level),
}

/// What an agent did in this batch.
#[derive(Default)]
pub(super) struct Score {
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Of those: it worked too long, or was silent for too long.
    pub(super) timed_out: u64,
    /// Of those: its own fault.
    pub(super) faults: u64,
    pub(super) money_micros: u64,
    pub(super) tokens: u64,
    /// Completed attempts by bucket of their working time.
    pub(super) times: BTreeMap<i64, u64>,
    /// Granted work by bucket of the time that it had waited.
    pub(super) waits: BTreeMap<i64, u64>,
}

/// Slot time of one agent in one minute, milliseconds.
#[derive(Default)]
pub(super) struct Minute {
    pub(super) busy_ms: i64,
    pub(super) available_ms: i64,
}

/// Something happened to a dead letter.
pub(super) enum Dead<'e> {
    Died { task: u64, at_ms: i64, failure: &'e Failure },
    Closed { task: u64, at_ms: i64, into: Option<u64> },
}

/// Something happened to a schedule.
pub(super) struct Schedule<'e> {
    pub(super) name: &'e str,
    pub(super) what: ScheduleChange<'e>,
}

pub(super) enum ScheduleChange<'e> {
    Set { spec: &'e ScheduleSpec, next: Next },
    Removed,
    Paused(bool),
    Next { next: Next, why: &'e str },
    Held { until_ms: i64 },
    Fired { due: u64, came: &'e Came, next: Next },
}

/// A row of `events`.
#[derive(Default)]
pub(super) struct Line<'e> {
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    pub(super) kind: &'static str,
    pub(super) task: Option<u64>,
    pub(super) token: Option<u64>,
    pub(super) agent: Option<Text>,
    pub(super) step: Option<&'e str>,
    pub(super) note: Option<&'e str>,
}

impl<'e> Attempt<'e> {
    /// It failed, was lost, or was stopped.
    pub(super) fn failed(&mut self, failure: &'e Failure) {
        self.failure = Some((names::failure(failure.kind), Some(Cow::Borrowed(&failure.message))));
    }
}

/// The middle of the bucket that a working time falls into: exact below 32 ms, above it one of 32
/// buckets per power of two, so that a percentile read from it is off by less than 2%.
pub(super) fn bucket_ms(ms: i64) -> i64 {
    let ms = ms.max(0);
    let bits = 64 - ms.leading_zeros();
    let shift = bits.saturating_sub(6);
    if shift == 0 { ms } else { (ms >> shift << shift) + (1 << shift) / 2 }
}

#[cfg(test)]
mod tests {
    use super::bucket_ms;

    #[test]
    fn a_bucket_is_within_two_percent_of_what_falls_into_it() {
        for ms in (0..70).chain([100, 999, 1_000, 12_345, 60_000, 3_600_000, 86_400_000]) {
            let off = (bucket_ms(ms) - ms).abs();
            assert!(off * 50 <= ms, "{ms} stands in the bucket of {}", bucket_ms(ms));
        }
        assert_eq!(bucket_ms(31), 31);
        assert_ne!(bucket_ms(1_000_000), 1_000_000);
    }
}
