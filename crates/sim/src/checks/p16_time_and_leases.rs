//! P16: time in the journal never falls, a lease that was renewed does not run out, a sleep charges
//! nobody, and a suspected agent gets no new work.

use super::Check;
use crate::oracle::{Act, Recorded, Stepped, Verdict};
use kernel::{Command, Event, FailureKind, Limits, State, Time, Token};
use std::collections::{BTreeMap, BTreeSet};

/// The journal's clock, and who renewed when.
pub struct Clocks {
    lease_ms: u64,
    last: Time,
    kernel_now: Time,
    renewed: BTreeMap<Token, Time>,
    began: Time,
    /// When the process last noticed that it had stood still.
    woke: Time,
    /// Leases that began since, by a clock that may have been set back.
    fresh: BTreeSet<Token>,
}

impl Clocks {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Clocks {
        let lease_ms = limits.lease_ms;
        let zero = Time(0);
        let renewed = BTreeMap::new();
        let fresh = BTreeSet::new();
        Clocks { lease_ms, last: zero, kernel_now: zero, renewed, began: zero, woke: zero, fresh }
    }
}

impl Clocks {
    /// A stretch of work that began when everybody was awake has its own lease.
    fn begins(&mut self, before: &State, event: &Event) {
        match event {
            Event::LeaseGranted(granted) => _ = self.fresh.insert(granted.token),
            Event::TaskResumed { task, .. } => {
                let lease = before.task(*task).and_then(|it| it.status.lease());
                self.fresh.extend(lease.map(|it| it.token));
            }
            _ => {}
        }
    }
}

impl Check for Clocks {
    fn name(&self) -> &'static str {
        "p16_time_and_leases"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let at = seen.entry.at;
        if at < self.last {
            return Err(format!("time in the journal fell from {} to {}", self.last.0, at.0));
        }
        self.last = at;
        if let Event::LeaseGranted(granted) = &seen.entry.event
            && seen.before.agent(granted.agent).is_some_and(|it| it.life.suspected)
        {
            return Err(format!("agent {} is suspected and gets work", granted.agent));
        }
        Ok(())
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        self.kernel_now = self.kernel_now.max(seen.now).max(seen.before.time);
        if let Command::Begin(_) = seen.command {
            self.began = self.kernel_now;
        }
        for entry in &seen.step.entries {
            self.begins(seen.before, &entry.event);
            let Event::AttemptFailed { task, token, failure, .. } = &entry.event else { continue };
            if failure.kind != FailureKind::LeaseExpired {
                continue;
            }
            let renewed = self.renewed.get(token).copied().unwrap_or_default();
            if renewed.after(self.lease_ms) > entry.at {
                let (at, renewed) = (entry.at.0, renewed.0);
                return Err(format!("task {task} expired at {at}, renewed at {renewed}"));
            }
            if self.began.after(self.lease_ms) > entry.at {
                let (at, began) = (entry.at.0, self.began.0);
                return Err(format!("task {task} expired at {at}, restarted at {began}"));
            }
            let slept = !self.fresh.contains(token);
            if slept && self.woke.after(self.lease_ms) > entry.at {
                let (at, woke) = (entry.at.0, self.woke.0);
                return Err(format!("task {task} expired at {at}, everybody slept until {woke}"));
            }
        }
        Ok(())
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        match act {
            // A sign of life does not move the kernel's time: only what is decided does.
            Act::Renewed { attempt, now } => {
                self.renewed.insert(attempt.token, self.kernel_now.max(*now));
            }
            Act::Slept { now } => {
                self.woke = self.kernel_now.max(*now);
                self.fresh.clear();
            }
            Act::Recovered { durable, .. } => {
                self.woke = Time(0);
                // Renewals are soft: a new process knows none of them.
                self.renewed.clear();
                self.kernel_now = durable.time;
            }
            _ => {}
        }
        Ok(())
    }
}
