//! Deliveries and messages run out, and what comes back from a delivery comes again or is dead.

use super::{Ended, Runs, TopicEvent, letter, record};
use crate::kernel::Draft;
use crate::rule::backoff;
use crate::task::shortened;
use crate::{RetryPolicy, Text, Time, Token};

/// Acts on what is due, up to a bound; the rest is still due in the next step.
pub(crate) fn expire(draft: &mut Draft<'_>) {
    draft.wake_readers();
    for _ in 0..draft.limits.sweep_max {
        if let Some((topic, name, token)) = draft.index.topics.silent(draft.now) {
            give_all_back(draft, &topic, &name, token, Ended::Silent);
        } else if let Some((topic, first)) = draft.index.topics.stale(draft.now) {
            let last = last_stale(draft, &topic, first);
            record(draft, &topic, TopicEvent::Expired { first, last });
        } else {
            return;
        }
    }
}

/// What is kept right after an expired message and has expired as well goes with it.
fn last_stale(draft: &Draft<'_>, topic: &Text, first: u64) -> u64 {
    let Some(topic) = draft.topics.get(topic) else { return first };
    let kept = topic.messages.range(first..).take(draft.limits.sweep_max);
    let stale = kept.take_while(|(_, message)| message.expires <= draft.now);
    stale.last().map_or(first, |(seq, _)| *seq)
}

/// A process took over: whoever had something in hand is gone with the one before, and nobody's
/// message is charged for it.
pub(crate) fn runtime_ended(draft: &mut Draft<'_>) {
    let flights = draft.index.topics.in_flight();
    for (topic, name, token) in flights {
        give_all_back(draft, &topic, &name, token, Ended::RuntimeEnded);
    }
}

/// A delivery is over, and all that is pending of it comes back.
pub(super) fn give_all_back(
    draft: &mut Draft<'_>,
    topic: &Text,
    name: &Text,
    token: Token,
    why: Ended,
) {
    let flight = draft.subscriber(topic, name).and_then(|it| it.flights.get(&token));
    let Some(pending) = flight.map(|it| it.pending.clone()) else { return };
    give_back(draft, topic, name, (token, pending), (why, None), "");
}

/// Messages come back from a delivery: those that have used up their deliveries are dead, the
/// others come again. Without a delay of its own the usual back-off counts; what nobody tried
/// comes at once.
pub(super) fn give_back(
    draft: &mut Draft<'_>,
    topic: &Text,
    name: &Text,
    (token, runs): (Token, Runs),
    (why, delay_ms): (Ended, Option<u64>),
    reason: &str,
) {
    let Some(subscriber) = draft.subscriber(topic, name) else { return };
    let (deliveries_max, lost_max) =
        (subscriber.terms.deliveries_max, draft.limits.crash_attempts_max);
    let dies = |seq: &u64| {
        let (failed, lost) = subscriber.history(*seq);
        let lost = lost + u32::from(why == Ended::RuntimeEnded);
        failed + u32::from(why.is_charged()) >= deliveries_max || lost >= lost_max
    };
    let (dead, back): (Vec<u64>, Vec<u64>) = runs.each().partition(dies);
    let failed = back.iter().map(|seq| subscriber.history(*seq).0).max().unwrap_or(0);
    let due = due(draft, why, delay_ms, failed + 1);
    let reason = shortened(reason, draft.limits.words_max_bytes);
    if !back.is_empty() {
        let (name, reason, runs) = (name.clone(), reason.clone(), back.into_iter().collect());
        record(draft, topic, TopicEvent::Returned { name, token, runs, due, why, reason });
    }
    for seq in dead {
        letter::make_room(draft, topic, name);
        let (name, reason) = (name.clone(), reason.clone());
        record(draft, topic, TopicEvent::Died { name, token, seq, why, reason });
    }
}

/// When it comes again.
fn due(draft: &Draft<'_>, why: Ended, delay_ms: Option<u64>, failed: u32) -> Time {
    let delay_ms = match (delay_ms, why) {
        (Some(ms), _) => ms,
        (None, Ended::Nacked | Ended::Silent) => {
            backoff::delay_ms(&RetryPolicy::default(), failed, backoff::draw(draft.seed).0)
        }
        (None, Ended::RuntimeEnded | Ended::LetGo) => 0,
    };
    draft.now.after(delay_ms)
}
