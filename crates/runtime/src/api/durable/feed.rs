//! The feed of a durable name: messages one by one, each to be acked or nacked.

use super::{Failure, Result, Team};
use crate::BusBounds;
use crate::bus::{Client, Message, Received, Topic, wire};
use crate::turn::{Runtime, lock};
use kernel::topic::{Delivery, Handed};
use kernel::{Command, Text, Token, TopicCommand};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// Messages of a durable topic as they come. Dropped, whoever has the name is away: what was not
/// looked at comes again, and nothing is held against anybody.
#[must_use = "dropped, nobody of this name is there"]
pub struct DurableFeed<T> {
    runtime: Runtime,
    topic: Topic<T>,
    client: Client,
    reader: Reader,
    coming: mpsc::Receiver<Arc<Delivery>>,
    /// Of the deliveries that came, what was not looked at.
    queue: VecDeque<(Token, Handed)>,
}

/// A message that was delivered. Say [`ack`](Delivered::ack) when it is handled; dropped without a
/// word, it is nacked.
pub struct Delivered<T> {
    message: Received<T>,
    seq: u64,
    delivery: u32,
    said: Word,
}

/// What is still to be said of one message.
struct Word {
    runtime: Runtime,
    client: Client,
    topic: Text,
    name: Text,
    token: Token,
    seq: u64,
    is_said: bool,
}

/// Deliveries that wait for whoever has a feed: as many as the largest window has messages. More
/// can only be there for somebody who has looked at none of them until they ran out.
const WAITING_MAX: usize = 256;

/// Who takes the deliveries of this process.
#[derive(Default)]
pub(crate) struct Takers(Mutex<BTreeMap<Reader, mpsc::Sender<Arc<Delivery>>>>);

/// A topic, and who reads it under which name.
type Reader = (Text, Text);

impl Takers {
    /// Hands a delivery over. If nobody is there any more, the kernel has heard or will; one for
    /// which there is no room is lost to silence, and comes again.
    pub(crate) fn hand(&self, delivery: Arc<Delivery>) {
        let taker = (delivery.topic.clone(), delivery.name.clone());
        if let Some(taker) = lock(&self.0).get(&taker) {
            let _ = taker.try_send(delivery);
        }
    }

    /// Nothing is delivered any more.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    fn take(&self, topic: Text, name: Text) -> Option<mpsc::Receiver<Arc<Delivery>>> {
        let mut takers = lock(&self.0);
        if takers.contains_key(&(topic.clone(), name.clone())) {
            return None;
        }
        let (taker, coming) = mpsc::channel(WAITING_MAX);
        takers.insert((topic, name), taker);
        Some(coming)
    }

    fn leave(&self, topic: Text, name: Text) {
        lock(&self.0).remove(&(topic, name));
    }
}

impl<T: Message> DurableFeed<T> {
    pub(super) fn open(
        runtime: Runtime,
        (topic, client): (Topic<T>, Client),
        name: Text,
    ) -> Result<DurableFeed<T>> {
        let subject = Text::from(topic.subject().as_str());
        let coming = runtime.inner.desk.takers.take(subject.clone(), name.clone());
        let coming = coming.ok_or_else(|| {
            Failure::rejected(format!(
                "{name} has a feed of {subject} in this process already; share that, or take \
                 another name"
            ))
        })?;
        let reader = (subject, name);
        Ok(DurableFeed { runtime, topic, client, reader, coming, queue: VecDeque::new() })
    }

    /// The next message; nothing when the team has ended. What is no message of this topic is told
    /// as an error and nacked, so that it ends as a dead letter. Whoever stops waiting, as in a
    /// `select!`, has had nothing: the message is still the next.
    pub async fn next(&mut self) -> Option<Result<Delivered<T>>> {
        loop {
            while let Some((token, handed)) = self.queue.front() {
                let token = *token;
                if self.is_over(token, handed.seq) {
                    self.queue.pop_front(); // While it lay here, and it comes again.
                    continue;
                }
                let bytes = self.runtime.bytes_of(&handed.message.payload).await;
                if let Some((_, handed)) = self.queue.pop_front() {
                    return Some(self.read(token, handed, bytes));
                }
            }
            let delivery = self.coming.recv().await?;
            let token = delivery.token;
            self.queue.extend(delivery.messages.iter().map(|it| (token, it.clone())));
        }
    }

    fn word(&self, token: Token, seq: u64) -> Word {
        Word {
            runtime: self.runtime.clone(),
            client: self.client.clone(),
            topic: self.reader.0.clone(),
            name: self.reader.1.clone(),
            token,
            seq,
            is_said: false,
        }
    }

    /// Whether the delivery of a message is over.
    fn is_over(&self, token: Token, seq: u64) -> bool {
        let (topic, name) = &self.reader;
        self.runtime.look(|kernel, _| {
            let topic = kernel.state().topics.get(topic);
            let flights = topic.and_then(|it| it.subscribers.get(name)).map(|it| &it.flights);
            flights.and_then(|it| it.get(&token)).is_none_or(|it| !it.pending.contains(seq))
        })
    }

    fn read(&self, token: Token, handed: Handed, bytes: Result<Arc<[u8]>>) -> Result<Delivered<T>> {
        let Handed { seq, delivery, message } = handed;
        let wall_ms = message.wall_ms;
        let mut word = self.word(token, seq);
        let read = bytes.and_then(|bytes| {
            // What was taken was within the bounds of then.
            let any = usize::MAX;
            let bounds =
                BusBounds { body_max_bytes: any, field_max_bytes: any, ..BusBounds::default() };
            let mut envelope = wire::decode(&bytes, &bounds)?;
            envelope.header.sent_at_ms = wall_ms;
            Ok(self.topic.read(Arc::new(envelope))?)
        });
        match read {
            Ok(message) => Ok(Delivered { message, seq, delivery, said: word }),
            Err(failure) => {
                word.tell_nack(&format!("it cannot be read: {}", failure.message));
                Err(failure)
            }
        }
    }
}

impl<T> Drop for DurableFeed<T> {
    fn drop(&mut self) {
        let (topic, name) = self.reader.clone();
        self.runtime.inner.desk.takers.leave(topic.clone(), name.clone());
        self.runtime.tell(Command::Topic(topic, TopicCommand::Detach(name)));
    }
}

impl<T> Delivered<T> {
    /// Its number in its topic: the key by which whoever gets it again notices.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// 1 for its first delivery to this name.
    #[must_use]
    pub fn delivery(&self) -> u32 {
        self.delivery
    }

    /// The message, with its envelope.
    #[must_use]
    pub fn message(&self) -> &Received<T> {
        &self.message
    }

    /// It is handled; durable on return.
    ///
    /// # Errors
    /// `Lost` when the delivery is over: it was silent for too long, and comes again.
    pub async fn ack(mut self) -> Result<()> {
        let (up_to, also) = (0, vec![self.seq]);
        self.said.ack(up_to, also).await
    }

    /// It is handled, and so is everything before it that came in the same delivery: one entry of
    /// the journal for a whole run.
    ///
    /// # Errors
    /// As for [`Delivered::ack`].
    pub async fn ack_all(mut self) -> Result<()> {
        self.said.ack(self.seq, Vec::new()).await
    }

    /// It could not be handled, and comes again after `delay`, or after the usual back-off; too
    /// often, and it is a dead letter with every reason.
    ///
    /// # Errors
    /// As for [`Delivered::ack`].
    pub async fn nack(mut self, delay: Option<Duration>, reason: &str) -> Result<()> {
        let delay_ms = delay.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        let nack = self.said.nack(delay_ms, reason);
        self.said.say(nack).await
    }
}

impl<T> Deref for Delivered<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.message
    }
}

impl Word {
    fn nack(&self, delay_ms: Option<u64>, reason: &str) -> TopicCommand {
        let (name, token, seq) = (self.name.clone(), self.token, self.seq);
        TopicCommand::Nack { name, token, seq, delay_ms, reason: reason.into() }
    }

    async fn ack(&mut self, up_to: u64, also: Vec<u64>) -> Result<()> {
        let (name, token) = (self.name.clone(), self.token);
        self.say(TopicCommand::Ack { name, token, up_to, also }).await
    }

    /// An attempt that is no longer the one has nothing to say: what it holds comes again.
    async fn say(&mut self, what: TopicCommand) -> Result<()> {
        self.client.stands()?;
        self.is_said = true;
        let team = Team { runtime: self.runtime.clone() };
        team.command(Command::Topic(self.topic.clone(), what)).await.map(|_| ())
    }

    fn tell_nack(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.is_said, true) {
            let nack = self.nack(None, reason);
            self.runtime.tell(Command::Topic(self.topic.clone(), nack));
        }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        self.tell_nack("it was let go of without a word");
    }
}
