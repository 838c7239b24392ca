//! Subscribers come, go, are there or away, and read again from elsewhere.

use super::publish::{check_count, check_name};
use super::{
    Ended, Place, Refused, SubscriberTerms, Topic, TopicEvent, expire, known, reader, record,
};
use crate::kernel::Draft;
use crate::{Answer, Refusal, Text, Token};

/// From now on messages are kept for this name. Saying the same again changes nothing, wherever it
/// has come to by then.
pub(super) fn subscribe(
    draft: &mut Draft<'_>,
    topic: Text,
    name: Text,
    from: Place,
    terms: SubscriberTerms,
) -> Result<Answer, Refusal> {
    let found = draft.topics.get(&topic);
    if let Some(known) = found.and_then(|it| it.subscribers.get(&name)) {
        return match known.terms == terms {
            true => Ok(Answer::Done),
            false => Err(Refused::OtherTerms { topic, name }.into()),
        };
    }
    check_name(draft, &topic)?;
    check_name(draft, &name)?;
    check_count(draft, &topic)?;
    check_terms(draft, &terms)?;
    let max = u64::from(draft.limits.topic_names_max);
    if found.is_some_and(|it| it.subscribers.len() as u64 >= max) {
        return Err(Refusal::TooMany { max });
    }
    let cursor = found.map_or(Ok(1), |it| place(it, from))?;
    record(draft, &topic, TopicEvent::Joined { name, cursor, terms });
    Ok(Answer::Done)
}

/// A name that is there is served otherwise from now on; what it has in hand it keeps for as long
/// as it was given it.
pub(super) fn serve(
    draft: &mut Draft<'_>,
    topic: Text,
    name: Text,
    terms: SubscriberTerms,
) -> Result<Answer, Refusal> {
    let (_, subscriber) = reader(draft, &topic, &name)?;
    let is_so = subscriber.terms == terms;
    check_terms(draft, &terms)?;
    if !is_so {
        record(draft, &topic, TopicEvent::Served { name, terms });
    }
    Ok(Answer::Done)
}

pub(super) fn check_terms(draft: &Draft<'_>, terms: &SubscriberTerms) -> Result<(), Refusal> {
    let limits = &draft.limits;
    let bad = |what: String| Err(Refusal::BadTerms { what: what.into() });
    if terms.window == 0 || terms.window > limits.topic_window_max {
        return bad(format!("a window of {}; 1 to {}", terms.window, limits.topic_window_max));
    }
    if terms.deliveries_max == 0 || terms.deliveries_max > limits.failures_max {
        let (asked, max) = (terms.deliveries_max, limits.failures_max);
        return bad(format!("{asked} deliveries of one message; 1 to {max}"));
    }
    if terms.ack_ms == 0 || terms.ack_ms > limits.delay_max_ms {
        return bad(format!("{} ms to ack in; 1 to {}", terms.ack_ms, limits.delay_max_ms));
    }
    Ok(())
}

/// The number at which somebody begins.
fn place(topic: &Topic, from: Place) -> Result<u64, Refusal> {
    match from {
        Place::Now => Ok(topic.next),
        Place::First => Ok(topic.first()),
        Place::Seq(seq) if seq > topic.next => {
            let what = format!("message {seq} is not there yet; the next one is {}", topic.next);
            Err(Refusal::BadTerms { what: what.into() })
        }
        Place::Seq(seq) if seq < topic.first() => {
            Err(Refused::NotKept { first: topic.first() }.into())
        }
        Place::Seq(seq) => Ok(seq),
        Place::Wall { ms } => {
            let mut kept = topic.messages.iter();
            Ok(kept.find(|(_, it)| it.wall_ms >= ms).map_or(topic.next, |(seq, _)| *seq))
        }
    }
}

/// Nothing is kept for this name any more; its deliveries are stale, its dead letters gone.
pub(super) fn unsubscribe(
    draft: &mut Draft<'_>,
    topic: Text,
    name: Text,
) -> Result<Answer, Refusal> {
    reader(draft, &topic, &name)?;
    record(draft, &topic, TopicEvent::Left { name });
    Ok(Answer::Done)
}

/// Whoever has this name is there and takes deliveries: no fact, for it ends with the process.
pub(super) fn attach(draft: &mut Draft<'_>, topic: &Text, name: &Text) -> Result<Answer, Refusal> {
    reader(draft, topic, name)?;
    draft.attach(topic, name);
    Ok(Answer::Done)
}

/// It is gone for now. What it had in hand comes again when it is back.
pub(super) fn detach(draft: &mut Draft<'_>, topic: &Text, name: &Text) -> Result<Answer, Refusal> {
    let (_, subscriber) = reader(draft, topic, name)?;
    let held: Vec<Token> = subscriber.flights.keys().copied().collect();
    draft.detach(topic, name);
    for token in held {
        expire::give_all_back(draft, topic, name, token, Ended::LetGo);
    }
    Ok(Answer::Done)
}

/// It reads again from elsewhere: what it has in hand is stale, what died from there on lives.
pub(super) fn replay(
    draft: &mut Draft<'_>,
    topic: Text,
    name: Text,
    from: Place,
) -> Result<Answer, Refusal> {
    reader(draft, &topic, &name)?;
    let cursor = place(known(draft, &topic)?, from)?;
    record(draft, &topic, TopicEvent::Replayed { name, cursor });
    Ok(Answer::Done)
}
