//! Durable topics: a log of messages with a place in it for each subscriber, one transition a file.
//!
//! ```text
//!   publish ──▶ kept under the next number ──▶ goes when its time is over, or for want of room
//!                    │
//!   a subscriber: ───┴─▶ in flight ──▶ handled        (its cursor follows)
//!                    ▲      │ nacked, silent, lost
//!                    └──────┤
//!                           └──▶ dead, with its reasons ──▶ redelivered or discarded
//! ```
//!
//! Why no tasks? A subscriber may come later than the message, a thousand of them must not cost a
//! thousand tasks, and a log has an order. The rules are those of tasks: a token names each
//! delivery and only the current one is heard, what fails too often is a dead letter, and what
//! went down with the process is not the subscriber's fault.

mod ack;
mod deliver;
mod event;
mod expire;
mod letter;
mod publish;
mod receipt;
mod refused;
mod room;
mod runs;
mod subscribe;
mod subscriber;
mod summary;

pub use deliver::{Delivery, Handed};
pub use event::TopicEvent;
pub use receipt::{Fate, Receipts};
pub use refused::Refused;
pub use runs::Runs;
pub use subscriber::{Again, DeadMessage, Ended, Flight, Missed, Subscriber, SubscriberTerms};
pub use summary::{Reading, Summary};

pub(crate) use deliver::deliver;
pub(crate) use expire::{expire, runtime_ended};
pub(crate) use publish::publish;

use crate::kernel::Draft;
use crate::{Answer, Event, Payload, Refusal, State, TaskId, Text, Time, Token};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What may be asked about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicCommand {
    /// It is there, and on these terms.
    Set(TopicTerms),
    /// It is there no more, with all that it keeps; refused while anybody subscribes.
    Remove,
    /// A message. A topic that is not there yet begins with it, on the usual terms.
    Publish(Publish),
    /// From now on what comes is kept for whoever has this name. The same again changes nothing.
    Subscribe {
        /// The name, durable: it is the same one after a restart.
        name: Text,
        /// Where it begins.
        from: Place,
        /// How it is served.
        terms: SubscriberTerms,
    },
    /// From now on a name is served otherwise. The same again changes nothing.
    Serve {
        /// Who.
        name: Text,
        /// How.
        terms: SubscriberTerms,
    },
    /// Nothing is kept for this name any more.
    Unsubscribe(Text),
    /// Whoever has this name is there, in this process, and takes deliveries.
    Attach(Text),
    /// It is gone for now: what it has in flight goes back, and is not held against anybody.
    Detach(Text),
    /// Messages of a delivery are handled.
    Ack {
        /// By whom.
        name: Text,
        /// Which delivery.
        token: Token,
        /// All of it up to this number,
        up_to: u64,
        /// and these.
        also: Vec<u64>,
    },
    /// A message of a delivery could not be handled.
    Nack {
        /// By whom.
        name: Text,
        /// Which delivery.
        token: Token,
        /// Which message.
        seq: u64,
        /// It comes again after this many milliseconds; `None`: after the usual back-off.
        delay_ms: Option<u64>,
        /// Why, for the dead letter.
        reason: Text,
    },
    /// A subscriber reads again from elsewhere.
    Replay {
        /// Who.
        name: Text,
        /// From where.
        from: Place,
    },
    /// Give a dead letter another life, under its number.
    Redeliver {
        /// Whose.
        name: Text,
        /// Which.
        seq: u64,
    },
    /// Forget a dead letter.
    Discard {
        /// Whose.
        name: Text,
        /// Which.
        seq: u64,
    },
}

/// A message on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Its contents.
    pub payload: Payload,
    /// The same key is the same message, for as long as that is kept.
    pub key: Option<Text>,
    /// Worth nothing after this many milliseconds.
    pub ttl_ms: Option<u64>,
}

/// A place in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// What is published from now on.
    Now,
    /// The oldest message that is kept.
    First,
    /// This number.
    Seq(u64),
    /// The first message that was published at or after this moment of wall time.
    Wall {
        /// Milliseconds since 1970.
        ms: u64,
    },
}

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Full {
    /// It is refused, as long as somebody has not handled the oldest.
    #[default]
    Refuse,
    /// The oldest go, and are counted for whoever had not handled them.
    DropOldest,
}

/// How much a topic keeps, and what holds for its messages and subscribers that say nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopicTerms {
    /// Messages; as many as the limits allow, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u64>,
    /// Bytes of them; the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// What happens to more.
    pub full: Full,
    /// A message that says nothing of it is worth nothing after this many milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// The schema of its messages, by name and version, `Order@1`; any, if nothing is said. The
    /// kernel looks into no message: whoever publishes asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Text>,
    /// How those are served that say nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<SubscriberTerms>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// How much it keeps.
    pub terms: TopicTerms,
    /// The number of the next message. The first is 1; none is ever used twice.
    pub next: u64,
    /// What is kept.
    pub messages: BTreeMap<u64, Message>,
    /// Bytes of it.
    pub bytes: u64,
    /// Who reads it.
    pub subscribers: BTreeMap<Text, Subscriber>,
}

/// One message, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its contents.
    pub payload: Payload,
    /// When it was published.
    pub at: Time,
    /// The same by the wall clock, milliseconds since 1970.
    pub wall_ms: u64,
    /// Worth nothing from then on.
    #[serde(default = "never", skip_serializing_if = "is_never")]
    pub expires: Time,
    /// Another message under this key is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
    /// The task that published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TaskId>,
}

impl Topic {
    /// A topic with nothing in it.
    pub(crate) fn new(terms: TopicTerms) -> Topic {
        let (messages, subscribers) = (BTreeMap::new(), BTreeMap::new());
        Topic { terms, next: 1, messages, bytes: 0, subscribers }
    }

    /// The number of the oldest message that is kept; of the next one, if none is.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.messages.keys().next().copied().unwrap_or(self.next)
    }

    /// The message under this number, for this subscriber: what was redelivered is its own.
    #[must_use]
    pub fn message_for<'t>(&'t self, subscriber: &'t Subscriber, seq: u64) -> Option<&'t Message> {
        let own = subscriber.again.get(&seq).and_then(|again| again.own.as_deref());
        own.or_else(|| self.messages.get(&seq))
    }

    /// Whether a subscriber has nothing left to do with what there is now.
    #[must_use]
    pub fn is_through(&self, subscriber: &Subscriber) -> bool {
        subscriber.unsettled() == 0 && self.messages.range(subscriber.fresh..).next().is_none()
    }

    /// Every payload that it holds.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let own = self.subscribers.values().flat_map(|it| {
            let dead = it.dead.values().map(|it| &it.message.payload);
            let again = it.again.values().filter_map(|it| it.own.as_ref()).map(|it| &it.payload);
            dead.chain(again)
        });
        self.messages.values().map(|it| &it.payload).chain(own)
    }

    /// The same, to put their bytes back.
    pub(crate) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let own = self.subscribers.values_mut().flat_map(|it| {
            let dead = it.dead.values_mut().map(|it| &mut it.message.payload);
            let again = it.again.values_mut().filter_map(|it| it.own.as_mut());
            dead.chain(again.map(|it| &mut it.payload))
        });
        self.messages.values_mut().map(|it| &mut it.payload).chain(own)
    }
}

/// Does what is asked of a topic.
pub(crate) fn handle(
    draft: &mut Draft<'_>,
    topic: Text,
    what: TopicCommand,
) -> Result<Answer, Refusal> {
    match what {
        TopicCommand::Set(terms) => publish::set(draft, topic, terms),
        TopicCommand::Remove => publish::remove(draft, topic),
        TopicCommand::Publish(message) => publish(draft, topic, message, None),
        TopicCommand::Subscribe { name, from, terms } => {
            subscribe::subscribe(draft, topic, name, from, terms)
        }
        TopicCommand::Serve { name, terms } => subscribe::serve(draft, topic, name, terms),
        TopicCommand::Unsubscribe(name) => subscribe::unsubscribe(draft, topic, name),
        TopicCommand::Attach(name) => subscribe::attach(draft, &topic, &name),
        TopicCommand::Detach(name) => subscribe::detach(draft, &topic, &name),
        TopicCommand::Ack { name, token, up_to, also } => {
            ack::ack(draft, &topic, name, token, up_to, &also)
        }
        TopicCommand::Nack { name, token, seq, delay_ms, reason } => {
            ack::nack(draft, &topic, (name, token, seq), delay_ms, &reason)
        }
        TopicCommand::Replay { name, from } => subscribe::replay(draft, topic, name, from),
        TopicCommand::Redeliver { name, seq } => letter::redeliver(draft, &topic, name, seq),
        TopicCommand::Discard { name, seq } => letter::discard(draft, &topic, name, seq),
    }
}

impl State {
    /// Whoever has this name in a topic, if both are there.
    #[must_use]
    pub fn subscriber(&self, topic: &str, name: &str) -> Option<&Subscriber> {
        self.topics.get(topic)?.subscribers.get(name)
    }

    /// How a name is served that says nothing of it: as it is already, else as its topic has it.
    #[must_use]
    pub fn subscriber_terms(&self, topic: &str, name: &str) -> SubscriberTerms {
        let found = self.topics.get(topic);
        let own = found.and_then(|it| it.subscribers.get(name)).map(|it| it.terms);
        own.or_else(|| found?.terms.served).unwrap_or_default()
    }
}

fn record(draft: &mut Draft<'_>, topic: &Text, what: TopicEvent) {
    draft.record(Event::Topic { topic: topic.clone(), what });
}

/// A topic that is there.
fn known<'s>(state: &'s State, topic: &Text) -> Result<&'s Topic, Refusal> {
    state.topics.get(topic).ok_or_else(|| Refused::Unknown(topic.clone()).into())
}

/// A subscriber that is there, and its topic.
fn reader<'s>(
    state: &'s State,
    topic: &Text,
    name: &Text,
) -> Result<(&'s Topic, &'s Subscriber), Refusal> {
    let found = known(state, topic)?;
    let unknown = || Refused::Nobody { topic: topic.clone(), name: name.clone() }.into();
    found.subscribers.get(name).map(|it| (found, it)).ok_or_else(unknown)
}

fn never() -> Time {
    Time::NEVER
}

fn is_never(time: &Time) -> bool {
    *time == Time::NEVER
}
