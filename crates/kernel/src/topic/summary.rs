//! Topics in figures, for whoever looks after them.

use super::{Subscriber, SubscriberTerms, Topic, TopicTerms};
use crate::{State, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A topic in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How much it keeps.
    pub terms: TopicTerms,
    /// Messages that it keeps.
    pub messages: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The oldest number that it keeps.
    pub first: u64,
    /// The number of the next message.
    pub next: u64,
    /// Who reads it, by name.
    pub subscribers: BTreeMap<Text, Reading>,
}

/// A subscriber in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Whether it is there and takes deliveries.
    pub there: bool,
    /// How it is served.
    #[serde(default)]
    pub terms: SubscriberTerms,
    /// All before this is over for it.
    pub cursor: u64,
    /// Messages that are kept and were never given to it.
    pub waiting: u64,
    /// Messages that it has in hand.
    pub in_hand: u64,
    /// Messages that came back and come again.
    pub returned: u64,
    /// Messages that it has handled.
    pub handled: u64,
    /// Messages that expired before it had handled them.
    pub expired: u64,
    /// Messages that made room before.
    pub dropped: u64,
    /// Dead letters: why each delivery of them came to nothing, by number.
    pub dead: BTreeMap<u64, Vec<Text>>,
}

impl State {
    /// Every topic in figures, by name.
    #[must_use]
    pub fn topic_summaries(&self) -> Vec<(Text, Summary)> {
        let of = |(name, topic): (&Text, &Topic)| (name.clone(), self.summary(name, topic));
        self.topics.iter().map(of).collect()
    }

    fn summary(&self, name: &Text, topic: &Topic) -> Summary {
        let reading = |(reader, it): (&Text, &Subscriber)| {
            let dead = it.dead.iter().map(|(seq, it)| (*seq, it.reasons.clone())).collect();
            let reading = Reading {
                there: self.is_attached(name, reader),
                terms: it.terms,
                cursor: it.cursor,
                waiting: topic.messages.range(it.fresh..).count() as u64,
                in_hand: it.in_hand(),
                returned: it.coming().count() as u64,
                handled: it.handled,
                expired: it.expired,
                dropped: it.dropped,
                dead,
            };
            (reader.clone(), reading)
        };
        Summary {
            terms: topic.terms.clone(),
            messages: topic.messages.len() as u64,
            bytes: topic.bytes,
            first: topic.first(),
            next: topic.next,
            subscribers: topic.subscribers.iter().map(reading).collect(),
        }
    }
}
