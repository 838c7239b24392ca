//! What was let through lately, and when more may be: a limit over a sliding span of time.
//!
//! Why a sliding span and not a bucket that fills again? A bucket of sixty that is full at the
//! beginning lets a hundred and twenty through in its first minute, and a provider that counts by
//! minutes refuses half of them. Whatever a provider counts by (a minute of the clock, a minute
//! that slides, a bucket of its own), who never sends more than the limit in any minute is within
//! it.

use std::collections::VecDeque;

/// Amounts this close together are kept as one, milliseconds; so a minute has some 600 of them.
const GRAIN_MS: u64 = 100;

/// What limits are told for, milliseconds.
pub(super) const MINUTE_MS: u64 = 60_000;

/// What is kept to, milliseconds: calls take unevenly long to get there, so a minute here is not
/// the minute that is counted there.
pub(super) const KEPT_MS: u64 = MINUTE_MS + 500;

/// Amounts of the latest minute, by when they were let through.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    grains: VecDeque<Grain>,
}

#[derive(Clone, Copy, Debug)]
struct Grain {
    first_ms: u64,
    /// All of it counts as of then, so that nothing is forgotten too early.
    last_ms: u64,
    amount: u64,
}

impl Window {
    /// Lets an amount through.
    pub(super) fn add(&mut self, now_ms: u64, amount: u64) {
        while self.grains.front().is_some_and(|it| it.last_ms + KEPT_MS <= now_ms) {
            self.grains.pop_front();
        }
        match self.grains.back_mut() {
            Some(grain) if now_ms < grain.first_ms + GRAIN_MS => {
                grain.last_ms = now_ms;
                grain.amount += amount;
            }
            Some(_) | None => {
                self.grains.push_back(Grain { first_ms: now_ms, last_ms: now_ms, amount });
            }
        }
    }

    /// What was let through at a moment turns out to be another amount than was thought.
    pub(super) fn amend(&mut self, at_ms: u64, thought: u64, is: u64) {
        let found = self.grains.iter_mut().rev().find(|it| it.first_ms <= at_ms);
        if let Some(grain) = found.filter(|it| at_ms <= it.last_ms) {
            grain.amount = grain.amount.saturating_sub(thought) + is;
        }
    }

    /// What was let through in a span that ends now.
    pub(super) fn sum(&self, now_ms: u64, span_ms: u64) -> u64 {
        let within = self.grains.iter().rev().take_while(|it| it.last_ms + span_ms > now_ms);
        within.map(|it| it.amount).sum()
    }

    /// The first moment from now on at which no span of this length has more than `max` with
    /// `amount` in it. More than `max` at once goes when the span is empty: it would never fit.
    pub(super) fn fits_at(&self, now_ms: u64, span_ms: u64, max: u64, amount: u64) -> u64 {
        let room = max.saturating_sub(amount);
        let mut at_ms = now_ms;
        let mut sum = self.sum(now_ms, span_ms);
        let within = self.grains.iter().filter(|it| it.last_ms + span_ms > now_ms);
        for grain in within {
            if sum <= room {
                break;
            }
            sum -= grain.amount;
            at_ms = grain.last_ms + span_ms;
        }
        at_ms
    }
}

/// So much in so long, at most: a tenth of a minute's limit at a time, or one.
///
/// Why spread it at all, when the minute is kept? Providers say that a limit of sixty a minute may
/// be held as one a second, and that bursts are refused.
pub(super) fn pace(per_minute: u64) -> (u64, u64) {
    let per_minute = per_minute.max(1);
    let share = (per_minute / 10).max(1);
    ((share * MINUTE_MS).div_ceil(per_minute), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_never_has_more_than_the_limit() {
        let mut window = Window::default();
        let mut let_through: Vec<u64> = Vec::new();
        let mut now_ms = 0;
        for step in 0..2_000_u64 {
            now_ms += (step * 7_919) % 131; // Any uneven rhythm.
            let at_ms = window.fits_at(now_ms, MINUTE_MS, 60, 1);
            assert!(at_ms >= now_ms);
            now_ms = at_ms;
            window.add(now_ms, 1);
            let_through.push(now_ms);
            let within = let_through.iter().filter(|at| **at + MINUTE_MS > now_ms).count();
            assert!(within <= 60, "{within} in the minute before {now_ms}");
        }
        let minutes = now_ms.div_ceil(MINUTE_MS);
        assert!(
            let_through.len() as u64 * 100 >= minutes * 60 * 97,
            "and nearly all of it is used"
        );
        assert!(window.grains.len() <= 606);
    }

    #[test]
    fn what_is_larger_than_the_limit_goes_alone() {
        let mut window = Window::default();
        assert_eq!(window.fits_at(5, MINUTE_MS, 100, 500), 5);
        window.add(5, 500);
        assert_eq!(window.fits_at(10, MINUTE_MS, 100, 500), 5 + MINUTE_MS);
        assert_eq!(window.fits_at(10, MINUTE_MS, 100, 1), 5 + MINUTE_MS);
        window.amend(5, 500, 99);
        assert_eq!(window.fits_at(10, MINUTE_MS, 100, 1), 10, "it was less than was thought");
        assert_eq!(window.sum(10, MINUTE_MS), 99);
    }

    #[test]
    fn a_limit_is_spread_over_its_minute() {
        for (per_minute, span_ms, share) in
            [(1, 60_000, 1), (5, 12_000, 1), (19, 3_158, 1), (60, 6_000, 6), (64, 5_625, 6)]
        {
            assert_eq!(pace(per_minute), (span_ms, share), "{per_minute} a minute");
        }
        assert_eq!(pace(0), pace(1), "no limit stops everybody");
    }
}
