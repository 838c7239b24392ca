//! What becomes of topics: the facts that are journaled.

use super::{Ended, Message, Runs, SubscriberTerms, TopicTerms};
use crate::{Payload, Text, Time, Token};
use serde::{Deserialize, Serialize};

/// What became of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation; the fields are those of the state.
pub enum TopicEvent {
    Set(TopicTerms),
    Removed,
    Published {
        seq: u64,
        message: Box<Message>,
    },
    /// Their time is over: all that is kept from `first` to `last`.
    Expired {
        first: u64,
        last: u64,
    },
    /// They had to make room.
    Dropped {
        first: u64,
        last: u64,
    },
    Joined {
        name: Text,
        cursor: u64,
        terms: SubscriberTerms,
    },
    Served {
        name: Text,
        terms: SubscriberTerms,
    },
    Left {
        name: Text,
    },
    /// What reads again from elsewhere has nothing in flight and no dead letters from there on.
    Replayed {
        name: Text,
        cursor: u64,
    },
    Delivered {
        name: Text,
        token: Token,
        until: Time,
        runs: Runs,
    },
    Handled {
        name: Text,
        token: Token,
        runs: Runs,
    },
    /// Back from a delivery, to come again.
    Returned {
        name: Text,
        token: Token,
        runs: Runs,
        due: Time,
        why: Ended,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reason: Text,
    },
    /// Back for the last time.
    Died {
        name: Text,
        token: Token,
        seq: u64,
        why: Ended,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        reason: Text,
    },
    Redelivered {
        name: Text,
        seq: u64,
    },
    Discarded {
        name: Text,
        seq: u64,
    },
}

impl TopicEvent {
    /// The payload that it carries; whoever writes the event stores its bytes.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        match self {
            TopicEvent::Published { message, .. } => Some(&message.payload),
            TopicEvent::Set(_)
            | TopicEvent::Removed
            | TopicEvent::Expired { .. }
            | TopicEvent::Dropped { .. }
            | TopicEvent::Joined { .. }
            | TopicEvent::Served { .. }
            | TopicEvent::Left { .. }
            | TopicEvent::Replayed { .. }
            | TopicEvent::Delivered { .. }
            | TopicEvent::Handled { .. }
            | TopicEvent::Returned { .. }
            | TopicEvent::Died { .. }
            | TopicEvent::Redelivered { .. }
            | TopicEvent::Discarded { .. } => None,
        }
    }

    /// The same, to put the bytes back after reading.
    pub(crate) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            TopicEvent::Published { message, .. } => Some(&mut message.payload),
            TopicEvent::Set(_)
            | TopicEvent::Removed
            | TopicEvent::Expired { .. }
            | TopicEvent::Dropped { .. }
            | TopicEvent::Joined { .. }
            | TopicEvent::Served { .. }
            | TopicEvent::Left { .. }
            | TopicEvent::Replayed { .. }
            | TopicEvent::Delivered { .. }
            | TopicEvent::Handled { .. }
            | TopicEvent::Returned { .. }
            | TopicEvent::Died { .. }
            | TopicEvent::Redelivered { .. }
            | TopicEvent::Discarded { .. } => None,
        }
    }
}
