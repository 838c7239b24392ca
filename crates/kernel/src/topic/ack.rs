//! What a subscriber says of a delivery: it is handled, or could not be.

use super::{Ended, Runs, TopicEvent, expire, reader, record};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::rule::fence;
use crate::{Answer, Refusal, Text, Token};

/// Messages of a delivery are handled. One that was said already is harmless.
pub(super) fn ack(
    draft: &mut Draft<'_>,
    topic: &Text,
    name: Text,
    token: Token,
    up_to: u64,
    also: &[u64],
) -> Result<Answer, Refusal> {
    let (_, subscriber) = reader(draft, topic, &name)?;
    let said = |seq: &u64| *seq <= up_to || also.contains(seq);
    let (token, flight) = fence::flight(subscriber, token, said).ok_or(Refusal::StaleToken)?;
    let wrong = planted(Mutant::AckOfTheWrongRun);
    let runs: Runs = flight.pending.each().filter(|seq| said(seq) != wrong).collect();
    if !runs.is_empty() {
        record(draft, topic, TopicEvent::Handled { name, token, runs });
    }
    Ok(Answer::Done)
}

/// One message could not be handled: it comes again later, or is dead.
pub(super) fn nack(
    draft: &mut Draft<'_>,
    topic: &Text,
    (name, token, seq): (Text, Token, u64),
    delay_ms: Option<u64>,
    reason: &str,
) -> Result<Answer, Refusal> {
    let (_, subscriber) = reader(draft, topic, &name)?;
    let said = |it: &u64| *it == seq;
    let (token, flight) = fence::flight(subscriber, token, said).ok_or(Refusal::StaleToken)?;
    let delay_ms = delay_ms.map(|ms| ms.min(draft.limits.delay_max_ms));
    if flight.pending.contains(seq) {
        let held = (token, Runs::one(seq, seq));
        expire::give_back(draft, topic, &name, held, (Ended::Nacked, delay_ms), reason);
    }
    Ok(Answer::Done)
}
