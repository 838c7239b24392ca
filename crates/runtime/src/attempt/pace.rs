//! Whether an attempt in this process really goes on, judged by how it uses its thread.
//!
//! Nobody can tell code that will be done in a minute from code that never will. What can be told
//! is whether it is *fair*: it says something now and then, or it waits for something and lets
//! others work meanwhile. So a lease is renewed while the attempt's code
//!
//! 1. waits, and somebody holds a waker by which it can go on: a socket, a timer, a thread, a step;
//! 2. or runs, and has kept its thread for less than *patience* since it last used its context (a
//!    step, a spending, progress, a log line, a heartbeat). Waiting pays that back, moment for
//!    moment, so code that mostly waits may run for as long as it likes.
//!
//! What is not renewed is code that blocks its thread, in one poll that does not return or in many
//! that wake themselves at once, and code that waits while nobody is left who could wake it: its
//! lease runs out, the task goes to another agent, and what it still finds is refused. Code that
//! has to compute for longer says [`Context::heartbeat`] now and then, or computes in
//! [`Context::blocking`], which holds no thread that others need.
//!
//! Why does a poll that returns with the result count as alive, however long it was? Nobody has
//! taken the work away meanwhile, or this would not be asked; and the slow are not to be murdered.
//!
//! [`Context::heartbeat`]: crate::api::Context::heartbeat
//! [`Context::blocking`]: crate::api::Context::blocking

use std::time::Duration;
use tokio::time::Instant;

/// How one attempt uses its thread.
#[derive(Debug)]
pub(super) struct Pace {
    doing: Doing,
    /// Time on its thread that was neither paid back by waiting nor forgotten for a word.
    busy: Duration,
    /// When its lease was renewed last.
    renewed: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    /// Its code is being polled.
    Runs(Instant),
    /// It is to be polled again.
    Ready,
    /// It waits to be woken.
    Waits(Instant),
    /// It waits, and nobody is left who could wake it.
    Stuck,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace::new(Instant::now())
    }
}

impl Pace {
    /// Of an attempt whose lease was granted just now.
    pub(super) fn new(now: Instant) -> Pace {
        Pace { doing: Doing::Ready, busy: Duration::ZERO, renewed: now }
    }

    /// A poll begins.
    pub(super) fn runs(&mut self, now: Instant) {
        self.busy = self.busy(now);
        self.doing = Doing::Runs(now);
    }

    /// Somebody has woken it; in the middle of a poll that says nothing.
    pub(super) fn is_woken(&mut self, now: Instant) {
        if !matches!(self.doing, Doing::Runs(_)) {
            self.is_ready(now);
        }
    }

    /// A poll has ended, and nothing is known of the next one yet.
    pub(super) fn is_ready(&mut self, now: Instant) {
        self.busy = self.busy(now);
        self.doing = Doing::Ready;
    }

    /// Nothing has woken it since its poll ended.
    pub(super) fn waits(&mut self, now: Instant, can_be_woken: bool) {
        self.busy = self.busy(now);
        self.doing = if can_be_woken { Doing::Waits(now) } else { Doing::Stuck };
    }

    /// It has said something, or its code has come to its end.
    pub(super) fn says(&mut self, now: Instant) {
        self.busy = Duration::ZERO;
        if let Doing::Runs(since) | Doing::Waits(since) = &mut self.doing {
            *since = now;
        }
    }

    /// Nobody was at work for this long: the machine slept.
    pub(super) fn forgive(&mut self, now: Instant, gap: Duration) {
        if let Doing::Runs(since) = &mut self.doing {
            *since = now.min(*since + gap);
        }
    }

    /// Whether its lease is to be renewed now; it is taken to be, if so.
    pub(super) fn renews(&mut self, now: Instant, every: Duration, patience: Duration) -> bool {
        let goes_on = !matches!(self.doing, Doing::Stuck) && self.busy(now) < patience;
        let renews = goes_on && self.renewed + every <= now;
        if renews {
            self.renewed = now;
        }
        renews
    }

    fn busy(&self, now: Instant) -> Duration {
        match self.doing {
            Doing::Runs(since) => self.busy + (now - since),
            Doing::Ready | Doing::Stuck => self.busy,
            Doing::Waits(since) => self.busy.saturating_sub(now - since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// What happens to an attempt, in words, and whether its lease is renewed at the end.
    fn renews(story: &str) -> bool {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for act in story.split_whitespace() {
            match act.trim_end_matches('s').parse::<u64>() {
                Ok(seconds) => now += Duration::from_secs(seconds),
                Err(_) => match act {
                    "run" => pace.runs(now),
                    "wait" => pace.waits(now, true),
                    "stuck" => pace.waits(now, false),
                    "woken" => pace.is_woken(now),
                    "ready" => pace.is_ready(now),
                    "say" => pace.says(now),
                    "forgive" => pace.forgive(now, Duration::from_secs(60)),
                    other => panic!("{other}?"),
                },
            }
        }
        pace.renews(now, Duration::ZERO, PATIENCE)
    }

    #[test]
    fn who_waits_or_says_something_is_alive() {
        let table = [
            ("run 9s", true),
            ("run 11s", false),    // It blocks its thread.
            ("run 60s say", true), // It says how far it is.
            ("run 60s say 9s", true),
            ("run 60s say 11s", false),
            ("run 1s wait 600s", true),   // It waits for others.
            ("run 1s stuck 600s", false), // It waits for nobody.
            ("run 1s stuck 600s woken", true),
            ("run 6s woken ready run 6s ready", false), // It spins.
            ("run 6s wait 6s woken run 6s wait", true), // Waiting pays back.
            ("run 6s wait 1s woken run 6s wait", false),
            ("run 6s wait 1s woken run 6s wait 2s", true),
            ("run 61s forgive", true), // The machine slept.
            ("run 71s forgive", false),
        ];
        for (story, expected) in table {
            assert_eq!(renews(story), expected, "{story}");
        }
    }

    #[test]
    fn renewals_keep_their_interval() {
        let now = Instant::now();
        let (mut pace, every) = (Pace::new(now), Duration::from_secs(10));
        assert!(!pace.renews(now + Duration::from_secs(9), every, PATIENCE));
        assert!(pace.renews(now + Duration::from_secs(11), every, PATIENCE));
        assert!(!pace.renews(now + Duration::from_secs(20), every, PATIENCE));
        assert!(pace.renews(now + Duration::from_secs(21), every, PATIENCE));
    }
}
