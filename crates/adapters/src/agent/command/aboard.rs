//! A program on the bus: what it says goes out in the agent's name, under the agent's rules, and
//! what it hears is put into the wire's words. Its schemas are names; its values are JSON.

use futures_util::stream;
use runtime::api::{Context, Failure};
use runtime::bus::{End, Envelope, Options, Pattern, Receipt, Subject, Subscription, Topic};
use serde_json::{Value, json};

use super::host::{Feed, News};
use super::wire::{Heard, Said, Wanted};

/// Tells whoever listens; gives how many queues took it.
pub(super) async fn publish(cx: &Context, said: Said) -> Result<Value, Failure> {
    let Said { subject, schema, version, body } = said;
    let topic = Topic::<Value>::at(Subject::new(subject)?, version).named(&schema);
    let Receipt { delivered, dropped } = cx.publish(&topic, body).await?;
    Ok(json!({ "delivered": delivered, "dropped": dropped }))
}

/// Listens until the feed is dropped or the attempt ends.
pub(super) async fn subscribe(cx: &Context, wanted: Wanted) -> Result<Feed, Failure> {
    let Wanted { subject, group, queue, overflow } = wanted;
    let usual = Options::default();
    let (queue, overflow) = (queue.unwrap_or(usual.capacity), overflow.unwrap_or(usual.overflow));
    let options = Options { group: group.map(Into::into), ..usual.queue(queue, overflow) };
    let bus = cx.bus()?;
    let subscription = match subject {
        Some(subject) => bus.listen(&Pattern::new(subject)?, options).await?,
        None => bus.listen_to_broadcasts(options).await?,
    };
    Ok(Box::pin(stream::unfold(Some(subscription), news)))
}

async fn news(open: Option<Subscription>) -> Option<(News, Option<Subscription>)> {
    let mut subscription = open?;
    let Some(envelope) = subscription.next().await else {
        return Some((News::Ended(why(subscription.end())), None));
    };
    let heard = heard(&envelope, subscription.counts().dropped);
    Some((News::Heard(heard), Some(subscription)))
}

fn heard(envelope: &Envelope, dropped: u64) -> Heard {
    let header = &envelope.header;
    let (body, unreadable) = match envelope.body.to_json() {
        Ok(body) => (body, None),
        Err(why) => (Value::Null, Some(why)),
    };
    let said = Said {
        subject: header.subject.as_str().to_owned(),
        schema: header.schema.name.to_string(),
        version: header.schema.version,
        body,
    };
    let sender = header.sender.to_string();
    Heard { sender, said, sent_at_ms: header.sent_at_ms, dropped, unreadable }
}

fn why(end: Option<End>) -> &'static str {
    match end {
        Some(End::Overflow) => "overflow",
        Some(End::AttemptEnded | End::Dropped) => "attempt",
        Some(End::BusEnded) | None => "bus",
    }
}
