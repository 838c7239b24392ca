//! How long to wait before the next attempt: full jitter.
//!
//! Why the whole interval and not "half plus a little"? A thousand tasks that fail together come
//! back together unless the delay is drawn from all of `[0, bound]`; the mean is half the bound,
//! and the peak is flat. The draw comes from a seed in the state, so a replay draws the same.

use crate::RetryPolicy;
use crate::mutant::{Mutant, planted};

/// The upper bound of the delay after the `failed`-th failure (from 1): `min(cap, base × 2ⁿ⁻¹)`.
pub(crate) fn bound_ms(policy: &RetryPolicy, failed: u32) -> u64 {
    let doublings = failed.saturating_sub(1).min(32);
    policy.base_ms.saturating_mul(1 << doublings).min(policy.cap_ms)
}

/// The delay: `draw` spread evenly over `[0, bound]`.
pub(crate) fn delay_ms(policy: &RetryPolicy, failed: u32, draw: u64) -> u64 {
    let bound = bound_ms(policy, failed);
    if planted(Mutant::BackoffWithoutJitter) {
        return bound;
    }
    ((u128::from(draw) * (u128::from(bound) + 1)) >> 64) as u64
}

/// The next draw and the seed after it (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
pub(crate) fn draw(seed: u64) -> (u64, u64) {
    let next = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = next;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_delays_are_those_of_the_table() {
        let table = include_str!("../../tests/tables/backoff.txt");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        for row in rows {
            let cells: Vec<u64> = row.split_whitespace().map(|it| it.parse().unwrap()).collect();
            let [base_ms, cap_ms, failure, bound, thousandths, delay] = cells[..] else {
                panic!("six columns: {row}");
            };
            let policy = RetryPolicy { attempts_max: 9, base_ms, cap_ms };
            let draw = (u128::from(thousandths) << 64).div_ceil(1_000) as u64;
            assert_eq!(bound_ms(&policy, failure as u32), bound, "{row}");
            // The interval has both ends, so the last thousandth may round up by one.
            let drawn = delay_ms(&policy, failure as u32, draw);
            assert!(drawn.abs_diff(delay) <= 1, "{row}: {drawn}");
        }
        assert_eq!(table.lines().filter(|line| !line.starts_with('#')).count(), 13);
    }

    /// Kolmogorov–Smirnov against the uniform distribution, 1 % level: D ≤ 1.63 / √n.
    #[test]
    fn delays_are_uniform_over_the_whole_interval() {
        let policy = RetryPolicy { attempts_max: 9, base_ms: 1_000_000, cap_ms: 1_000_000 };
        let mut seed = 7;
        let mut delays: Vec<u64> = (0..10_000)
            .map(|_| {
                let (drawn, next) = draw(seed);
                seed = next;
                delay_ms(&policy, 1, drawn)
            })
            .collect();
        delays.sort_unstable();
        let worst = delays
            .iter()
            .enumerate()
            .map(|(at, delay)| (at as f64 / 1e4 - *delay as f64 / 1e6).abs())
            .fold(0.0, f64::max);
        assert!(worst <= 0.0163, "D = {worst}");
    }
}
