//! When did errors come in bursts?
//!
//! A burst is a stretch in which errors come at least three times as often as on the average of the
//! whole log, and at least five within ten seconds: fewer is what chance gives. It lasts until ten
//! seconds pass without one.

use serde::{Deserialize, Serialize};

/// Errors that came together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// The number of its first line, from 1.
    pub from_line: u64,
    /// The number of its last line.
    pub to_line: u64,
    /// When it began, in milliseconds since 1970 by the log's own clock.
    pub from_ms: i64,
    /// When its last error came.
    pub until_ms: i64,
    /// Errors in it.
    pub errors: u64,
    /// How many times the average of the log that is.
    pub times_usual: f64,
}

/// Errors within this time belong together.
const WINDOW_MS: i64 = 10_000;
/// Fewer than so many in a window are no burst.
const ERRORS_MIN: usize = 5;
/// How much more often than usual they must come.
const TIMES_USUAL_MIN: f64 = 3.0;

/// The bursts among errors, each with its line and its time, in the order of the log.
pub(super) fn bursts(errors: &[(u64, i64)]) -> Vec<Burst> {
    let times = || errors.iter().map(|(_, at_ms)| *at_ms);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Vec::new() };
    // One window at least: a log of one moment has no average to exceed.
    let windows = ((last - first) as f64 / WINDOW_MS as f64).max(1.0);
    let usual = errors.len() as f64 / windows;
    let mut found = Vec::new();
    let mut rest = errors;
    while let Some((from_line, from_ms)) = rest.first().copied() {
        let within = rest.iter().take_while(|(_, at_ms)| at_ms - from_ms < WINDOW_MS).count();
        if within < ERRORS_MIN || (within as f64) < TIMES_USUAL_MIN * usual {
            rest = &rest[1..];
            continue;
        }
        let gap = |pair: &[(u64, i64)]| pair[1].1 - pair[0].1 < WINDOW_MS;
        let errors = rest.windows(2).take_while(|pair| gap(pair)).count() + 1;
        let (to_line, until_ms) = rest[errors - 1];
        let lasted = ((until_ms - from_ms) as f64 / WINDOW_MS as f64).max(1.0);
        let times_usual = errors as f64 / lasted / usual;
        let errors_u64 = errors as u64;
        found.push(Burst {
            from_line,
            to_line,
            from_ms,
            until_ms,
            errors: errors_u64,
            times_usual,
        });
        rest = &rest[errors..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_stands_out_and_ends_with_its_last_error() {
        let mut errors: Vec<(u64, i64)> = (0..10).map(|at| (at + 1, at as i64 * 60_000)).collect();
        errors.extend((0..8).map(|at| (at + 20, 700_000 + at as i64 * 500)));
        errors.push((90, 900_000));
        let found = bursts(&errors);
        assert_eq!(found.len(), 1, "{found:?}");
        let burst = &found[0];
        assert_eq!((burst.from_line, burst.to_line, burst.errors), (20, 27, 8));
        assert_eq!((burst.from_ms, burst.until_ms), (700_000, 703_500));
        assert!(burst.times_usual > 30.0, "{burst:?}");
    }

    #[test]
    fn even_errors_and_few_errors_are_no_burst() {
        let even: Vec<(u64, i64)> = (0..100).map(|at| (at + 1, at as i64 * 1_000)).collect();
        assert_eq!(bursts(&even), []);
        assert_eq!(bursts(&[(1, 0), (2, 1), (3, 2), (4, 600_000)]), []);
        assert_eq!(bursts(&[]), []);
    }
}
