//! A message is published: once for each key, and only if there is room.

use super::subscribe::check_terms;
use super::{Message, Publish, Refused, TopicEvent, TopicTerms, known, record, room};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{Answer, Refusal, TaskId, Text, Time};

/// Keeps a message under the next number, or says which one its key names. `by`: the task whose
/// attempt says it.
pub(crate) fn publish(
    draft: &mut Draft<'_>,
    topic: Text,
    publish: Publish,
    by: Option<TaskId>,
) -> Result<Answer, Refusal> {
    if let Some(seq) = known_key(draft, &topic, &publish)? {
        return Ok(published(draft, &topic, seq, false));
    }
    if draft.draining && by.is_none() {
        return Err(Refusal::Draining);
    }
    check(draft, &topic, &publish)?;
    room::make(draft, &topic, u64::from(publish.payload.len))?;
    let found = draft.topics.get(&topic);
    let seq = found.map_or(1, next_of);
    let ttl_ms = publish.ttl_ms.or_else(|| found?.terms.ttl_ms);
    let message = Message {
        at: draft.now,
        wall_ms: draft.wall_ms(),
        expires: ttl_ms.map_or(Time::NEVER, |ms| draft.now.after(ms)),
        payload: publish.payload,
        key: publish.key,
        by,
    };
    record(draft, &topic, TopicEvent::Published { seq, message: Box::new(message) });
    Ok(published(draft, &topic, seq, true))
}

fn next_of(topic: &super::Topic) -> u64 {
    if planted(Mutant::SequenceOfWhatIsKept) {
        return topic.messages.keys().next_back().map_or(1, |last| last + 1);
    }
    topic.next
}

fn published(draft: &Draft<'_>, topic: &Text, seq: u64, fresh: bool) -> Answer {
    let subscribers = draft.topics.get(topic).map_or(0, |it| it.subscribers.len() as u32);
    Answer::Published { seq, fresh, subscribers }
}

/// The message that the key already names.
fn known_key(draft: &Draft<'_>, topic: &Text, new: &Publish) -> Result<Option<u64>, Refusal> {
    let Some(key) = &new.key else { return Ok(None) };
    let Some(seq) = draft.index.topics.keyed(topic, key) else { return Ok(None) };
    let known = draft.topics.get(topic).and_then(|it| it.messages.get(&seq));
    match known {
        Some(known) if known.payload != new.payload => Err(Refused::KeyReused { seq }.into()),
        Some(_) | None => Ok(Some(seq)),
    }
}

fn check(draft: &Draft<'_>, topic: &Text, new: &Publish) -> Result<(), Refusal> {
    let limits = &draft.limits;
    check_name(draft, topic)?;
    if let Some(key) = &new.key {
        check_name(draft, key)?;
    }
    if new.payload.len > limits.payload_one_max_bytes {
        return Err(Refusal::TooLarge { max: u64::from(limits.payload_one_max_bytes) });
    }
    if new.ttl_ms.is_some_and(|ms| ms > limits.delay_max_ms) {
        return Err(Refusal::TooLarge { max: limits.delay_max_ms });
    }
    check_count(draft, topic)
}

/// Not empty, and no longer than names may be.
pub(super) fn check_name(draft: &Draft<'_>, name: &Text) -> Result<(), Refusal> {
    let max = draft.limits.name_max_bytes;
    if name.is_empty() {
        return Err(Refusal::BadTerms { what: "a name is empty".into() });
    }
    if name.len() > max { Err(Refusal::TooLarge { max: max as u64 }) } else { Ok(()) }
}

/// Room for one more topic, unless it is there.
pub(super) fn check_count(draft: &Draft<'_>, topic: &Text) -> Result<(), Refusal> {
    let max = u64::from(draft.limits.topics_max);
    let is_full = draft.topics.len() as u64 >= max && !draft.topics.contains_key(topic);
    if is_full { Err(Refusal::TooMany { max }) } else { Ok(()) }
}

/// The topic is there and keeps so much. What it keeps beyond that goes as messages come.
pub(super) fn set(
    draft: &mut Draft<'_>,
    topic: Text,
    terms: TopicTerms,
) -> Result<Answer, Refusal> {
    check_name(draft, &topic)?;
    check_count(draft, &topic)?;
    if terms.messages_max == Some(0) || terms.bytes_max == Some(0) {
        return Err(Refusal::BadTerms { what: "a topic that keeps nothing".into() });
    }
    let max = draft.limits.delay_max_ms;
    if terms.ttl_ms.is_some_and(|ms| ms == 0 || ms > max) {
        let asked = terms.ttl_ms.unwrap_or_default();
        let what = format!("messages that live for {asked} ms; 1 to {max}");
        return Err(Refusal::BadTerms { what: what.into() });
    }
    if let Some(schema) = &terms.schema {
        check_name(draft, schema)?;
    }
    if let Some(served) = &terms.served {
        check_terms(draft, served)?;
    }
    if draft.topics.get(&topic).is_none_or(|it| it.terms != terms) {
        record(draft, &topic, TopicEvent::Set(terms));
    }
    Ok(Answer::Done)
}

/// It goes with all that it keeps, once nobody subscribes to it any more.
pub(super) fn remove(draft: &mut Draft<'_>, topic: Text) -> Result<Answer, Refusal> {
    let found = known(draft, &topic)?;
    if let Some(name) = found.subscribers.keys().next() {
        return Err(Refused::Subscribed { topic, name: name.clone() }.into());
    }
    record(draft, &topic, TopicEvent::Removed);
    Ok(Answer::Done)
}
