//! P16: time in the journal never falls, and a lease that was renewed does not run out.

use super::Check;
use crate::oracle::{Act, Recorded, Stepped, Verdict};
use kernel::{Command, Event, FailureKind, Limits, Time, Token};
use std::collections::BTreeMap;

/// The journal's clock, and who renewed when.
pub struct Clocks {
    lease_ms: u64,
    last: Time,
    kernel_now: Time,
    renewed: BTreeMap<Token, Time>,
    began: Time,
}

impl Clocks {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Clocks {
        let lease_ms = limits.lease_ms;
        let zero = Time(0);
        Clocks { lease_ms, last: zero, kernel_now: zero, renewed: BTreeMap::new(), began: zero }
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
        Ok(())
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        self.kernel_now = self.kernel_now.max(seen.now).max(seen.before.time);
        if let Command::Begin(_) = seen.command {
            self.began = self.kernel_now;
        }
        for entry in &seen.step.entries {
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
        }
        Ok(())
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        match act {
            Act::Renewed { attempt, now } => {
                self.kernel_now = self.kernel_now.max(*now);
                self.renewed.insert(attempt.token, self.kernel_now);
            }
            Act::Recovered { durable, .. } => {
                // Renewals are soft: a new process knows none of them.
                self.renewed.clear();
                self.kernel_now = durable.time;
            }
            _ => {}
        }
        Ok(())
    }
}
