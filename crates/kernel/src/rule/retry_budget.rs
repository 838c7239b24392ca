//! Retries cannot amplify: what may be tried again is a share of what is offered.
//!
//! Why a budget and not only a cap on attempts? With a cap of five, an outage multiplies the load
//! on what is already failing by five. A budget ties retries to *offered* work: in any window the
//! attempts stay at or below `1.2 × offered + 10/s` (tower's figures). A task is never given up for
//! the budget's sake: its retry is moved to the moment the budget allows it.

use crate::{Limits, Time};
use serde::{Deserialize, Serialize};

/// One retry in the units of the balance: fine enough that one millisecond of the lowest rate is a
/// whole number, or a steady trickle of failures would round every refill down to nothing.
const ONE: i64 = 100 * 1_000;
/// Unused allowance is kept for this long.
const WINDOW_MS: u64 = 10_000;

/// A bucket of retries: filled by offered work and by time, emptied by retries, and allowed to go
/// into debt, which is then waited off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBudget {
    /// Thousandths of hundredths of a retry in hand; negative while retries wait.
    balance: i64,
    /// When time last filled it.
    filled_at: Time,
}

impl RetryBudget {
    /// A task was offered.
    pub(crate) fn deposit(&mut self, limits: &Limits) {
        let cap = Self::cap(limits);
        self.balance = (self.balance + i64::from(limits.retry_percent) * 1_000).min(cap);
    }

    /// Takes one retry and gives the earliest moment it may start.
    pub(crate) fn withdraw(&mut self, limits: &Limits, now: Time) -> Time {
        let per_ms = i64::from(limits.retry_floor_per_s.max(1)) * (ONE / 1_000);
        let elapsed = i64::try_from(now.since(self.filled_at)).unwrap_or(i64::MAX);
        let filled = elapsed.saturating_mul(per_ms);
        self.balance = self.balance.saturating_add(filled).min(Self::cap(limits)) - ONE;
        self.filled_at = now;
        let debt = u64::try_from(-self.balance).unwrap_or(0);
        now.after(debt.div_ceil(per_ms.unsigned_abs()))
    }

    fn cap(limits: &Limits) -> i64 {
        i64::from(limits.retry_floor_per_s) * ONE * (WINDOW_MS as i64 / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_gets_the_floor_rate_and_no_more() {
        let limits = Limits::default();
        let mut budget = RetryBudget::default();
        let starts: Vec<u64> =
            (0..1_000).map(|_| budget.withdraw(&limits, Time(20_000)).0).collect();
        let in_first_second = starts.iter().filter(|at| **at < 21_000).count();
        assert!(in_first_second <= 100 + 10 + 1, "{in_first_second}");
        assert!(starts.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(starts[999], 20_000 + 90_000); // 900 in debt, 10 a second
    }

    #[test]
    fn offered_work_buys_a_fifth_of_itself() {
        let limits = Limits::default();
        let mut budget = RetryBudget::default();
        (0..50).for_each(|_| budget.deposit(&limits));
        let free = (0..50).filter(|_| budget.withdraw(&limits, Time(0)) == Time(0)).count();
        assert_eq!(free, 10);
    }
}
