//! Dead letters: messages that came back too often, kept whole until somebody decides.

use super::{Refused, Subscriber, TopicEvent, reader, record};
use crate::kernel::Draft;
use crate::{Answer, Refusal, Text};

/// It comes again under its number, with nothing held against it, whatever the topic still keeps.
pub(super) fn redeliver(
    draft: &mut Draft<'_>,
    topic: &Text,
    name: Text,
    seq: u64,
) -> Result<Answer, Refusal> {
    let subscriber = dead(draft, topic, &name, seq)?;
    let max = u64::from(draft.limits.topic_window_max);
    if subscriber.unsettled() >= max {
        let retry_after_ms = draft.limits.retry_after_ms;
        return Err(Refusal::Overloaded { retry_after_ms });
    }
    record(draft, topic, TopicEvent::Redelivered { name, seq });
    Ok(Answer::Done)
}

/// Gone for good.
pub(super) fn discard(
    draft: &mut Draft<'_>,
    topic: &Text,
    name: Text,
    seq: u64,
) -> Result<Answer, Refusal> {
    dead(draft, topic, &name, seq)?;
    record(draft, topic, TopicEvent::Discarded { name, seq });
    Ok(Answer::Done)
}

/// One more is about to die: the oldest goes when there are as many as are kept.
pub(super) fn make_room(draft: &mut Draft<'_>, topic: &Text, name: &Text) {
    let Some(subscriber) = draft.subscriber(topic, name) else { return };
    if subscriber.dead.len() as u64 >= u64::from(draft.limits.topic_dead_max)
        && let Some(seq) = subscriber.dead.keys().next().copied()
    {
        record(draft, topic, TopicEvent::Discarded { name: name.clone(), seq });
    }
}

fn dead<'d>(
    draft: &'d Draft<'_>,
    topic: &Text,
    name: &Text,
    seq: u64,
) -> Result<&'d Subscriber, Refusal> {
    let (_, subscriber) = reader(draft, topic, name)?;
    match subscriber.dead.contains_key(&seq) {
        true => Ok(subscriber),
        false => Err(Refused::NotDead { seq }.into()),
    }
}
