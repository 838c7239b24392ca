//! Topics: what runs out when, which key names what, and who is there to take deliveries.

use super::Index;
use crate::mutant::{Mutant, planted};
use crate::state::Facts;
use crate::topic::{Message, Subscriber};
use crate::{Text, Time, Token};
use std::collections::{BTreeMap, BTreeSet};

/// One subscriber of one topic.
type Reader = (Text, Text);

/// What is derived of topics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    /// Messages with a time to live.
    stale: BTreeSet<(Time, Text, u64)>,
    /// Deliveries in somebody's hands.
    silent: BTreeSet<(Time, Text, Text, Token)>,
    /// Messages that have a key, by topic and key.
    keys: BTreeMap<(Text, Text), u64>,
    messages: u64,
    bytes: u64,
    /// Deliveries that hold for longer, since nobody was at work for a while. Soft.
    put_off: BTreeMap<Token, Time>,
    /// Who is there, in this process. Soft: it ends with it.
    attached: BTreeSet<Reader>,
    /// Those for whom something may have changed. Soft.
    looks: BTreeSet<Reader>,
    /// When something comes again for one who is there. Soft.
    wakes: BTreeSet<(Time, Text, Text)>,
}

impl Topics {
    /// The topics that these facts imply; nobody is there.
    pub(super) fn of(facts: &Facts) -> Topics {
        let mut index = Topics::default();
        for (name, topic) in &facts.topics {
            topic.messages.iter().for_each(|(seq, it)| index.link_message(name, *seq, it));
            let readers = topic.subscribers.iter();
            readers.for_each(|(reader, it)| index.relink_flights(name, reader, &[], it));
        }
        index
    }

    pub(crate) fn link_message(&mut self, topic: &Text, seq: u64, message: &Message) {
        self.messages += 1;
        self.bytes += u64::from(message.payload.len);
        if message.expires != Time::NEVER {
            self.stale.insert((message.expires, topic.clone(), seq));
        }
        if let Some(key) = &message.key {
            self.keys.insert((topic.clone(), key.clone()), seq);
        }
    }

    pub(crate) fn unlink_message(&mut self, topic: &Text, seq: u64, message: &Message) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u64::from(message.payload.len));
        self.stale.remove(&(message.expires, topic.clone(), seq));
        if let Some(key) = &message.key {
            self.keys.remove(&(topic.clone(), key.clone()));
        }
    }

    /// Strikes out the deliveries that a subscriber had `before`, in the order of their tokens, and
    /// has in hand no more, and enters those that it has got since.
    pub(crate) fn relink_flights(
        &mut self,
        topic: &Text,
        name: &Text,
        before: &[(Token, Time)],
        subscriber: &Subscriber,
    ) {
        let over = before.iter().filter(|(it, _)| !subscriber.flights.contains_key(it));
        for (token, until) in over {
            let until = self.put_off.remove(token).unwrap_or(*until);
            self.silent.remove(&(until, topic.clone(), name.clone(), *token));
        }
        let is_new = |it: &Token| before.binary_search_by_key(it, |it| it.0).is_err();
        for (token, flight) in subscriber.flights.iter().filter(|(it, _)| is_new(it)) {
            self.silent.insert((flight.until, topic.clone(), name.clone(), *token));
        }
    }

    /// Nobody was at work for a while, and nobody could have said anything.
    pub(crate) fn slept(&mut self, ms: u64) {
        let all: Vec<_> = std::mem::take(&mut self.silent).into_iter().collect();
        for (until, topic, name, token) in all {
            let until = until.after(ms);
            self.put_off.insert(token, until);
            self.silent.insert((until, topic, name, token));
        }
    }

    /// Messages and bytes in all topics.
    pub(crate) fn kept(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// The message that a key names.
    pub(crate) fn keyed(&self, topic: &Text, key: &Text) -> Option<u64> {
        self.keys.get(&(topic.clone(), key.clone())).copied()
    }

    /// The first delivery that was lost to silence; it stays until its facts change.
    pub(crate) fn silent(&self, now: Time) -> Option<(Text, Text, Token)> {
        let (_, topic, name, token) = self.silent.first().filter(|it| it.0 <= now)?;
        Some((topic.clone(), name.clone(), *token))
    }

    /// The first message whose time is over.
    pub(crate) fn stale(&self, now: Time) -> Option<(Text, u64)> {
        let (_, topic, seq) = self.stale.first().filter(|it| it.0 <= now)?;
        Some((topic.clone(), *seq))
    }

    /// Every delivery in somebody's hands.
    pub(crate) fn in_flight(&self) -> Vec<(Text, Text, Token)> {
        let all = self.silent.iter();
        all.map(|(_, topic, name, token)| (topic.clone(), name.clone(), *token)).collect()
    }

    /// Somebody is there.
    pub(crate) fn attach(&mut self, topic: &Text, name: &Text) {
        self.attached.insert((topic.clone(), name.clone()));
        self.look_at(topic, name);
    }

    /// Somebody is there no more.
    pub(crate) fn detach(&mut self, topic: &Text, name: &Text) {
        let reader = (topic.clone(), name.clone());
        self.attached.remove(&reader);
        self.looks.remove(&reader);
        self.wakes.retain(|(_, topic, name)| (topic, name) != (&reader.0, &reader.1));
    }

    /// Another process has begun, and nobody is there.
    pub(crate) fn everybody_is_gone(&mut self) {
        self.attached.clear();
        self.looks.clear();
        self.wakes.clear();
    }

    /// Whether anybody of this name is there.
    pub(crate) fn is_attached(&self, topic: &Text, name: &Text) -> bool {
        self.attached.contains(&(topic.clone(), name.clone()))
    }

    /// Something may have changed for a subscriber.
    pub(crate) fn look_at(&mut self, topic: &Text, name: &Text) {
        let reader = (topic.clone(), name.clone());
        if self.attached.contains(&reader) {
            self.looks.insert(reader);
        }
    }

    /// Something may have changed for everybody who reads a topic.
    pub(crate) fn look_at_all(&mut self, topic: &Text) {
        let of_topic = self.attached.range((topic.clone(), Text::default())..);
        let readers = of_topic.take_while(|(it, _)| it == topic).cloned();
        self.looks.extend(readers.collect::<Vec<_>>());
    }

    pub(crate) fn next_look(&mut self) -> Option<Reader> {
        self.looks.pop_first()
    }

    /// Something comes again at that time.
    pub(crate) fn wake_at(&mut self, at: Time, topic: &Text, name: &Text) {
        if !planted(Mutant::NackTimeForgotten) {
            self.wakes.insert((at, topic.clone(), name.clone()));
        }
    }

    /// Moves those for whom something is due to those who are looked at.
    pub(crate) fn wake(&mut self, now: Time) {
        while self.wakes.first().is_some_and(|it| it.0 <= now) {
            let Some((_, topic, name)) = self.wakes.pop_first() else { return };
            self.look_at(&topic, &name);
        }
    }

    fn next_timer(&self) -> Option<Time> {
        let stale = self.stale.first().map(|it| it.0);
        let silent = self.silent.first().map(|it| it.0);
        [stale, silent, self.wakes.first().map(|it| it.0)].into_iter().flatten().min()
    }

    /// Where it differs from a rebuilt one. Who is there is no fact.
    pub(super) fn differs(&self, rebuilt: &Topics) -> Option<String> {
        let facts = |it: &Topics| {
            let tokens: BTreeSet<Token> = it.silent.iter().map(|it| it.3).collect();
            (it.stale.clone(), tokens, it.keys.clone(), it.messages, it.bytes)
        };
        let (kept, implied) = (facts(self), facts(rebuilt));
        (kept != implied).then(|| format!("kept {kept:?}, the facts imply {implied:?}"))
    }
}

impl Index {
    /// When a topic wants to be looked at: something runs out or comes again, or there is more to
    /// hand out than one step may.
    pub(crate) fn next_of_topics(&self, draining: bool) -> Option<Time> {
        let more = !draining && !self.topics.looks.is_empty();
        if more { Some(self.now) } else { self.topics.next_timer() }
    }
}
