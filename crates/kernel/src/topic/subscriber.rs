//! One subscriber's place in a topic: what is over for it, what it has in hand, what comes again.

use super::{Message, Runs};
use crate::{Text, Time, Token};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a subscriber is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriberTerms {
    /// A delivery that is neither acked nor nacked within this time is lost to silence: 30 s, as a
    /// lease.
    pub ack_ms: u64,
    /// Messages that it may have in hand or coming again; with 1 it sees them strictly in order.
    pub window: u32,
    /// Deliveries of one message that may come to nothing before it is a dead letter: 5, as the
    /// attempts of a task.
    pub deliveries_max: u32,
}

impl Default for SubscriberTerms {
    fn default() -> SubscriberTerms {
        SubscriberTerms { ack_ms: 30_000, window: 32, deliveries_max: 5 }
    }
}

/// One durable name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// How it is served.
    pub terms: SubscriberTerms,
    /// Where it began.
    pub began: u64,
    /// All before this is over for it.
    pub cursor: u64,
    /// All from this on was never given to it.
    pub fresh: u64,
    /// What is over between the two.
    #[serde(default, skip_serializing_if = "Runs::is_empty")]
    pub beyond: Runs,
    /// Deliveries in its hands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flights: BTreeMap<Token, Flight>,
    /// Messages with a history: they came back, and come again or are in its hands again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub again: BTreeMap<u64, Again>,
    /// Dead letters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead: BTreeMap<u64, DeadMessage>,
    /// What was over without being handled, by the first of each run: its last, and how. Only the
    /// latest runs are remembered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missed: BTreeMap<u64, (u64, Missed)>,
    /// Messages that it has handled.
    pub handled: u64,
    /// Messages that expired before it had handled them.
    pub expired: u64,
    /// Messages that made room before it had handled them.
    pub dropped: u64,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// Lost to silence then.
    pub until: Time,
    /// What of it is neither acked nor nacked.
    pub pending: Runs,
}

/// What is remembered of a message that came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Again {
    /// Deliveries that came to nothing.
    pub failed: u32,
    /// Deliveries that went down with the runtime.
    pub lost: u32,
    /// Not before then.
    pub due: Time,
    /// Why each came to nothing.
    pub reasons: Vec<Text>,
    /// The message itself, where the topic need not have it any more: it was dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Message>>,
}

/// A message that came back once too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadMessage {
    /// The message.
    pub message: Message,
    /// When it died.
    pub at: Time,
    /// Why each delivery came to nothing.
    pub reasons: Vec<Text>,
    /// Deliveries that went down with the runtime.
    pub lost: u32,
}

/// How a delivery ended that was not acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The subscriber said that it could not.
    Nacked,
    /// It said nothing in time.
    Silent,
    /// It went down with the process.
    RuntimeEnded,
    /// The subscriber let go of it, and has not tried.
    LetGo,
}

/// How a message was over for a subscriber that had not handled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Its time was over.
    Expired,
    /// It made room for others.
    Dropped,
    /// It was dead, and forgotten.
    Discarded,
}

impl Subscriber {
    /// One that has seen nothing, and begins here.
    pub(crate) fn at(cursor: u64, terms: SubscriberTerms) -> Subscriber {
        Subscriber {
            terms,
            began: cursor,
            cursor,
            fresh: cursor,
            beyond: Runs::default(),
            flights: BTreeMap::new(),
            again: BTreeMap::new(),
            dead: BTreeMap::new(),
            missed: BTreeMap::new(),
            handled: 0,
            expired: 0,
            dropped: 0,
        }
    }

    /// The delivery that has this message in hand.
    #[must_use]
    pub fn in_flight(&self, seq: u64) -> Option<Token> {
        let mut flights = self.flights.iter();
        flights.find(|(_, it)| it.pending.contains(seq)).map(|(token, _)| *token)
    }

    /// Messages that it has in hand or that come again.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.in_hand() + self.coming().count() as u64
    }

    /// Messages that it has in hand.
    pub(crate) fn in_hand(&self) -> u64 {
        self.flights.values().map(|it| it.pending.len()).sum()
    }

    /// What came back and is to come again, lowest number first.
    pub(crate) fn coming(&self) -> impl Iterator<Item = (u64, &Again)> {
        let mut in_hand = Runs::default();
        // Nothing has come back to most who have much in hand.
        if !self.again.is_empty() {
            let runs = self.flights.values().flat_map(|it| it.pending.runs());
            runs.for_each(|(first, last)| in_hand.insert(first, last));
        }
        let coming = self.again.iter().map(|(seq, again)| (*seq, again));
        coming.filter(move |(seq, _)| !in_hand.contains(*seq))
    }

    /// Whether it was given this message and has not done with it.
    #[must_use]
    pub fn is_unsettled(&self, seq: u64) -> bool {
        self.again.contains_key(&seq) || self.in_flight(seq).is_some()
    }

    /// Whether it may still want this message.
    #[must_use]
    pub fn awaits(&self, seq: u64) -> bool {
        seq >= self.fresh || self.is_unsettled(seq)
    }

    /// How this message was over, if it was and is remembered, without being handled.
    #[must_use]
    pub fn missed(&self, seq: u64) -> Option<Missed> {
        let (_, (last, how)) = self.missed.range(..=seq).next_back()?;
        (*last >= seq).then_some(*how)
    }

    /// Deliveries of this message that came to nothing, charged to it and not.
    pub(crate) fn history(&self, seq: u64) -> (u32, u32) {
        self.again.get(&seq).map_or((0, 0), |again| (again.failed, again.lost))
    }
}

impl Ended {
    /// Whether it counts against the message.
    pub(crate) fn is_charged(self) -> bool {
        match self {
            Ended::Nacked | Ended::Silent => true,
            Ended::RuntimeEnded | Ended::LetGo => false,
        }
    }

    /// In words, where the subscriber has none.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Ended::Nacked => "it was nacked without a reason",
            Ended::Silent => "nothing was said of it in time",
            Ended::RuntimeEnded => "the process ended",
            Ended::LetGo => "the subscriber went away",
        }
    }
}
