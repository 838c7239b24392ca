//! Durable topics: what is published is kept, and handed to each durable name until it is handled.

mod feed;

pub(crate) use feed::Takers;
pub use feed::{Delivered, DurableFeed};

use super::{Context, Failure, Result, Team};
use crate::bus::{Client, Message, MessageId, Topic, wire};
use crate::canonical;
use crate::turn::Runtime;
use kernel::topic::{self, Place, Publish, Receipts, SubscriberTerms};
use kernel::{Answer, AttemptId, Command, Report, Text, TopicCommand};
use std::sync::Arc;
use std::time::Duration;

/// A durable topic in somebody's hands. Cheap to clone. Its name is the subject of the [`Topic`].
pub struct Durable<T> {
    topic: Topic<T>,
    client: Client,
    runtime: Runtime,
    attempt: Option<AttemptId>,
}

/// How a message is published.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// The same key is the same message, for as long as that is kept: what a second attempt says
    /// again is not said twice.
    pub key: Option<String>,
    /// Worth nothing after this time.
    pub ttl: Option<Duration>,
}

/// How a subscriber begins, and is served.
#[derive(Clone, Copy, Debug)]
pub struct DurableOptions {
    /// Where a new name begins; one that is known goes on where it was.
    pub from: Place,
    /// How it is served.
    pub terms: SubscriberTerms,
}

/// A message that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sent {
    /// Its number in its topic.
    pub seq: u64,
    /// False when its key was known: nothing new was made.
    pub fresh: bool,
    /// Durable names that it is kept for.
    pub subscribers: u32,
}

impl Sent {
    /// Nobody subscribes under a durable name. It is kept for whoever comes.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.subscribers == 0
    }
}

impl Default for DurableOptions {
    /// From the oldest message that is kept, on the usual terms.
    fn default() -> DurableOptions {
        DurableOptions { from: Place::First, terms: SubscriberTerms::default() }
    }
}

impl Team {
    /// A durable topic, for whoever holds the team: under this name, with leave to do everything.
    ///
    /// # Errors
    /// The team was started without a bus.
    pub fn durable<T: Message>(&self, who: &str, topic: &Topic<T>) -> Result<Durable<T>> {
        let (topic, client, runtime) = (topic.clone(), self.bus(who)?, self.runtime.clone());
        Ok(Durable { topic, client, runtime, attempt: None })
    }

    /// Every durable topic as it is now, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<(Text, topic::Summary)> {
        self.runtime.look(|kernel, _| kernel.state().topic_summaries())
    }
}

impl Context {
    /// A durable topic in the agent's name. Once the lease is lost, what is said there is refused.
    ///
    /// A message is no step: whoever publishes it in one life publishes it again in the next,
    /// unless it has a [key](PublishOptions::key).
    ///
    /// # Errors
    /// The team has no bus.
    pub fn durable<T: Message>(&self, topic: &Topic<T>) -> Result<Durable<T>> {
        let (topic, client, runtime) = (topic.clone(), self.bus()?, self.live.runtime.clone());
        Ok(Durable { topic, client, runtime, attempt: Some(self.attempt()) })
    }
}

impl<T> Clone for Durable<T> {
    fn clone(&self) -> Durable<T> {
        let (topic, client) = (self.topic.clone(), self.client.clone());
        Durable { topic, client, runtime: self.runtime.clone(), attempt: self.attempt }
    }
}

impl<T: Message> Durable<T> {
    /// Publishes a value; it is durable on return.
    ///
    /// # Errors
    /// `Overloaded` when the topic has no room, `Lost` when the attempt is no longer the one;
    /// what the bus policy forbids, or is too large.
    pub async fn publish(&self, value: impl Into<Arc<T>>) -> Result<Sent> {
        self.publish_with(value, PublishOptions::default()).await
    }

    /// The same under a key, or with a time to live.
    ///
    /// # Errors
    /// As for [`Durable::publish`]; `Rejected` when the key has a message with other contents.
    pub async fn publish_with(
        &self,
        value: impl Into<Arc<T>>,
        options: PublishOptions,
    ) -> Result<Sent> {
        self.check_schema()?;
        let mut envelope = self.client.envelope(&self.topic, value)?;
        self.client.admit(&mut envelope)?;
        self.runtime.inner.desk.vault.redactor.envelope(&mut envelope)?; // Whoever says it.
        // What two attempts say under one key must be one message: when it was said, and by which
        // of them, is not part of it. The kernel keeps both beside it.
        let header = &mut envelope.header;
        (header.sent_at_ms, header.attempt) = (0, None);
        if let Some(key) = &options.key {
            header.id = id_of(self.name(), key);
        }
        let payload = self.runtime.payload_of(wire::encode(&envelope)).await?;
        let ttl_ms = options.ttl.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        let publish = Publish { payload, key: options.key.map(Into::into), ttl_ms };
        let topic = self.topic_name();
        let command = match self.attempt {
            Some(attempt) => {
                let publish = Box::new(publish);
                Command::Report(attempt, Report::Publish { topic, publish })
            }
            None => Command::Topic(topic, TopicCommand::Publish(publish)),
        };
        match self.team().command(command).await? {
            Answer::Published { seq, fresh, subscribers } => Ok(Sent { seq, fresh, subscribers }),
            other => Err(Failure::error(format!("the message was not published: {other:?}"))),
        }
    }

    /// Subscribes under a durable name; the feed is there from now on. A name that is known goes on
    /// as it was; a new one begins with the oldest message, on the terms of the topic if that has
    /// some, else on the usual ones.
    ///
    /// # Errors
    /// As for [`Durable::subscribe_with`].
    pub async fn subscribe(&self, name: &str) -> Result<DurableFeed<T>> {
        let terms = self.runtime.look(|it, _| it.state().subscriber_terms(self.name(), name));
        self.subscribe_with(name, DurableOptions { terms, ..DurableOptions::default() }).await
    }

    /// The same with other options. One feed of a name may be there at a time.
    ///
    /// # Errors
    /// `Rejected` when the name is known on other terms, has a feed already, or the place it should
    /// begin at is not kept any more.
    pub async fn subscribe_with(
        &self,
        name: &str,
        options: DurableOptions,
    ) -> Result<DurableFeed<T>> {
        self.client.may_listen(self.topic.subject())?;
        if self.runtime.inner.desk.vault.redactor.finds(name.as_bytes()) {
            return Err(Failure::rejected("a durable name holds the value of a secret"));
        }
        let name = Text::from(name);
        let DurableOptions { from, terms } = options;
        self.tell(TopicCommand::Subscribe { name: name.clone(), from, terms }).await?;
        let topic = (self.topic.clone(), self.client.clone());
        let feed = DurableFeed::open(self.runtime.clone(), topic, name.clone())?;
        self.tell(TopicCommand::Attach(name)).await?;
        Ok(feed)
    }

    /// Nothing is kept for this name any more.
    ///
    /// # Errors
    /// Nobody subscribes under it.
    pub async fn unsubscribe(&self, name: &str) -> Result<()> {
        self.client.may_listen(self.topic.subject())?;
        self.tell(TopicCommand::Unsubscribe(name.into())).await
    }

    /// What has become of a message, for each durable name; nothing if there never was one.
    #[must_use]
    pub fn receipts(&self, seq: u64) -> Option<Receipts> {
        self.runtime.look(|kernel, _| kernel.state().receipts(self.name(), seq))
    }

    /// Whether the topic takes messages of this schema.
    fn check_schema(&self) -> Result<()> {
        let (name, own) = (self.name(), self.topic.schema());
        let taken = self.runtime.look(|kernel, _| {
            kernel.state().topics.get(name).and_then(|it| it.terms.schema.clone())
        });
        match taken {
            Some(taken) if *taken != *own.to_string() => Err(Failure::rejected(format!(
                "{name} takes messages of the schema {taken}, and this one is {own}: publish what \
                 it takes, or change the `schema` of the topic"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn name(&self) -> &str {
        self.topic.subject().as_str()
    }

    fn topic_name(&self) -> Text {
        self.name().into()
    }

    fn team(&self) -> Team {
        Team { runtime: self.runtime.clone() }
    }

    async fn tell(&self, what: TopicCommand) -> Result<()> {
        self.client.stands()?;
        self.team().command(Command::Topic(self.topic_name(), what)).await.map(|_| ())
    }
}

/// The number of a message under a key: the same for whoever says it again.
fn id_of(topic: &str, key: &str) -> MessageId {
    let digest = canonical::digest(format!("{topic}\0{key}").as_bytes()).0;
    let half = |at: usize| digest[at..at + 8].iter().fold(0, |sum, it| sum << 8 | u64::from(*it));
    MessageId { origin: half(0), number: half(8) }
}
