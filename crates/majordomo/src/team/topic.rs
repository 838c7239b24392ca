//! One entry of `[topics]` as written: what a durable topic keeps, and for whom.

use std::collections::BTreeMap;

use kernel::topic::{self, SubscriberTerms, TopicTerms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Duration, Size};

/// A durable topic: its messages are kept until they are handled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Topic {
    /// What its messages are, by name and version, as in `"Order@1"`; others are refused. Anything
    /// if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// How long a message is worth something that says nothing of it; for ever if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// How many messages it keeps; 100,000 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub messages: Option<u64>,
    /// How many bytes of them; 256 MiB if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// What becomes of a message for which there is no room.
    pub full: Full,
    /// How long a delivery may go without a word before it comes again; 30 s if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Duration>,
    /// How many messages a subscriber may have in hand or coming again; 32 if nothing is said. With
    /// 1 it sees them strictly in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub window: Option<u32>,
    /// How many deliveries of one message may come to nothing before it is a dead letter; 5 if
    /// nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub deliveries: Option<u32>,
    /// Durable names that messages are kept for from the start of the team, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subscribers: BTreeMap<String, Subscriber>,
}

/// A durable name; what is not said of how it is served is as the topic has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subscriber {
    /// Where it begins when it is new.
    pub from: From,
    /// How long a delivery may go without a word before it comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Duration>,
    /// How many messages it may have in hand or coming again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub window: Option<u32>,
    /// How many deliveries of one message may come to nothing before it is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub deliveries: Option<u32>,
}

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Full {
    /// It is refused, as long as somebody has not handled the oldest.
    #[default]
    Refuse,
    /// The oldest go, and are counted for whoever had not handled them.
    DropOldest,
}

/// Where a durable name begins when it is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// With the oldest message that is kept.
    #[default]
    First,
    /// With what is published from then on.
    Now,
}

impl Topic {
    /// What the kernel is told of it.
    #[must_use]
    pub fn terms(&self) -> TopicTerms {
        TopicTerms {
            messages_max: self.messages,
            bytes_max: self.size.map(Size::as_bytes),
            full: match self.full {
                Full::Refuse => topic::Full::Refuse,
                Full::DropOldest => topic::Full::DropOldest,
            },
            ttl_ms: self.ttl.map(Duration::as_ms),
            schema: self.schema.as_deref().map(Into::into),
            served: self.usual(),
        }
    }

    /// How its names are served that say nothing, if that is said.
    fn usual(&self) -> Option<SubscriberTerms> {
        let says = self.ack.is_some() || self.window.is_some() || self.deliveries.is_some();
        says.then(|| served(SubscriberTerms::default(), self.ack, self.window, self.deliveries))
    }

    /// How one of its names is served.
    #[must_use]
    pub fn served(&self, subscriber: &Subscriber) -> SubscriberTerms {
        let Subscriber { ack, window, deliveries, .. } = *subscriber;
        served(self.usual().unwrap_or_default(), ack, window, deliveries)
    }
}

/// The terms, but for what is said.
fn served(
    usual: SubscriberTerms,
    ack: Option<Duration>,
    window: Option<u32>,
    deliveries: Option<u32>,
) -> SubscriberTerms {
    SubscriberTerms {
        ack_ms: ack.map_or(usual.ack_ms, Duration::as_ms),
        window: window.unwrap_or(usual.window),
        deliveries_max: deliveries.unwrap_or(usual.deliveries_max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_served_as_it_says_then_as_its_topic_does_then_as_usual() {
        let ms = |it| Some(Duration::from_ms(it));
        let topic = Topic { ack: ms(7), deliveries: Some(2), ..Topic::default() };
        let name = Subscriber { deliveries: Some(9), ..Subscriber::default() };
        let terms = SubscriberTerms { ack_ms: 7, deliveries_max: 9, window: 32 };
        assert_eq!(topic.served(&name), terms);
        assert_eq!(topic.terms().served.map(|it| it.deliveries_max), Some(2));
        assert_eq!(Topic::default().terms(), TopicTerms::default(), "nothing said is nothing set");
    }
}
