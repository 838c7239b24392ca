//! A breaker: one agent gets no more of one capability while it fails at it, and is tried again.
//!
//! ```text
//!              enough failed or slow                 time is up
//!   closed ───────────────────────────▶ open ─────────────────────▶ half-open
//!     ▲                                  ▲                              │
//!     │      every probe went well       │      one probe did not       │
//!     └──────────────────────────────────┴──────────────────────────────┘
//! ```
//!
//! Why by agent *and* capability? A reviewer whose model is down can still count words. Why a
//! window of results and not of time? Agents work for seconds or for hours; ten results say the
//! same of both. Window, minimum and share are resilience4j's, growing times open and the floor
//! under those left are Envoy's. One poison task cannot open a breaker: the bad results must come
//! from several tasks.

use crate::index::Bar;
use crate::mutant::{Mutant, planted};
use crate::{TaskId, Time, Token};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// When breakers open and how they are tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakerPolicy {
    /// Off: what an agent does is counted, and nothing follows from it.
    pub on: bool,
    /// How many of the latest results are looked at.
    pub window: u32,
    /// With fewer results than this a breaker stays closed.
    pub minimum: u32,
    /// So many hundredths of the window failed: open.
    pub failed_percent: u32,
    /// An attempt that was completed after more work than this was slow; 0: none is.
    pub slow_ms: u64,
    /// So many hundredths of the window were slow: open.
    pub slow_percent: u32,
    /// How long it is open, times how often in a row.
    pub open_ms: u64,
    /// It is never open for longer than this.
    pub open_max_ms: u64,
    /// How many attempts are let through half-open; all of them must go well.
    pub probes: u32,
}

impl Default for BreakerPolicy {
    fn default() -> BreakerPolicy {
        BreakerPolicy {
            on: true,
            window: 20,
            minimum: 10,
            failed_percent: 50,
            slow_ms: 0,
            slow_percent: 50,
            open_ms: 30_000,
            open_max_ms: 300_000,
            probes: 3,
        }
    }
}

impl BreakerPolicy {
    /// The largest window that is kept.
    pub const WINDOW_MAX: u32 = 1_000;
    /// Bad results from fewer tasks than this are the tasks' own doing.
    pub const TASKS_MIN: usize = 3;

    /// How many results are kept: never fewer than it takes to judge.
    fn results(&self) -> usize {
        self.window.max(self.minimum).clamp(1, BreakerPolicy::WINDOW_MAX) as usize
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == BreakerPolicy::default()
    }
}

/// What is remembered of one agent and one capability, from its first bad result until a whole
/// window is good again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    phase: Phase,
    /// The latest results, oldest first, since it was closed last.
    marks: VecDeque<Mark>,
    /// The oldest so many of them were not seen one by one, and do not help to reach the minimum.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    credited: u32,
    /// How often it has opened since a whole window was good.
    times: u32,
    /// What an operator has decided, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forced: Option<Forced>,
}

/// Whether work is let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is.
    #[default]
    Closed,
    /// It is not, for a while.
    Open {
        /// Until then.
        until: Time,
    },
    /// A few attempts are, to see how they go.
    HalfOpen {
        /// Those under way.
        probes: BTreeSet<Token>,
        /// Those that went well.
        passed: u32,
        /// One did not.
        failed: bool,
    },
}

/// How one attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Well.
    Good,
    /// It failed by the agent's fault, at this task.
    Failed(TaskId),
    /// It took too long, at this task.
    Slow(TaskId),
}

/// What an operator has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// Nothing is let through.
    Open,
    /// Everything is.
    Closed,
}

/// Why a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tripped {
    /// Too many of the latest results were failures.
    Failed,
    /// Too many were slow.
    Slow,
    /// A probe did not go well.
    Probe,
}

/// What should follow from the results so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Stay,
    /// It should open.
    Open(Tripped),
    /// It should close.
    Close,
}

impl Breaker {
    /// A breaker at its first bad result. `good`: how many results of its agent went well before,
    /// whatever the capability; as far back as the window goes they weigh against the bad ones.
    pub(crate) fn new(policy: &BreakerPolicy, good: u64) -> Breaker {
        let good = good.min(policy.results() as u64 - 1) as usize;
        let marks = std::iter::repeat_n(Mark::Good, good).collect();
        Breaker { marks, credited: good as u32, ..Breaker::default() }
    }

    /// Whether work is let through.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What an operator has decided.
    #[must_use]
    pub fn forced(&self) -> Option<Forced> {
        self.forced
    }

    /// How often it has opened since a whole window was good.
    #[must_use]
    pub fn times(&self) -> u32 {
        self.times
    }

    /// Its state for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (&self.forced, &self.phase) {
            (Some(Forced::Open), _) => "forced_open",
            (Some(Forced::Closed), _) => "forced_closed",
            (None, Phase::Closed) => "closed",
            (None, Phase::Open { .. }) => "open",
            (None, Phase::HalfOpen { .. }) => "half_open",
        }
    }

    /// What stands in the way of one more attempt, if anything does.
    pub(crate) fn bar(&self, policy: &BreakerPolicy) -> Option<Bar> {
        match (&self.forced, &self.phase) {
            (Some(Forced::Open), _) => Some(Bar::Forced),
            (Some(Forced::Closed), _) | (None, Phase::Closed) => None,
            (None, Phase::Open { .. }) => policy.on.then_some(Bar::Open),
            (None, Phase::HalfOpen { probes, passed, failed }) => {
                let full = probes.len() as u32 + passed >= policy.probes.max(1) || *failed;
                let bars = policy.on && full && !planted(Mutant::HalfOpenLetsAllThrough);
                bars.then_some(Bar::Probing)
            }
        }
    }

    /// Whether one more attempt may begin.
    #[must_use]
    pub fn lets_in(&self, policy: &BreakerPolicy) -> bool {
        self.bar(policy).is_none()
    }

    /// What should follow; the one who asks also asks whether others are left.
    #[must_use]
    pub fn verdict(&self, policy: &BreakerPolicy) -> Verdict {
        if self.forced.is_some() || !policy.on {
            return Verdict::Stay;
        }
        match &self.phase {
            Phase::Closed => match self.tripped(policy) {
                Some(why) => Verdict::Open(why),
                None => Verdict::Stay,
            },
            Phase::Open { .. } => Verdict::Stay,
            Phase::HalfOpen { failed: true, .. } => Verdict::Open(Tripped::Probe),
            Phase::HalfOpen { passed, .. } => {
                let done = *passed >= policy.probes.max(1);
                let closes = done && !planted(Mutant::BreakerNeverCloses);
                if closes { Verdict::Close } else { Verdict::Stay }
            }
        }
    }

    fn tripped(&self, policy: &BreakerPolicy) -> Option<Tripped> {
        let all = self.marks.len() as u32;
        let seen = all - self.credited;
        if seen < policy.minimum.min(BreakerPolicy::WINDOW_MAX)
            && !planted(Mutant::BreakerIgnoresMinimum)
        {
            return None;
        }
        let too_many = |tasks: Vec<TaskId>, percent: u32| {
            let share = tasks.len() as u64 * 100 >= u64::from(all) * u64::from(percent);
            let tasks: BTreeSet<TaskId> = tasks.into_iter().collect();
            let several =
                tasks.len() >= BreakerPolicy::TASKS_MIN || planted(Mutant::OneTaskOpensBreaker);
            share && several && !tasks.is_empty()
        };
        let failed = self.marks.iter().filter_map(|mark| mark.failed());
        // Under other settings some may have been called slow; nothing follows from that now.
        let slow = self.marks.iter().filter(|_| policy.slow_ms > 0);
        let slow = slow.filter_map(|mark| mark.slow());
        if too_many(failed.collect(), policy.failed_percent) {
            Some(Tripped::Failed)
        } else if too_many(slow.collect(), policy.slow_percent) {
            Some(Tripped::Slow)
        } else {
            None
        }
    }

    /// How long it should be open if it opened now.
    #[must_use]
    pub fn open_ms(&self, policy: &BreakerPolicy) -> u64 {
        let times = u64::from(self.times).saturating_add(1);
        policy.open_ms.saturating_mul(times).min(policy.open_max_ms)
    }

    /// Whether it says no more than that the latest results were good: then it need not be kept.
    pub(crate) fn is_blank(&self) -> bool {
        let good = self.marks.iter().all(|mark| *mark == Mark::Good);
        self.phase == Phase::Closed && self.times == 0 && self.forced.is_none() && good
    }

    /// An attempt begins.
    pub fn granted(&mut self, token: Token) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.insert(token);
        }
    }

    /// An attempt has ended, or waits for its steps, and says nothing about the agent: another one
    /// may be let through in its place.
    pub fn withdrawn(&mut self, token: Token) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.remove(&token);
        }
    }

    /// An attempt has ended, and this is how it went. What began before it opened says nothing new.
    pub fn mark(&mut self, policy: &BreakerPolicy, token: Token, mark: Mark) {
        match &mut self.phase {
            Phase::Closed => {
                let window = policy.results();
                self.marks.push_back(mark);
                while self.marks.len() > window {
                    self.marks.pop_front();
                    self.credited = self.credited.saturating_sub(1);
                }
                if self.marks.len() == window && self.tripped(policy).is_none() {
                    self.times = 0;
                }
            }
            Phase::Open { .. } => {}
            Phase::HalfOpen { probes, passed, failed } => {
                if probes.remove(&token) {
                    match mark {
                        Mark::Good => *passed += 1,
                        Mark::Failed(_) | Mark::Slow(_) => *failed = true,
                    }
                }
            }
        }
    }

    /// It opened.
    pub fn opened(&mut self, until: Time) {
        self.phase = Phase::Open { until };
        self.times = self.times.saturating_add(1);
        (self.marks, self.credited) = (VecDeque::new(), 0);
    }

    /// It lets probes through.
    pub fn half_opened(&mut self) {
        self.phase = Phase::HalfOpen { probes: BTreeSet::new(), passed: 0, failed: false };
    }

    /// It lets everything through again.
    pub fn closed(&mut self) {
        self.phase = Phase::Closed;
        (self.marks, self.credited) = (VecDeque::new(), 0);
    }

    /// An operator has decided; `None`: the results decide again, from the beginning.
    pub(crate) fn force(&mut self, forced: Option<Forced>) {
        *self = Breaker { forced, ..Breaker::default() };
    }
}

impl Mark {
    fn failed(self) -> Option<TaskId> {
        match self {
            Mark::Failed(task) => Some(task),
            Mark::Good | Mark::Slow(_) => None,
        }
    }

    fn slow(self) -> Option<TaskId> {
        match self {
            Mark::Slow(task) => Some(task),
            Mark::Good | Mark::Failed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
