//! How often something may be restarted: at most `restarts` in any `period_ms`.
//!
//! Why a sliding window and not a counter that is reset now and then? A counter lets twice as many
//! through around its reset, and one that is never reset gives up a year later on something that
//! fails once a week. So the moments themselves are kept, as OTP's supervisors do; the window is
//! closed at both ends, as theirs is. No more moments are kept than the intensity allows.
//!
//! Why does the delay before a restart have a bound of its own? A delay longer than the window
//! would make the window forget: what always fails would be restarted for ever, slowly, and nobody
//! would be told. So all the delays that fit into a window take half of it at most.

use crate::mutant::{Mutant, planted};
use crate::rule::backoff;
use crate::{RetryPolicy, Time};
use serde::{Deserialize, Serialize};

/// How many restarts in how long a time are borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Intensity {
    /// At most so many …
    pub restarts: u32,
    /// … in so many milliseconds.
    pub period_ms: u64,
}

impl Intensity {
    /// One agent on its own: OTP's default, 1 in 5 s.
    pub const AGENT: Intensity = Intensity { restarts: 1, period_ms: 5_000 };
    /// A group under a supervisor: 3 in 30 s.
    pub const GROUP: Intensity = Intensity { restarts: 3, period_ms: 30_000 };
}

/// The restarts that still count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// How long they count.
    pub(crate) period_ms: u64,
    /// When they were, oldest first.
    pub(crate) times: Vec<Time>,
}

impl Window {
    /// Restarts that count at this moment.
    #[must_use]
    pub fn count(&self, now: Time) -> u32 {
        let counts = |at: &&Time| {
            at.after(self.period_ms) >= now || planted(Mutant::RestartWindowNeverSlides)
        };
        self.times.iter().filter(counts).count() as u32
    }

    /// Whether one more restart at this moment stays within the intensity.
    pub(crate) fn allows(&self, intensity: Intensity, now: Time) -> bool {
        self.count(now) < intensity.restarts || planted(Mutant::EscalationForgotten)
    }

    /// One more restart; what no longer counts is forgotten.
    pub(crate) fn note(&mut self, intensity: Intensity, now: Time) {
        self.period_ms = intensity.period_ms;
        if !planted(Mutant::RestartWindowNeverSlides) {
            self.times.retain(|at| at.after(intensity.period_ms) >= now);
        }
        self.times.push(now);
    }

    /// Whether nothing in it counts any more.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.count(now) == 0
    }
}

/// The delay before a restart when `before` restarts count already: none for the first, then full
/// jitter over a doubling interval that stays below `cap_ms`.
pub(crate) fn delay_ms(before: u32, cap_ms: u64, draw: u64) -> u64 {
    if before == 0 {
        return 0;
    }
    let policy = RetryPolicy { attempts_max: 0, base_ms: BASE_MS, cap_ms };
    backoff::delay_ms(&policy, before, draw)
}

/// The longest that a second restart is put off.
const BASE_MS: u64 = 1_000;

/// The longest delay with which a child that dies at once still exceeds every one of these levels,
/// nearest first: half of a level's period, shared by all the restarts that exceed it.
pub(crate) fn cap_ms(levels: impl IntoIterator<Item = Intensity>) -> u64 {
    let mut restarts: u64 = 2;
    let caps = levels.into_iter().map(|level| {
        restarts = restarts.saturating_mul(u64::from(level.restarts) + 1);
        level.period_ms / restarts
    });
    caps.min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: intensity, period, moments of restarts that are asked for, and which are allowed.
    #[test]
    fn windows_allow_what_the_table_says() {
        let table = include_str!("../../tests/tables/intensity.txt");
        let mut rows = 0;
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [restarts, period_ms, asked, allowed] = cells[..] else { panic!("{row}") };
            let intensity = Intensity {
                restarts: restarts.parse().unwrap(),
                period_ms: period_ms.parse().unwrap(),
            };
            let mut window = Window::default();
            let answers = asked.split_whitespace().map(|at| {
                let now = Time(at.parse().unwrap());
                let allows = window.allows(intensity, now);
                if allows {
                    window.note(intensity, now);
                }
                assert!(window.times.len() <= intensity.restarts as usize, "bounded: {row}");
                if allows { "yes" } else { "no" }
            });
            let answers: Vec<&str> = answers.collect();
            assert_eq!(answers, allowed.split_whitespace().collect::<Vec<_>>(), "{row}");
            rows += 1;
        }
        assert_eq!(rows, 16, "every row was read");
    }

    #[test]
    fn delays_begin_at_once_and_never_outlast_a_window() {
        assert_eq!(delay_ms(0, 60_000, u64::MAX), 0);
        assert_eq!(delay_ms(1, 60_000, u64::MAX), 1_000);
        assert_eq!(delay_ms(3, 60_000, u64::MAX), 4_000);
        assert_eq!(cap_ms([Intensity::AGENT, Intensity::GROUP]), 1_250);
        assert_eq!(cap_ms([Intensity::GROUP, Intensity::GROUP]), 937);
        assert_eq!(cap_ms([]), 0);
    }
}
