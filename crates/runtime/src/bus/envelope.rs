//! The envelope: a header of fixed fields, by which alone messages are routed, and a body.

use super::{Body, Error, Subject};
use crate::bounds::BusBounds;
use crate::port::calendar::system_wall_ms;
use kernel::Text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Who, about what, for how long.
    pub header: Header,
    /// What.
    pub body: Body,
    /// Let go of when nobody holds the envelope any more; never leaves the process.
    pub(super) kept: Option<Kept>,
}

/// Everything about a message but its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// No two messages share one.
    pub id: MessageId,
    /// What it is about.
    pub subject: Subject,
    /// Who sent it: an agent's name. The bus of a team fills it in, so it is not taken on trust.
    pub sender: Text,
    /// The schema of the body.
    pub schema: Schema,
    /// When it was sent, by the sender's wall clock, in milliseconds since 1970. For people.
    pub sent_at_ms: u64,
    /// The conversation that it belongs to: the run of the task that sent it, or what the question
    /// says that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Text>,
    /// What made its sender send it: a task, or the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Text>,
    /// The trace that it belongs to, as W3C's `traceparent`; see [`super::Trace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Text>,
    /// How long it is worth something, counted from when a bus takes it; whoever hands it on to
    /// another machine writes down what is left. So no two clocks need agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Where an answer is expected, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Subject>,
    /// The attempt that sent it, with its fencing token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Holder>,
}

/// Which attempt speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its task.
    pub task: u64,
    /// Its fencing token.
    pub token: u64,
}

/// The number of a message: whose process, and its how many-th.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// Drawn by each process when it starts.
    pub origin: u64,
    /// Counted by each process.
    pub number: u64,
}

/// What a body is, so that it is not read as something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Schema {
    /// `Finding`, unless its topic says otherwise.
    pub name: Text,
    /// 1 and up.
    pub version: u32,
}

/// Something that is let go of with the last copy of an envelope.
#[derive(Clone)]
pub(super) struct Kept(#[allow(dead_code)] Arc<dyn Any + Send + Sync>);

impl Envelope {
    /// A message from nobody in particular; a [`super::Client`] says who sends it.
    #[must_use]
    pub fn new(subject: Subject, schema: Schema, body: Body) -> Envelope {
        Envelope::from(anonymous(), subject, schema, body)
    }

    /// A message from somebody.
    #[inline]
    pub(super) fn from(sender: Text, subject: Subject, schema: Schema, body: Body) -> Envelope {
        let header = Header {
            id: MessageId::next(),
            subject,
            sender,
            schema,
            sent_at_ms: system_wall_ms(),
            correlation: None,
            causation: None,
            trace: None,
            ttl_ms: None,
            reply_to: None,
            attempt: None,
        };
        Envelope { header, body, kept: None }
    }

    /// One that has come from elsewhere.
    #[must_use]
    pub fn of(header: Header, body: Body) -> Envelope {
        Envelope { header, body, kept: None }
    }

    /// Worth nothing after this time.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Envelope {
        self.header.ttl_ms = Some(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Keeps something for as long as anybody has the envelope: how a bus notices that everybody
    /// who got a question has let go of it.
    pub fn keep(&mut self, kept: Arc<dyn Any + Send + Sync>) {
        self.kept = Some(Kept(kept));
    }

    /// Whether it is within the bounds of a bus.
    ///
    /// # Errors
    /// What is too long.
    #[inline]
    pub fn check(&self, bounds: &BusBounds) -> Result<(), Error> {
        let Header { sender, schema, correlation, causation, trace, .. } = &self.header;
        let optional = |it: &Option<Text>| it.as_ref().map_or(0, |it| it.len());
        let fields = [
            ("sender", sender.len()),
            ("schema name", schema.name.len()),
            ("correlation", optional(correlation)),
            ("causation", optional(causation)),
            ("trace", optional(trace)),
        ];
        let max = bounds.field_max_bytes;
        if let Some((field, bytes)) = fields.into_iter().find(|(_, bytes)| *bytes > max) {
            return Err(Error::FieldTooLong { field, bytes, max });
        }
        let (bytes, max) = (self.body.size(), bounds.body_max_bytes);
        if bytes > max {
            let subject = self.header.subject.clone();
            return Err(Error::TooLarge { subject, max });
        }
        Ok(())
    }
}

impl MessageId {
    /// The next of this process.
    #[must_use]
    #[inline]
    pub fn next() -> MessageId {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        MessageId { origin: origin(), number: NUMBER.fetch_add(1, Ordering::Relaxed) }
    }
}

impl MessageId {
    /// What its `Display` gives.
    fn parse(text: &str) -> Option<MessageId> {
        let (origin, number) = text.split_once('-')?;
        let origin = u64::from_str_radix(origin, 16).ok()?;
        Some(MessageId { origin, number: number.parse().ok()? })
    }
}

/// The number that this process has drawn.
fn origin() -> u64 {
    static ORIGIN: OnceLock<u64> = OnceLock::new();
    *ORIGIN.get_or_init(|| std::collections::hash_map::RandomState::new().build_hasher().finish())
}

fn anonymous() -> Text {
    static NOBODY: OnceLock<Text> = OnceLock::new();
    NOBODY.get_or_init(|| Text::from("")).clone()
}

impl Schema {
    /// A schema by name and version.
    pub fn new(name: impl Into<Text>, version: u32) -> Schema {
        Schema { name: name.into(), version }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.origin, self.number)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kept")
    }
}

/// Sixteen bytes; for people, text.
impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if out.is_human_readable() {
            return out.collect_str(self);
        }
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.origin.to_be_bytes());
        bytes[8..].copy_from_slice(&self.number.to_be_bytes());
        out.serialize_bytes(&bytes)
    }
}

/// From either.
impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<MessageId, D::Error> {
        if input.is_human_readable() {
            let text = String::deserialize(input)?;
            return MessageId::parse(&text).ok_or_else(|| D::Error::custom("no message's number"));
        }
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = MessageId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sixteen bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<MessageId, E> {
                let wrong = || E::invalid_length(bytes.len(), &self);
                let both = u128::from_be_bytes(bytes.try_into().map_err(|_| wrong())?);
                Ok(MessageId { origin: (both >> 64) as u64, number: both as u64 })
            }
        }
        input.deserialize_bytes(Bytes)
    }
}
