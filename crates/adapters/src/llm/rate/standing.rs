//! What the other side lets be known of its limits: what is left, and that it was too much.

use super::window::MINUTE_MS;

/// Refusals in a row that lengthen the pause.
const DOUBLINGS_MAX: u32 = 6;

/// The pause after the first refusal that does not say for how long, milliseconds.
const PAUSE_MS: u64 = 1_000;

/// Doublings of the time for which a limit is believed that was found again.
const BELIEVED_MAX: u32 = 3;

/// So much of something is left, until there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    remaining: u64,
    /// When one more is there.
    one_more_ms: u64,
    /// How long one takes, in thousandths of a millisecond.
    each_micros: u64,
}

impl Left {
    /// From what an answer says, and what is under way that the answer may not have counted yet.
    pub(super) fn of(now_ms: u64, said: &runtime::llm::Left, under_way: u64) -> Option<Left> {
        let reset_ms = said.reset_ms?;
        let used = said.limit.map_or(1, |limit| limit.saturating_sub(said.remaining)).max(1);
        let each_micros = (reset_ms.saturating_mul(1_000) / used).max(1);
        let remaining = said.remaining.saturating_sub(under_way);
        let one_more_ms = now_ms + each_micros.div_ceil(1_000);
        Some(Left { remaining, one_more_ms, each_micros })
    }

    /// When so much may be taken.
    pub(super) fn fits_at(&self, now_ms: u64, amount: u64) -> u64 {
        let missing = amount.saturating_sub(self.remaining);
        match missing {
            0 => now_ms,
            missing => {
                let rest = (missing - 1).saturating_mul(self.each_micros) / 1_000;
                self.one_more_ms.saturating_add(rest).max(now_ms)
            }
        }
    }

    /// So much is taken. What is not left has come since: what was said does not hold any more.
    pub(super) fn take(self, amount: u64) -> Option<Left> {
        let remaining = self.remaining.checked_sub(amount)?;
        Some(Left { remaining, ..self })
    }
}

/// Refusals: for how long nothing is sent, and what they teach about a limit that nobody told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    in_a_row: u32,
    pub(super) closed_until_ms: u64,
    learned: Option<Learned>,
}

/// What seems to be the limit: as much as went through in the minute before it was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Learned {
    per_minute: u64,
    since_ms: u64,
    /// How often it was too much before: from then on it is raised a little at a time, and each
    /// time later.
    again: u32,
}

impl Refusals {
    /// It was too much. `accepted`: what went through in the latest minute, or may yet, where that
    /// says something of a limit. A call that was under way when another was refused is no new
    /// refusal; it only was not accepted either.
    pub(super) fn refused(
        &mut self,
        now_ms: u64,
        sent_ms: u64,
        after_ms: Option<u64>,
        accepted: Option<u64>,
    ) {
        let is_news = sent_ms >= self.closed_until_ms || self.in_a_row == 0;
        if is_news {
            self.in_a_row += 1;
        }
        let doublings = self.in_a_row.saturating_sub(1).min(DOUBLINGS_MAX);
        let pause_ms = after_ms.unwrap_or(PAUSE_MS << doublings);
        self.closed_until_ms = self.closed_until_ms.max(now_ms.saturating_add(pause_ms));
        let Some(accepted) = accepted else { return };
        let since_ms = self.closed_until_ms;
        let (per_minute, again) = match self.learned {
            Some(learned) if !is_news => (learned.per_minute.saturating_sub(1), learned.again),
            before => (accepted, before.map_or(0, |it| it.again.saturating_add(1))),
        };
        self.learned = Some(Learned { per_minute: per_minute.max(1), since_ms, again });
    }

    /// It was not too much.
    pub(super) fn accepted(&mut self, sent_ms: u64) {
        if sent_ms >= self.closed_until_ms {
            self.in_a_row = 0;
        }
    }

    /// The limit that it seems to have. Each minute in which it was not too much raises it: to the
    /// double as long as it was wrong once, by a tenth from then on. The more often it was found,
    /// the longer it is believed before it is tried again: two minutes, four, and eight at most.
    pub(super) fn per_minute(&self, now_ms: u64) -> Option<u64> {
        let Learned { mut per_minute, since_ms, again } = self.learned?;
        let believed = if again == 0 { 0 } else { (1 << again.min(BELIEVED_MAX)) - 1 };
        let minutes = (now_ms.saturating_sub(since_ms) / MINUTE_MS).saturating_sub(believed);
        for _ in 0..minutes.min(64) {
            let more = if again > 0 { (per_minute / 10).max(1) } else { per_minute };
            per_minute = per_minute.saturating_add(more);
        }
        Some(per_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(limit: Option<u64>, remaining: u64, reset_ms: Option<u64>) -> runtime::llm::Left {
        runtime::llm::Left { limit, remaining, reset_ms }
    }

    #[test]
    fn what_is_left_is_taken_and_comes_again_one_by_one() {
        let left = Left::of(0, &said(Some(60), 2, Some(58_000)), 0).unwrap();
        assert_eq!(left.fits_at(0, 1), 0);
        let left = left.take(1).and_then(|it| it.take(1)).unwrap();
        assert_eq!(left.fits_at(0, 1), 1_000, "one a second");
        assert_eq!(left.fits_at(0, 3), 3_000);
        assert_eq!(left.take(1), None, "more came: it is not known how much is left");
    }

    #[test]
    fn what_is_under_way_may_not_be_counted_yet() {
        let left = Left::of(500, &said(None, 3, Some(10_000)), 3).unwrap();
        assert_eq!(left.fits_at(500, 1), 10_500);
        assert_eq!(Left::of(0, &said(Some(9), 0, None), 0), None, "until when?");
    }

    #[test]
    fn refusals_in_a_row_wait_longer_and_a_pause_that_is_told_is_kept() {
        let mut refusals = Refusals::default();
        refusals.refused(0, 0, None, None);
        assert_eq!(refusals.closed_until_ms, 1_000);
        refusals.refused(10, 0, None, None);
        assert_eq!(refusals.closed_until_ms, 1_010, "sent before it was known: the same refusal");
        refusals.refused(1_010, 1_010, None, None);
        assert_eq!(refusals.closed_until_ms, 3_010);
        refusals.refused(3_010, 3_010, Some(40), None);
        assert_eq!(refusals.closed_until_ms, 3_050);
        refusals.accepted(3_060);
        refusals.refused(4_000, 4_000, None, None);
        assert_eq!(refusals.closed_until_ms, 5_000, "the row was broken");
    }

    #[test]
    fn a_limit_is_learned_and_tried_again() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.per_minute(0), None);
        refusals.refused(0, 0, Some(1_000), Some(4));
        let at = |refusals: &Refusals, minutes: u64| {
            refusals.per_minute(refusals.closed_until_ms + minutes * MINUTE_MS).unwrap()
        };
        assert_eq!([0, 1, 2, 3].map(|it| at(&refusals, it)), [4, 8, 16, 32]);
        refusals.refused(900, 0, None, Some(9));
        assert_eq!(at(&refusals, 0), 3, "one of the four was refused too");
        refusals.refused(200_000, 200_000, Some(1_000), Some(30));
        assert_eq!([0, 1, 2, 3].map(|it| at(&refusals, it)), [30, 30, 33, 36]);
        refusals.refused(500_000, 500_000, Some(1_000), Some(30));
        assert_eq!([0, 3, 4].map(|it| at(&refusals, it)), [30, 30, 33], "believed for longer");
        refusals.refused(900_000, 900_000, None, Some(0));
        assert_eq!(at(&refusals, 0), 1, "never nothing");
    }
}
