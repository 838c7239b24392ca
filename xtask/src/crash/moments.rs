//! When to kill: moments spread at random over a run, from one seed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Draws moments and learns how long a life needs before it goes on.
pub(super) struct Moments {
    state: u64,
    /// Shares of the work, the latest first: a kill falls when so much has been done.
    targets: Vec<f64>,
    /// What a life spends before its first progress, as seen so far.
    start: Duration,
}

/// Nanoseconds of the clock: the seed of a run that was given none.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos())
}

impl Moments {
    pub(super) fn new(seed: u64) -> Moments {
        Moments { state: seed, targets: Vec::new(), start: Duration::ZERO }
    }

    /// The next so many moments lie anywhere in a run from its beginning.
    pub(super) fn spread(&mut self, count: u32) {
        self.targets = (0..count).map(|_| self.share()).collect();
        self.targets.sort_by(|a, b| b.total_cmp(a));
    }

    /// How long the next life may last, when this share of the work has been done and all of it
    /// takes this long undisturbed.
    pub(super) fn next(&mut self, done: f64, whole: Duration) -> Duration {
        let target = self.targets.pop().unwrap_or(1.0);
        if target > done {
            return self.start + whole.mul_f64(target - done);
        }
        // The work has overtaken this moment: the kill falls into the beginning of the next life,
        // where it recovers.
        (self.start + whole / 50).mul_f64(self.share())
    }

    /// A life lasted so long and did this share of the work.
    pub(super) fn learn(&mut self, lasted: Duration, did: f64, whole: Duration) {
        let idle = lasted.saturating_sub(whole.mul_f64(did.clamp(0.0, 1.0)));
        self.start = (self.start + idle.min(whole)) / 2;
    }

    /// Uniform in 0..1 (splitmix64).
    fn share(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) as f64 / (u64::MAX as f64 + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_moments_and_they_are_spread() {
        let draw = |seed| {
            let mut moments = Moments::new(seed);
            moments.spread(1_000);
            moments.targets
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for tenth in 0..10 {
            let within = |it: &&f64| (**it * 10.0) as u32 == tenth;
            let count = draw(7).iter().filter(within).count();
            assert!((50..200).contains(&count), "{count} of 1,000 in tenth {tenth}");
        }
    }

    #[test]
    fn a_moment_that_was_overtaken_falls_into_the_start_of_the_next_life() {
        let mut moments = Moments::new(1);
        moments.spread(1);
        let whole = Duration::from_secs(10);
        assert!(moments.next(1.0, whole) <= whole / 50);
        moments.learn(Duration::from_secs(3), 0.1, whole);
        assert_eq!(moments.start, Duration::from_secs(1), "half of the two seconds it was idle");
    }
}
