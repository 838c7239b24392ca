//! Who is there gets what is there: what came back and is due, then what is new, in order.

use super::{Message, Runs, Subscriber, Topic, TopicEvent};
use crate::kernel::Draft;
use crate::rule::fence;
use crate::{Effect, State, Text, Time, Token};
use std::sync::Arc;

/// Messages for a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Of which topic.
    pub topic: Text,
    /// For whom.
    pub name: Text,
    /// Names the delivery, in acks and nacks.
    pub token: Token,
    /// What is not acked by then comes again.
    pub until: Time,
    /// The messages, lowest number first.
    pub messages: Vec<Handed>,
}

/// One message of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its number.
    pub seq: u64,
    /// 1 for the first delivery of it to this name.
    pub delivery: u32,
    /// The message.
    pub message: Message,
}

/// Looks at everybody for whom something may have changed.
pub(crate) fn deliver(draft: &mut Draft<'_>) {
    if draft.draining {
        return;
    }
    for _ in 0..draft.limits.sweep_max {
        let Some((topic, name)) = draft.next_reader() else { return };
        offer(draft, &topic, name);
    }
}

fn offer(draft: &mut Draft<'_>, topic: &Text, name: Text) {
    let Some(found) = draft.topics.get(topic) else { return };
    let Some(subscriber) = found.subscribers.get(&name) else { return };
    let runs = due(found, subscriber, draft.now);
    let ack_ms = subscriber.terms.ack_ms;
    if let Some(at) = later(subscriber, draft.now) {
        draft.wake_reader(at, topic, &name);
    }
    if !runs.is_empty() {
        let (token, until) = (fence::mint(draft.token), draft.now.after(ack_ms));
        super::record(draft, topic, TopicEvent::Delivered { name, token, until, runs });
    }
}

/// What it can have now, as far as its window goes.
fn due(topic: &Topic, subscriber: &Subscriber, now: Time) -> Runs {
    let again = subscriber.coming().filter(|(_, it)| it.due <= now).map(|(seq, _)| seq);
    let room = u64::from(subscriber.terms.window).saturating_sub(subscriber.unsettled());
    let fresh = topic.messages.range(subscriber.fresh..).map(|(seq, _)| *seq);
    again.chain(fresh.take(room as usize)).collect()
}

/// When something comes again that is not due yet.
fn later(subscriber: &Subscriber, now: Time) -> Option<Time> {
    subscriber.coming().map(|(_, it)| it.due).filter(|due| *due > now).min()
}

impl Delivery {
    /// What is handed over when these messages are delivered; `before` is the state just before.
    pub(crate) fn of(
        before: &State,
        topic: &Text,
        name: &Text,
        (token, until): (Token, Time),
        runs: &Runs,
    ) -> Option<Effect> {
        let found = before.topics.get(topic)?;
        let subscriber = found.subscribers.get(name)?;
        let hand = |seq: u64| {
            let (failed, lost) = subscriber.history(seq);
            let message = found.message_for(subscriber, seq)?.clone();
            Some(Handed { seq, delivery: failed + lost + 1, message })
        };
        let messages = runs.each().filter_map(hand).collect();
        let (topic, name) = (topic.clone(), name.clone());
        Some(Effect::DeliverMessages(Arc::new(Delivery { topic, name, token, until, messages })))
    }

    /// Every delivery that is in somebody's hands.
    pub(crate) fn outstanding(state: &State) -> impl Iterator<Item = Effect> + '_ {
        let readers = state.topics.iter().flat_map(|(topic, found)| {
            found.subscribers.iter().map(move |(name, subscriber)| (topic, name, subscriber))
        });
        readers.flat_map(move |(topic, name, subscriber)| {
            let flights = subscriber.flights.iter();
            flights.filter_map(move |(token, flight)| {
                Delivery::of(state, topic, name, (*token, flight.until), &flight.pending)
            })
        })
    }
}
