//! Somebody's way to the bus: says who speaks, asks whether they may, and whether they still are
//! the one.

use super::body::Unsent;
use super::{
    Access, Body, Call, Closer, Envelope, Error, Feed, Holder, Message, Options, Pattern, Present,
    Publishing, Received, Schema, Stats, Subject, Subscription, TeamSubjects, Topic,
};
use crate::port::Bus;
use kernel::Text;
use std::sync::Arc;
use std::time::Duration;

/// The bus in somebody's hands: `team.bus("screen")?`, `cx.bus()?`. Cheap to clone.
///
/// ```
/// use majordomo_runtime::bus::{Client, Topic};
/// # use majordomo_runtime::api::{Failure, Result};
///
/// async fn echo(bus: Client) -> Result<String> {
///     let words = Topic::<String>::new("team.main.words", 1)?;
///     let mut feed = bus.subscribe(&words).await?;
///     let receipt = bus.publish(&words, "to be".to_owned()).await?;
///     assert!(!receipt.is_nobody());
///     let heard = feed.next().await.ok_or_else(|| Failure::error("the bus has ended"))??;
///     Ok(String::clone(&heard))
/// }
/// ```
#[derive(Clone)]
pub struct Client {
    bus: Arc<dyn Bus>,
    pub(super) identity: Arc<Identity>,
    bond: Option<Arc<dyn Bond>>,
}

/// Who speaks, and what is written on everything they send.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Their name.
    pub name: Text,
    /// The team that they belong to.
    pub team: Text,
    /// What they are there.
    pub role: Option<Text>,
    /// What they may.
    pub access: Access,
    /// The conversation that their messages belong to.
    pub correlation: Option<Text>,
    /// What made them speak.
    pub causation: Option<Text>,
    /// The trace that they work on.
    pub trace: Option<Text>,
    /// The attempt that they are.
    pub attempt: Option<Holder>,
}

/// What ties a client to an attempt.
pub(crate) trait Bond: Send + Sync {
    /// Whether it still is the one.
    fn stands(&self) -> Result<(), Error>;

    /// A subscription that must not outlive it.
    fn tie(&self, closer: Closer);

    /// Takes out what others must not hear.
    fn hide(&self, envelope: &mut Envelope) -> Result<(), Error>;
}

impl Client {
    /// A way to this bus.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, identity: Identity) -> Client {
        Client { bus, identity: Arc::new(identity), bond: None }
    }

    /// The same for as long as an attempt is the one that works on its task.
    pub(crate) fn bound(bus: Arc<dyn Bus>, identity: Arc<Identity>, bond: Arc<dyn Bond>) -> Client {
        Client { bus, identity, bond: Some(bond) }
    }

    /// The subjects of the team that it speaks in.
    #[must_use]
    pub fn team(&self) -> TeamSubjects {
        TeamSubjects::of(&self.identity.team)
    }

    /// Sends a value to everybody who listens to the topic, and tells whether anybody did.
    pub fn publish<T: Message>(
        &self,
        topic: &Topic<T>,
        value: impl Into<Arc<T>>,
    ) -> Publishing<'_> {
        match self.envelope(topic, value) {
            Ok(envelope) => self.send(envelope),
            Err(error) => Publishing::done(Err(error)),
        }
    }

    /// A value in its envelope, to be changed before it is sent: `.ttl(…)`.
    ///
    /// # Errors
    /// The value is too large, or cannot be written.
    pub fn envelope<T: Message>(
        &self,
        topic: &Topic<T>,
        value: impl Into<Arc<T>>,
    ) -> Result<Envelope, Error> {
        self.wrap(topic.subject().clone(), topic.schema().clone(), value.into())
    }

    /// Sends an envelope. Whatever it says of its sender is replaced by what is known.
    #[inline] // Here and below: an envelope is large, and is moved at each call that is one.
    pub fn send(&self, mut envelope: Envelope) -> Publishing<'_> {
        match self.admit(&mut envelope) {
            Ok(()) => self.bus.publish(envelope),
            Err(error) => Publishing::done(Err(error)),
        }
    }

    /// Listens to a topic, with the usual queue: 1,024 messages, the oldest make room.
    ///
    /// # Errors
    /// It may not, or a bound of the bus is reached.
    pub async fn subscribe<T: Message>(&self, topic: &Topic<T>) -> Result<Feed<T>, Error> {
        self.subscribe_with(topic, Options::default()).await
    }

    /// The same with another queue, or as one of a queue group.
    ///
    /// # Errors
    /// As for [`Client::subscribe`].
    pub async fn subscribe_with<T: Message>(
        &self,
        topic: &Topic<T>,
        options: Options,
    ) -> Result<Feed<T>, Error> {
        let subscription = self.listen(&topic.subject().into(), options).await?;
        Ok(Feed::new(subscription, topic.clone()))
    }

    /// Listens to everything that matches, whatever its type; [`Topic::read`] reads an envelope.
    ///
    /// # Errors
    /// As for [`Client::subscribe`].
    pub async fn listen(&self, pattern: &Pattern, options: Options) -> Result<Subscription, Error> {
        self.identity.access.subscribe(&self.identity.name, pattern)?;
        self.stands()?;
        let options = Options { name: self.identity.name.clone(), ..options };
        let subscription = self.bus.subscribe(pattern, options).await?;
        if let Some(bond) = &self.bond {
            bond.tie(subscription.closer());
        }
        Ok(subscription)
    }

    /// Asks a question and waits for the first answer.
    ///
    /// # Errors
    /// At once if nobody listens; when the deadline has passed; when the answer is something else.
    pub async fn request<Q: Message, A: Message>(
        &self,
        call: &Call<Q, A>,
        question: impl Into<Arc<Q>>,
        deadline: Duration,
    ) -> Result<Received<A>, Error> {
        let mut envelope = self.envelope(call.questions(), question)?;
        self.admit(&mut envelope)?;
        let answer = self.bus.request(envelope, deadline).await?;
        Ok(call.answers().read(answer)?)
    }

    /// Answers a question. Who holds a question may answer it.
    ///
    /// # Errors
    /// It was no question, or nobody waits for the answer any more.
    pub async fn reply<Q: Message, A: Message>(
        &self,
        call: &Call<Q, A>,
        question: &Received<Q>,
        answer: impl Into<Arc<A>>,
    ) -> Result<(), Error> {
        let asked = &question.envelope().header;
        let Some(to) = asked.reply_to.clone() else {
            return Err(Error::NotAQuestion { subject: asked.subject.clone() });
        };
        self.stands()?;
        let mut envelope = self.wrap(to, call.answers().schema().clone(), answer.into())?;
        self.sign(&mut envelope)?;
        let id = Text::from(asked.id.to_string());
        envelope.header.correlation = asked.correlation.clone().or_else(|| Some(id.clone()));
        envelope.header.causation = Some(id);
        match self.bus.publish(envelope).await? {
            receipt if receipt.is_nobody() => Err(Error::NobodyWaits),
            _ => Ok(()),
        }
    }

    /// Who would get a message about this subject now.
    ///
    /// # Errors
    /// It may not listen there, so it may not know who does.
    pub async fn present(&self, subject: &Subject) -> Result<Vec<Present>, Error> {
        self.identity.access.subscribe(&self.identity.name, &subject.into())?;
        self.bus.present(subject).await
    }

    /// What has become of messages.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.bus.stats()
    }

    /// Signs it, if it may be sent, or kept to be handed over.
    #[inline]
    pub(crate) fn admit(&self, envelope: &mut Envelope) -> Result<(), Error> {
        self.identity.access.publish(&self.identity.name, &envelope.header.subject)?;
        self.stands()?;
        self.sign(envelope)
    }

    /// Whether it may read what is kept about a subject.
    pub(crate) fn may_listen(&self, subject: &Subject) -> Result<(), Error> {
        self.identity.access.subscribe(&self.identity.name, &subject.into())
    }

    /// Whether the attempt that it belongs to, if any, still is the one.
    pub(crate) fn stands(&self) -> Result<(), Error> {
        self.bond.as_ref().map_or(Ok(()), |bond| bond.stands())
    }

    #[inline]
    fn wrap<T: Message>(
        &self,
        subject: Subject,
        schema: Schema,
        value: Arc<T>,
    ) -> Result<Envelope, Error> {
        let max = self.bus.bounds().body_max_bytes;
        match Body::of(value, max) {
            Ok(body) => Ok(Envelope::from(self.identity.name.clone(), subject, schema, body)),
            Err(Unsent::TooLarge) => Err(Error::TooLarge { subject, max }),
            Err(Unsent::Unencodable(why)) => Err(Error::Unencodable { schema, why }),
        }
    }

    #[inline]
    fn sign(&self, envelope: &mut Envelope) -> Result<(), Error> {
        if let Some(bond) = &self.bond {
            bond.hide(envelope)?;
        }
        let Identity { name, correlation, causation, trace, attempt, .. } = &*self.identity;
        let header = &mut envelope.header;
        // What was wrapped here has it already, and a count that others change is dear.
        if !Arc::ptr_eq(&header.sender, name) {
            header.sender = name.clone();
        }
        header.attempt = *attempt;
        // Where an answer goes is for the bus to say, or others would be made to speak there.
        header.reply_to = None;
        header.correlation = header.correlation.take().or_else(|| correlation.clone());
        header.causation = header.causation.take().or_else(|| causation.clone());
        header.trace = header.trace.take().or_else(|| trace.clone());
        Ok(())
    }
}
