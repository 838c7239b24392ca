//! Whether a message finds room, and what has to go for it.

use super::{Full, Topic, TopicEvent, TopicTerms};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{Limits, Refusal, State, Text};

/// What a topic may keep: its own bounds, those of every topic, and what all the others leave.
struct Bounds {
    messages: u64,
    bytes: u64,
}

impl Bounds {
    fn of(state: &State, topic: Option<&Topic>) -> Bounds {
        let limits: &Limits = &state.limits;
        let own = |of: fn(&TopicTerms) -> Option<u64>| topic.and_then(|it| of(&it.terms));
        let (messages_max, bytes_max) = (own(|it| it.messages_max), own(|it| it.bytes_max));
        let (messages, bytes) = topic.map_or((0, 0), |it| (it.messages.len() as u64, it.bytes));
        let (all_messages, all_bytes) = state.index.topics.kept();
        let others = (all_messages - messages, all_bytes - bytes);
        let messages = messages_max.unwrap_or(u64::MAX).min(limits.topic_messages_max);
        let bytes = bytes_max.unwrap_or(u64::MAX).min(limits.topic_max_bytes);
        Bounds {
            messages: messages.min(limits.topics_messages_max.saturating_sub(others.0)),
            bytes: bytes.min(limits.topics_max_bytes.saturating_sub(others.1)),
        }
    }
}

/// Makes room for one more message of so many bytes: the oldest go. What nobody waits for goes
/// without asking; what somebody has not handled, only where the topic is told so.
pub(super) fn make(draft: &mut Draft<'_>, topic: &Text, len: u64) -> Result<(), Refusal> {
    let found = draft.topics.get(topic);
    let bounds = Bounds::of(draft, found);
    if len > bounds.bytes && !planted(Mutant::TopicBytesUnbounded) {
        return Err(full(draft, found, len));
    }
    let Some(found) = found else {
        return if bounds.messages == 0 { Err(full(draft, None, len)) } else { Ok(()) };
    };
    let (mut messages, mut bytes) = (found.messages.len() as u64, found.bytes);
    let over = |messages: u64, bytes: u64| {
        let many = messages + 1 > bounds.messages;
        many || (bytes + len > bounds.bytes && !planted(Mutant::TopicBytesUnbounded))
    };
    let mut last = None;
    for (seq, message) in &found.messages {
        if !over(messages, bytes) {
            break;
        }
        let is_free = found.terms.full == Full::DropOldest || !is_awaited(found, *seq);
        if !is_free {
            break;
        }
        (messages, bytes) = (messages - 1, bytes - u64::from(message.payload.len));
        last = Some(*seq);
    }
    if over(messages, bytes) {
        return Err(full(draft, Some(found), len));
    }
    let first = found.first();
    if let Some(last) = last {
        super::record(draft, topic, TopicEvent::Dropped { first, last });
    }
    Ok(())
}

/// Whether somebody has a claim to it. Their own copies of what was dead are apart.
fn is_awaited(topic: &Topic, seq: u64) -> bool {
    topic.subscribers.values().any(|it| it.awaits(seq))
}

/// A message larger than the topic will ever keep is too large; another may come later.
fn full(draft: &Draft<'_>, topic: Option<&Topic>, len: u64) -> Refusal {
    let limits = &draft.limits;
    let own = topic.and_then(|it| it.terms.bytes_max).unwrap_or(u64::MAX);
    let max = own.min(limits.topic_max_bytes).min(limits.topics_max_bytes);
    match len > max {
        true => Refusal::TooLarge { max },
        false => Refusal::Overloaded { retry_after_ms: limits.retry_after_ms },
    }
}
