//! What becomes of a durable topic, as lines for people: what happens rarely, and matters.

use super::Line;
use kernel::TopicEvent;
use kernel::topic::Ended;

/// Whether it is a line at all.
fn is_told(what: &TopicEvent) -> bool {
    match what {
        TopicEvent::Published { .. }
        | TopicEvent::Expired { .. }
        | TopicEvent::Delivered { .. }
        | TopicEvent::Handled { .. }
        | TopicEvent::Returned { .. } => false,
        TopicEvent::Set(_)
        | TopicEvent::Removed
        | TopicEvent::Dropped { .. }
        | TopicEvent::Joined { .. }
        | TopicEvent::Served { .. }
        | TopicEvent::Left { .. }
        | TopicEvent::Replayed { .. }
        | TopicEvent::Died { .. }
        | TopicEvent::Redelivered { .. }
        | TopicEvent::Discarded { .. } => true,
    }
}

/// The line, if there is one: what becomes of every message would hide all else. A topic's name
/// stands where a step's does, and a subscriber's or a reason in the note.
pub(super) fn tell<'e>(
    mut line: Line<'e>,
    topic: &'e str,
    what: &'e TopicEvent,
) -> Option<Line<'e>> {
    if !is_told(what) {
        return None;
    }
    line.step = Some(topic);
    line.note = match what {
        TopicEvent::Died { reason, .. } if !reason.is_empty() => Some(&**reason),
        TopicEvent::Joined { name, .. }
        | TopicEvent::Served { name, .. }
        | TopicEvent::Left { name }
        | TopicEvent::Replayed { name, .. }
        | TopicEvent::Delivered { name, .. }
        | TopicEvent::Handled { name, .. }
        | TopicEvent::Returned { name, .. }
        | TopicEvent::Died { name, .. }
        | TopicEvent::Redelivered { name, .. }
        | TopicEvent::Discarded { name, .. } => Some(&**name),
        TopicEvent::Set(_)
        | TopicEvent::Removed
        | TopicEvent::Published { .. }
        | TopicEvent::Expired { .. }
        | TopicEvent::Dropped { .. } => None,
    };
    Some(line)
}

pub(super) fn name(what: &TopicEvent) -> &'static str {
    match what {
        TopicEvent::Set(_) => "topic_set",
        TopicEvent::Removed => "topic_removed",
        TopicEvent::Published { .. } => "message_published",
        TopicEvent::Expired { .. } => "messages_expired",
        TopicEvent::Dropped { .. } => "messages_dropped",
        TopicEvent::Joined { .. } => "subscriber_joined",
        TopicEvent::Served { .. } => "subscriber_served",
        TopicEvent::Left { .. } => "subscriber_left",
        TopicEvent::Replayed { .. } => "subscriber_replays",
        TopicEvent::Delivered { .. } => "messages_delivered",
        TopicEvent::Handled { .. } => "messages_handled",
        TopicEvent::Returned { why: Ended::Nacked, .. } => "message_nacked",
        TopicEvent::Returned { why: Ended::Silent, .. } => "delivery_silent",
        TopicEvent::Returned { why: Ended::RuntimeEnded, .. } => "delivery_lost",
        TopicEvent::Returned { why: Ended::LetGo, .. } => "delivery_let_go",
        TopicEvent::Died { .. } => "message_died",
        TopicEvent::Redelivered { .. } => "message_redelivered",
        TopicEvent::Discarded { .. } => "dead_message_discarded",
    }
}
