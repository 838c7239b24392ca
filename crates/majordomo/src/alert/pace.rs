//! How often somebody is told of one kind of problem: at once, and then ever more seldom while it
//! goes on.

use crate::problem::Kind;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two alerts of a kind; it doubles with each.
const PAUSE: Duration = Duration::from_secs(60);
/// No pause is longer. After as long a quiet the next pause is the first again.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// When each kind was told last, and how often in a row.
#[derive(Default)]
pub(super) struct Pace(BTreeMap<Kind, (Instant, u32)>);

impl Pace {
    /// Whether the latest alert of this kind is old enough for another one.
    pub(super) fn is_due(&self, kind: Kind, now: Instant) -> bool {
        self.0.get(&kind).is_none_or(|(last, row)| now >= *last + pause(*row))
    }

    /// One was sent.
    pub(super) fn sent(&mut self, kind: Kind, now: Instant) {
        let row = match self.0.get(&kind) {
            Some((last, row)) if now < *last + pause(*row) + PAUSE_MAX => row.saturating_add(1),
            Some(_) | None => 0,
        };
        self.0.insert(kind, (now, row));
    }
}

fn pause(row: u32) -> Duration {
    PAUSE.saturating_mul(1_u32.checked_shl(row.min(16)).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_that_goes_on_is_told_ever_more_seldom_and_new_trouble_at_once() {
        let (mut pace, began, kind) = (Pace::default(), Instant::now(), Kind::DeadLetters);
        let mut told = Vec::new();
        for minute in 0..24 * 60 {
            let now = began + Duration::from_secs(minute * 60);
            if pace.is_due(kind, now) {
                pace.sent(kind, now);
                told.push(minute);
            }
        }
        assert_eq!(told[..7], [0, 1, 3, 7, 15, 31, 63]);
        assert_eq!(told.len(), 7 + 22, "from then on once an hour");
        assert!(pace.is_due(Kind::LongWait, began), "each kind has its own pace");
        let later = began + Duration::from_secs(30 * 3_600);
        pace.sent(kind, later);
        assert!(pace.is_due(kind, later + PAUSE), "after a quiet it begins anew");
    }
}
