//! Topics: subjects with a type. What is read is checked to be what is read here, first.

use super::{
    BadSubject, Counts, End, Envelope, Message, Schema, Subject, Subscription, Unreadable,
};
use futures_core::Stream;
use kernel::Text;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A subject whose messages are `T`, of one version of its schema.
///
/// ```
/// # use serde::{Serialize, Deserialize};
/// use majordomo_runtime::bus::Topic;
///
/// #[derive(Serialize, Deserialize)]
/// struct Finding { file: String, line: u32 }
///
/// let findings = Topic::<Finding>::new("team.review.findings", 1)?;
/// assert_eq!(findings.schema().to_string(), "Finding@1");
/// # Ok::<(), majordomo_runtime::bus::BadSubject>(())
/// ```
pub struct Topic<T> {
    subject: Subject,
    schema: Schema,
    /// The oldest version that `T` can be read from.
    oldest: u32,
    of: PhantomData<fn() -> T>,
}

/// A subject whose messages are questions, each answered with an `A`.
pub struct Call<Q, A> {
    question: Topic<Q>,
    answer: Topic<A>,
}

/// A message that was read: dereferences to its contents.
pub struct Received<T> {
    envelope: Arc<Envelope>,
    value: Arc<T>,
}

/// The messages of a topic as they come. Dropped, it is unsubscribed.
#[must_use = "dropped, it is unsubscribed"]
pub struct Feed<T> {
    subscription: Subscription,
    topic: Topic<T>,
}

impl<T: Message> Topic<T> {
    /// The topic at this subject. Its schema has the name of the type, without its path.
    ///
    /// # Errors
    /// It is no subject.
    pub fn new(subject: impl Into<Text>, version: u32) -> Result<Topic<T>, BadSubject> {
        Ok(Topic::at(Subject::new(subject)?, version))
    }

    /// The same at a subject that is one already.
    #[must_use]
    pub fn at(subject: Subject, version: u32) -> Topic<T> {
        Topic { subject, schema: Schema::of::<T>(version), oldest: version, of: PhantomData }
    }

    /// With another name for its schema; for a type that is called otherwise elsewhere.
    #[must_use]
    pub fn named(mut self, schema: &str) -> Topic<T> {
        self.schema.name = schema.into();
        self
    }

    /// Reads older versions, too, down to this one: `T` has defaults for what they lack.
    #[must_use]
    pub fn reads_from(mut self, oldest: u32) -> Topic<T> {
        self.oldest = oldest.min(self.schema.version);
        self
    }

    /// Where it is.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What its messages are.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Reads a message: its schema first, its body after.
    ///
    /// # Errors
    /// It is something else than this topic's, or not what it says.
    pub fn read(&self, envelope: Arc<Envelope>) -> Result<Received<T>, Unreadable> {
        let header = &envelope.header;
        let sent = &header.schema;
        let versions = self.oldest..=self.schema.version;
        if sent.name != self.schema.name || !versions.contains(&sent.version) {
            let (subject, sender) = (header.subject.clone(), header.sender.clone());
            let wanted = match self.oldest == self.schema.version {
                true => self.schema.to_string(),
                false => format!("{}@{} to {}", self.schema.name, self.oldest, versions.end()),
            };
            return Err(Unreadable::Schema { subject, sender, sent: sent.clone(), wanted });
        }
        match envelope.body.read::<T>() {
            Ok(value) => Ok(Received { envelope, value }),
            Err(why) => {
                let (subject, sender) = (header.subject.clone(), header.sender.clone());
                Err(Unreadable::Malformed { subject, sender, schema: sent.clone(), why })
            }
        }
    }
}

impl<Q: Message, A: Message> Call<Q, A> {
    /// The call at this subject; question and answer are of one version.
    ///
    /// # Errors
    /// It is no subject.
    pub fn new(subject: impl Into<Text>, version: u32) -> Result<Call<Q, A>, BadSubject> {
        let subject = Subject::new(subject)?;
        let answer = Topic::at(subject.clone(), version);
        Ok(Call { question: Topic::at(subject, version), answer })
    }

    /// With other names for the schemas of question and answer.
    #[must_use]
    pub fn named(self, question: &str, answer: &str) -> Call<Q, A> {
        Call { question: self.question.named(question), answer: self.answer.named(answer) }
    }

    /// The topic that whoever answers subscribes to.
    #[must_use]
    pub fn questions(&self) -> &Topic<Q> {
        &self.question
    }

    pub(super) fn answers(&self) -> &Topic<A> {
        &self.answer
    }
}

impl<T> Received<T> {
    /// Who sent it, and everything else that is known of it.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The contents, shared with whoever else got them.
    #[must_use]
    pub fn into_value(self) -> Arc<T> {
        self.value
    }
}

impl<T> Deref for Received<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Message> Feed<T> {
    pub(super) fn new(subscription: Subscription, topic: Topic<T>) -> Feed<T> {
        Feed { subscription, topic }
    }

    /// The next message; nothing when the subscription has ended. A message that is not of this
    /// topic is told as an error, skipped, and counted.
    pub async fn next(&mut self) -> Option<Result<Received<T>, Unreadable>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What has become of its messages so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.subscription.counts()
    }

    /// Why it has ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.subscription.end()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received<T>, Unreadable>>> {
        self.subscription.poll(cx).map(|envelope| {
            let read = self.topic.read(envelope?);
            if read.is_err() {
                self.subscription.count_unreadable();
            }
            Some(read)
        })
    }
}

impl<T: Message> Stream for Feed<T> {
    type Item = Result<Received<T>, Unreadable>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Topic<T> {
        let (subject, schema) = (self.subject.clone(), self.schema.clone());
        Topic { subject, schema, oldest: self.oldest, of: PhantomData }
    }
}

impl<Q, A> Clone for Call<Q, A> {
    fn clone(&self) -> Call<Q, A> {
        Call { question: self.question.clone(), answer: self.answer.clone() }
    }
}

impl<T> Clone for Received<T> {
    fn clone(&self) -> Received<T> {
        Received { envelope: self.envelope.clone(), value: self.value.clone() }
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Received<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received")
            .field("from", &self.envelope.header.sender)
            .field("value", &self.value)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Body;

    fn sent<T: Message>(value: T, schema: Schema) -> Arc<Envelope> {
        let subject = Subject::new("a.b").expect("a subject");
        let body = Body::of(Arc::new(value), 1_000).expect("small");
        Arc::new(Envelope::new(subject, schema, body))
    }

    #[test]
    fn the_schema_is_asked_before_the_body_is_looked_at() {
        let topic = Topic::<u64>::new("a.b", 2).expect("a subject");
        assert_eq!(*topic.read(sent(7_u64, Schema::new("u64", 2))).expect("it is one"), 7);
        // The bodies would do; what they are called would not.
        for wrong in [Schema::new("u64", 1), Schema::new("u64", 3), Schema::new("size", 2)] {
            let error = topic.read(sent(7_u64, wrong.clone())).expect_err("it is not");
            let text = error.to_string();
            assert!(text.contains(&wrong.to_string()) && text.contains("u64@2"), "{text}");
        }
        let lies = topic.read(sent("seven".to_owned(), Schema::new("u64", 2)));
        assert!(matches!(lies, Err(Unreadable::Malformed { .. })));
    }

    #[test]
    fn older_versions_are_read_where_the_topic_says_so() {
        let topic = Topic::<u64>::new("a.b", 3).expect("a subject").reads_from(2).named("size");
        for (version, is_read) in [(1, false), (2, true), (3, true), (4, false)] {
            let read = topic.read(sent(7_u64, Schema::new("size", version)));
            assert_eq!(read.is_ok(), is_read, "version {version}");
        }
        let error = topic.read(sent(7_u64, Schema::new("size", 1))).expect_err("too old");
        assert!(error.to_string().contains("size@2 to 3 is read here"), "{error}");
    }
}
