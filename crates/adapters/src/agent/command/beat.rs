//! The signs of life that a process has promised, and how many of them stayed out.
//!
//! Why are they counted one by one, and not measured as one long silence? Whoever measures may have
//! been asleep itself: after an hour of a stopped machine a silence of an hour says nothing. So a
//! beat counts as missed only when somebody has waited for it, and a gap in our own time, however
//! long, costs one.

use std::time::Duration;
use tokio::time::Instant;

/// What one process has promised.
#[derive(Debug)]
pub(super) struct Beat {
    every: Duration,
    /// So many missed in a row are silence.
    max: u32,
    due: Instant,
    missed: u32,
}

impl Beat {
    pub(super) fn new(every: Duration, max: u32) -> Self {
        Self { every, max: max.max(1), due: Instant::now() + every, missed: 0 }
    }

    /// Until when the next sign must have come.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// It gave a sign, or begins to owe them; whether it was taken to be silent.
    pub(super) fn heard(&mut self) -> bool {
        self.due = Instant::now() + self.every;
        std::mem::take(&mut self.missed) >= self.max
    }

    /// A sign stayed out; whether that makes it silent.
    pub(super) fn missed(&mut self) -> bool {
        self.due = Instant::now() + self.every;
        self.missed = self.missed.saturating_add(1);
        self.missed == self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_beats_that_somebody_waited_for_are_missed() {
        let mut beat = Beat::new(Duration::from_secs(1), 3);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!(!beat.missed(), "an hour of sleep is one beat");
        assert_eq!(beat.due(), Instant::now() + Duration::from_secs(1));
        assert!(!beat.missed());
        assert!(beat.missed(), "the third in a row");
        assert!(!beat.missed(), "it is said once");
        assert!(beat.heard(), "it was silent");
        assert!(!beat.heard());
    }
}
