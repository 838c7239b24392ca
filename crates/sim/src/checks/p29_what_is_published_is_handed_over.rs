//! P29: what is published on a durable topic is handed over to each durable name until it is
//! handled, dead or expired; what is handled is not handed over again; numbers have no gap; what
//! goes is counted.

mod reader;

use super::Check;
use crate::oracle::{Recorded, Stepped, Verdict};
use kernel::topic::{Full, Message, Publish, Runs, TopicTerms};
use kernel::{
    Answer, Command, Event, Kernel, Limits, Report, Task, Text, Time, Token, TopicCommand,
    TopicEvent,
};
use reader::Reader;
use std::collections::BTreeMap;

/// Topics by the journal alone.
pub struct Topics {
    limits: Limits,
    known: BTreeMap<Text, Known>,
    last: Token,
}

/// One topic.
#[derive(Default)]
struct Known {
    terms: TopicTerms,
    /// Numbers given out.
    last: u64,
    /// What must be kept: bytes, and until when.
    kept: BTreeMap<u64, (u64, Time)>,
    readers: BTreeMap<Text, Reader>,
}

impl Topics {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Topics {
        Topics { limits: limits.clone(), known: BTreeMap::new(), last: Token(0) }
    }

    fn event(&mut self, at: Time, topic: &Text, what: &TopicEvent) -> Verdict {
        match what {
            TopicEvent::Removed => {
                self.known.remove(topic);
                return Ok(());
            }
            TopicEvent::Delivered { token, .. } => {
                if *token <= self.last {
                    return Err(format!("delivery {token} of {topic} after {}", self.last));
                }
                self.last = *token;
            }
            _ => {}
        }
        let lost_max = self.limits.crash_attempts_max;
        let known = self.known.entry(topic.clone()).or_default();
        known.event(at, what, lost_max).map_err(|why| format!("{topic}: {why}"))?;
        match what {
            TopicEvent::Published { .. } => self.within(topic),
            _ => Ok(()),
        }
    }

    fn bounds(&self, topic: &Text) -> (u64, u64) {
        let terms = self.known.get(topic).map(|it| it.terms.clone()).unwrap_or_default();
        let messages = terms.messages_max.unwrap_or(u64::MAX).min(self.limits.topic_messages_max);
        let bytes = terms.bytes_max.unwrap_or(u64::MAX).min(self.limits.topic_max_bytes);
        (messages, bytes)
    }

    fn within(&self, topic: &Text) -> Verdict {
        let (messages_max, bytes_max) = self.bounds(topic);
        let all = self.known.values().map(Known::size);
        let (messages, bytes) = all.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let own = self.known.get(topic).map_or((0, 0), Known::size);
        let is_over = own.0 > messages_max
            || own.1 > bytes_max
            || messages > self.limits.topics_messages_max
            || bytes > self.limits.topics_max_bytes;
        if is_over {
            return Err(format!(
                "{topic} keeps {own:?} of {:?}, all keep {:?}",
                (messages_max, bytes_max),
                (messages, bytes)
            ));
        }
        Ok(())
    }
}

impl Known {
    fn size(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.kept.values().map(|(bytes, _)| bytes).sum())
    }

    fn event(&mut self, at: Time, what: &TopicEvent, lost_max: u32) -> Verdict {
        match what {
            TopicEvent::Set(terms) => self.terms = terms.clone(),
            TopicEvent::Removed => {}
            TopicEvent::Published { seq, message } => return self.published(*seq, message),
            TopicEvent::Expired { first, last } => return self.gone(at, (*first, *last), true),
            TopicEvent::Dropped { first, last } => return self.gone(at, (*first, *last), false),
            TopicEvent::Joined { name, cursor, terms } => {
                if self.readers.insert(name.clone(), Reader::at(*cursor, *terms)).is_some() {
                    return Err(format!("{name} joined twice"));
                }
            }
            TopicEvent::Served { name, terms } => self.reader(name)?.serve(*terms),
            TopicEvent::Left { name } => drop(self.readers.remove(name)),
            TopicEvent::Replayed { name, cursor } => self.reader(name)?.replay(*cursor),
            TopicEvent::Delivered { name, token, until, runs } => {
                if *until <= at {
                    return Err(format!("{name} has no time at all for {token}"));
                }
                let Known { kept, readers, .. } = self;
                let reader = readers.get_mut(name).ok_or(format!("{name} is nobody"))?;
                let kept: Vec<u64> = kept.keys().copied().collect();
                return reader.delivered(at, *token, runs, &kept);
            }
            TopicEvent::Handled { name, token, runs } => {
                return self.reader(name)?.handled(*token, runs);
            }
            TopicEvent::Returned { name, token, runs, due, why, .. } => {
                return self.reader(name)?.returned(*token, runs, *due, *why, lost_max);
            }
            TopicEvent::Died { name, token, seq, why, .. } => {
                return self.reader(name)?.died(*token, *seq, *why, lost_max);
            }
            TopicEvent::Redelivered { name, seq } => return self.reader(name)?.redelivered(*seq),
            TopicEvent::Discarded { name, seq } => return self.reader(name)?.discarded(*seq),
        }
        Ok(())
    }

    fn reader(&mut self, name: &Text) -> Result<&mut Reader, String> {
        self.readers.get_mut(name).ok_or(format!("{name} is nobody"))
    }

    fn published(&mut self, seq: u64, message: &Message) -> Verdict {
        if seq != self.last + 1 {
            return Err(format!("number {seq} after {}", self.last));
        }
        self.last = seq;
        self.kept.insert(seq, (u64::from(message.payload.len), message.expires));
        Ok(())
    }

    fn gone(&mut self, at: Time, (first, last): (u64, u64), expired: bool) -> Verdict {
        let gone: Vec<u64> = self.kept.range(first..=last).map(|(seq, _)| *seq).collect();
        for seq in gone {
            let Some((_, expires)) = self.kept.remove(&seq) else { continue };
            if expired && expires > at {
                return Err(format!("{seq} expired at {}, {} before its time", at.0, expires.0));
            }
            for (name, reader) in &mut self.readers {
                let missed = reader.loses(seq, expired);
                if missed && !expired && self.terms.full == Full::Refuse {
                    return Err(format!("{seq} made room, and {name} had not handled it"));
                }
            }
        }
        Ok(())
    }

    /// What is kept in memory is what the journal says.
    fn agrees(&self, topic: &kernel::topic::Topic) -> Verdict {
        if topic.next != self.last + 1 || !topic.messages.keys().eq(self.kept.keys()) {
            return Err(format!("keeps {:?}, not {:?}", topic.messages.keys(), self.kept.keys()));
        }
        if topic.bytes != self.size().1 {
            return Err(format!("keeps {} bytes, not {}", topic.bytes, self.size().1));
        }
        for (name, subscriber) in &topic.subscribers {
            let reader = self.readers.get(name).ok_or(format!("{name} never joined"))?;
            reader.agrees(subscriber).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }
}

/// Only what somebody has in hand is acked, all of it that they said, and nothing else.
fn acks_what_was_said(seen: &Stepped<'_>, topic: &Text, what: &TopicCommand) -> Verdict {
    let (name, token) = match what {
        TopicCommand::Ack { name, token, .. } | TopicCommand::Nack { name, token, .. } => {
            (name, token)
        }
        _ => return Ok(()),
    };
    let pending = seen.before.subscriber(topic, name).and_then(|it| it.flights.get(token));
    let Some(pending) = pending.map(|it| &it.pending) else {
        return Err(format!("{name} was heard of delivery {token}, which it has not in hand"));
    };
    let said = match what {
        TopicCommand::Ack { up_to, also, .. } => {
            let said = |seq: &u64| *seq <= *up_to || also.contains(seq);
            pending.each().filter(said).collect()
        }
        _ => Runs::default(),
    };
    let (mut handled, mut over) = (Runs::default(), false);
    for entry in &seen.step.entries {
        match &entry.event {
            Event::Topic { what: TopicEvent::Handled { runs, .. }, .. } => handled = runs.clone(),
            // What expired or ran out in the same step was not there to be acked any more.
            Event::Topic { what, .. } => over |= is_over(what),
            _ => {}
        }
    }
    if handled == said || over && handled.each().all(|seq| said.contains(seq)) {
        return Ok(());
    }
    Err(format!("{name} acked {said:?} of {token}, recorded is {handled:?}"))
}

/// Whether something that was in somebody's hands no longer is, and was not acked.
fn is_over(what: &TopicEvent) -> bool {
    matches!(
        what,
        TopicEvent::Expired { .. } | TopicEvent::Returned { .. } | TopicEvent::Died { .. }
    )
}

/// Whoever hears a number finds the message under it, with what was said.
fn is_there(seen: &Stepped<'_>, topic: &Text, publish: &Publish) -> Verdict {
    let Ok(Answer::Published { seq, .. }) = seen.step.answer else { return Ok(()) };
    let topics = &seen.kernel.state().topics;
    let message = topics.get(topic).and_then(|it| it.messages.get(&seq));
    match message {
        Some(message) if message.payload == publish.payload && message.key == publish.key => Ok(()),
        other => Err(format!("{publish:?} is {seq} of {topic}, where {other:?} is kept")),
    }
}

impl Check for Topics {
    fn name(&self) -> &'static str {
        "p29_what_is_published_is_handed_over"
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        if seen.step.answer.is_err() {
            return Ok(());
        }
        match seen.command {
            Command::Topic(topic, TopicCommand::Publish(publish)) => is_there(seen, topic, publish),
            Command::Topic(topic, what) => acks_what_was_said(seen, topic, what),
            Command::Report(attempt, Report::Publish { topic, publish }) => {
                if seen.before.task(attempt.task).and_then(Task::attempt) != Some(*attempt) {
                    return Err(format!("{attempt:?} has published, and is not the one"));
                }
                is_there(seen, topic, publish)
            }
            _ => Ok(()),
        }
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let Event::Topic { topic, what } = &seen.entry.event else { return Ok(()) };
        if let (Some(known), Some(topic)) = (self.known.get(topic), seen.before.topics.get(topic)) {
            known.agrees(topic)?;
        }
        self.event(seen.entry.at, topic, what)
    }

    fn end(&mut self, kernel: &Kernel) -> Verdict {
        for (name, known) in &self.known {
            let topic = kernel.state().topics.get(name).ok_or(format!("{name} is not there"))?;
            known.agrees(topic).map_err(|why| format!("{name}: {why}"))?;
            for (reader, it) in &known.readers {
                it.is_through(known.kept.keys().copied())
                    .map_err(|why| format!("{reader} of {name}: {why}"))?;
            }
        }
        Ok(())
    }
}
