//! Durable topics: somebody publishes; readers come, take, handle, refuse, fall silent, say it
//! twice or late, and die with their process.
//!
//! The chances are drawn from a stream of their own, so that worlds without topics stay as they
//! are.

use super::{Happening, To, World};
use crate::program::payload;
use crate::rng::Rng;
use kernel::topic::{Delivery, Full, Place, Publish, SubscriberTerms, TopicTerms};
use kernel::{AttemptId, Command, Report, Text, Token, TopicCommand};
use std::collections::BTreeSet;
use std::sync::Arc;

const TOPICS: [&str; 3] = ["orders", "prices", "one-too-many"];
const NAMES: [&str; 4] = ["indexer", "mailer", "ledger", "one-too-many"];

/// What is known of topics outside the kernel.
pub(super) struct Readers {
    rng: Rng,
    /// Whether anybody publishes in this world.
    exist: bool,
    /// Who is there, in the process of this number.
    there: BTreeSet<(Text, Text)>,
    of: u64,
    /// Deliveries that were handed over, to be spoken of when they are long over.
    past: Vec<(Text, Text, Token, u64)>,
}

impl Readers {
    pub(super) fn new(seed: u64) -> Readers {
        let rng = Rng::new(seed, 0x70_71C5);
        Readers { rng, exist: seed % 3 == 1, there: BTreeSet::new(), of: 0, past: Vec::new() }
    }

    pub(super) fn exist(&self) -> bool {
        self.exist
    }

    fn one(&mut self) -> (Text, Text) {
        let topic = if self.rng.chance(20) { 2 } else { self.rng.below(2) };
        let name = if self.rng.chance(30) { 3 } else { self.rng.below(3) };
        (TOPICS[topic as usize].into(), NAMES[name as usize].into())
    }

    fn place(&mut self) -> Place {
        match self.rng.below(5) {
            0 => Place::Now,
            1 | 2 => Place::First,
            3 => Place::Seq(self.rng.below(30)),
            _ => Place::Wall { ms: 1_700_000_000_000 + self.rng.below(200_000) },
        }
    }

    fn terms(&mut self) -> SubscriberTerms {
        SubscriberTerms {
            ack_ms: self.rng.between(500, 8_000),
            window: self.rng.between(1, 5) as u32,
            deliveries_max: self.rng.between(1, 4) as u32,
        }
    }

    fn message(&mut self) -> Publish {
        let size = if self.rng.chance(20) { 1_500 } else { self.rng.between(1, 40) };
        let key = self.rng.chance(300).then(|| self.rng.below(8));
        let bytes = match key {
            // The same key comes with the same contents, or rarely with others.
            Some(key) if self.rng.chance(900) => vec![key as u8; 4],
            Some(_) | None => (0..size).map(|_| self.rng.below(256) as u8).collect(),
        };
        Publish {
            payload: payload(&bytes),
            key: key.map(|key| format!("key-{key}").into()),
            ttl_ms: self.rng.chance(300).then(|| self.rng.between(1, 20_000)),
        }
    }
}

impl World {
    /// Somebody does something about topics.
    pub(super) fn topic_turn(&mut self) {
        if self.healed {
            return;
        }
        let (topic, name) = self.readers.one();
        match self.readers.rng.below(21) {
            0..=8 => {
                for _ in 0..=self.readers.rng.below(3) {
                    let message = self.readers.message();
                    self.topic(&topic, TopicCommand::Publish(message));
                }
            }
            9 => self.work_publishes(&topic),
            10 | 11 => {
                let (from, terms) = (self.readers.place(), self.readers.terms());
                self.topic(&topic, TopicCommand::Subscribe { name, from, terms });
            }
            12..=14 => self.attach(&topic, &name),
            15 => self.detach(&topic, &name),
            16 => self.says_it_late(),
            17 => self.operate(&topic, name),
            18 | 19 => self.decide_about_dead(),
            _ => self.attach_all(),
        }
        let pause = self.readers.rng.between(50, 3_000);
        self.at(pause, Happening::Topic);
    }

    fn topic(&mut self, topic: &Text, what: TopicCommand) {
        self.command(Command::Topic(topic.clone(), what), To::Nobody);
    }

    fn operate(&mut self, topic: &Text, name: Text) {
        let what = match self.readers.rng.below(6) {
            0 => TopicCommand::Unsubscribe(name),
            1 => TopicCommand::Remove,
            2 => TopicCommand::Replay { name, from: self.readers.place() },
            _ => {
                let rng = &mut self.readers.rng;
                TopicCommand::Set(TopicTerms {
                    messages_max: rng.chance(500).then(|| rng.between(1, 12)),
                    bytes_max: rng.chance(500).then(|| rng.between(20, 200)),
                    full: [Full::Refuse, Full::DropOldest][rng.below(2) as usize],
                    ..TopicTerms::default()
                })
            }
        };
        self.topic(topic, what);
    }

    /// An attempt publishes, or one that was.
    fn work_publishes(&mut self, topic: &Text) {
        let works = self.agents.iter().flat_map(|it| it.works.values().map(|it| it.attempt));
        let past = self.agents.iter().flat_map(|it| it.past.iter().copied());
        let attempts: Vec<AttemptId> = works.chain(past).collect();
        let Some(attempt) = self.readers.rng.pick(&attempts).copied() else { return };
        let publish = Box::new(self.readers.message());
        let report = Report::Publish { topic: topic.clone(), publish };
        self.command(Command::Report(attempt, report), To::Nobody);
    }

    /// A reader is there, in the process that there is now.
    fn attach(&mut self, topic: &Text, name: &Text) {
        let serial = self.process.as_ref().map_or(0, |process| process.serial);
        if self.readers.of != serial {
            self.readers.there.clear();
            self.readers.of = serial;
        }
        if serial != 0 && self.readers.there.insert((topic.clone(), name.clone())) {
            self.topic(topic, TopicCommand::Attach(name.clone()));
        }
    }

    fn detach(&mut self, topic: &Text, name: &Text) {
        if self.readers.there.remove(&(topic.clone(), name.clone())) {
            self.topic(topic, TopicCommand::Detach(name.clone()));
        }
    }

    /// Everybody who should be there comes.
    pub(super) fn attach_all(&mut self) {
        let Some(process) = &self.process else { return };
        let topics = process.kernel.state().topics.iter();
        let readers = topics.flat_map(|(topic, it)| {
            it.subscribers.keys().map(move |name| (topic.clone(), name.clone()))
        });
        let readers: Vec<(Text, Text)> = readers.collect();
        for (topic, name) in readers {
            let is_there = self
                .process
                .as_ref()
                .is_some_and(|process| process.kernel.state().is_attached(&topic, &name));
            if !is_there {
                self.readers.there.remove(&(topic.clone(), name.clone()));
                self.attach(&topic, &name);
            }
        }
    }

    /// Messages are handed over; the reader has a look at them after a while, or never.
    pub(super) fn hand_over(&mut self, delivery: Arc<Delivery>) {
        let Some(process) = &self.process else { return };
        let serial = process.serial;
        let last = delivery.messages.last().map_or(0, |it| it.seq);
        let (topic, name) = (delivery.topic.clone(), delivery.name.clone());
        self.readers.past.push((topic, name, delivery.token, last));
        if !self.healed && self.readers.rng.chance(100) {
            return self.tally.happened("reader silent");
        }
        let after = self.readers.rng.between(1, 2_000);
        self.at(after, Happening::Handled(serial, delivery));
    }

    /// The reader is through with a delivery.
    pub(super) fn handled(&mut self, delivery: &Delivery) {
        let Delivery { topic, name, token, messages, .. } = delivery;
        let mut seqs: Vec<u64> = messages.iter().map(|it| it.seq).collect();
        let well = self.healed;
        if !well && self.readers.rng.chance(400) {
            let refused = seqs.remove(self.readers.rng.below(seqs.len() as u64) as usize);
            let rng = &mut self.readers.rng;
            let delay_ms = rng.chance(600).then(|| rng.below(15_000));
            let (name, reason) = (name.clone(), Text::from("it is not to my liking"));
            let what = TopicCommand::Nack { name, token: *token, seq: refused, delay_ms, reason };
            self.topic(topic, what.clone());
            if self.readers.rng.chance(100) {
                self.topic(topic, what);
            }
        }
        let Some(last) = seqs.last().copied() else { return };
        // All of it up to a number, or each by name; rarely all but the last, which stays in hand.
        let acks = if self.readers.rng.chance(500) {
            TopicCommand::Ack { name: name.clone(), token: *token, up_to: last, also: Vec::new() }
        } else {
            if !well && self.readers.rng.chance(150) {
                seqs.pop();
            }
            TopicCommand::Ack { name: name.clone(), token: *token, up_to: 0, also: seqs }
        };
        let twice = self.readers.rng.chance(100);
        self.topic(topic, acks.clone());
        if twice {
            self.topic(topic, acks);
        }
    }

    /// Something is said of a delivery that may be long over.
    fn says_it_late(&mut self) {
        let Readers { rng, past, .. } = &mut self.readers;
        let Some(past) = rng.pick(past).cloned() else { return };
        let (topic, name, token, seq) = past;
        let what = if self.readers.rng.chance(700) {
            TopicCommand::Ack { name, token, up_to: seq + 5, also: Vec::new() }
        } else {
            TopicCommand::Nack { name, token, seq, delay_ms: None, reason: "late".into() }
        };
        self.topic(&topic, what);
    }

    fn decide_about_dead(&mut self) {
        let topics = self.oracle.durable.state().topics.iter();
        let dead = topics.flat_map(|(topic, it)| {
            let readers = it.subscribers.iter();
            readers.flat_map(move |(name, it)| it.dead.keys().map(move |seq| (topic, name, *seq)))
        });
        let dead: Vec<(&Text, &Text, u64)> = dead.collect();
        let Some((topic, name, seq)) = self.readers.rng.pick(&dead).copied() else { return };
        let topic = topic.clone();
        let name = name.clone();
        let what = if self.readers.rng.chance(600) {
            TopicCommand::Redeliver { name, seq }
        } else {
            TopicCommand::Discard { name, seq }
        };
        self.topic(&topic, what);
    }

    /// Whether every reader has done with everything.
    pub(super) fn is_all_read(&self) -> bool {
        self.process.as_ref().is_some_and(|process| {
            let topics = process.kernel.state().topics.values();
            let mut readers = topics.flat_map(|it| it.subscribers.values().map(move |by| (it, by)));
            readers.all(|(topic, reader)| topic.is_through(reader))
        })
    }
}
