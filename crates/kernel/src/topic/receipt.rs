//! What became of a message, for whoever published it.

use super::{Missed, Subscriber, Topic};
use crate::{State, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What became of a message, for each durable name that there is now; nobody, if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// Whether it is still kept, for whoever comes later.
    pub kept: bool,
    /// By name.
    pub fates: BTreeMap<Text, Fate>,
}

/// What became of a message for one subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is durable, and this subscriber has not got it yet.
    Sent,
    /// The subscriber has it in hand.
    Delivered,
    /// It came back, and comes again.
    Returned {
        /// Why, as far as it is known.
        reasons: Vec<Text>,
    },
    /// It is handled.
    Handled,
    /// Its time was over before.
    Expired,
    /// It had to make room before.
    Dropped,
    /// It came back too often, and is a dead letter.
    Refused {
        /// Why each delivery came to nothing.
        reasons: Vec<Text>,
    },
    /// It was a dead letter, and is forgotten.
    Discarded,
    /// It was there before the subscriber, who began later.
    Before,
}

impl State {
    /// Whether whoever has this name is there and takes deliveries. Not in a journal.
    #[must_use]
    pub fn is_attached(&self, topic: &Text, name: &Text) -> bool {
        self.index.topics.is_attached(topic, name)
    }

    /// What became of a message. `None`: no such message was ever published.
    #[must_use]
    pub fn receipts(&self, topic: &str, seq: u64) -> Option<Receipts> {
        let topic = self.topics.get(topic).filter(|it| (1..it.next).contains(&seq))?;
        let subscribers = topic.subscribers.iter();
        let fates = subscribers.map(|(name, it)| (name.clone(), fate(topic, it, seq)));
        Some(Receipts { kept: topic.messages.contains_key(&seq), fates: fates.collect() })
    }
}

fn fate(topic: &Topic, subscriber: &Subscriber, seq: u64) -> Fate {
    if subscriber.in_flight(seq).is_some() {
        return Fate::Delivered;
    }
    if let Some(again) = subscriber.again.get(&seq) {
        return Fate::Returned { reasons: again.reasons.clone() };
    }
    if let Some(dead) = subscriber.dead.get(&seq) {
        return Fate::Refused { reasons: dead.reasons.clone() };
    }
    match subscriber.missed(seq) {
        Some(Missed::Expired) => Fate::Expired,
        Some(Missed::Dropped) => Fate::Dropped,
        Some(Missed::Discarded) => Fate::Discarded,
        None if seq < subscriber.began => Fate::Before,
        None if seq < subscriber.fresh => Fate::Handled,
        None if topic.messages.contains_key(&seq) => Fate::Sent,
        None => Fate::Expired,
    }
}
