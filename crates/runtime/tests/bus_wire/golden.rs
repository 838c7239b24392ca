//! The envelopes of which golden bytes are kept, one for each form that there is.

use majordomo_runtime::bus::wire;
use majordomo_runtime::bus::{Body, Envelope, Header, Holder, MessageId, Schema, Subject, Topic};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    file: String,
    line: u32,
    grave: bool,
    score: Option<f64>,
}

pub(crate) fn finding() -> Finding {
    Finding { file: "src/a.rs".into(), line: 300, grave: true, score: Some(0.5) }
}

pub(crate) fn topic() -> Topic<Finding> {
    Topic::new("team.review.findings", 1).expect("a subject")
}

/// Every field that there is.
pub(crate) fn full() -> Envelope {
    let header = Header {
        id: MessageId { origin: 0x0123_4567_89ab_cdef, number: 42 },
        subject: topic().subject().clone(),
        sender: "critic".into(),
        schema: topic().schema().clone(),
        sent_at_ms: 1_767_225_600_000,
        correlation: Some("run-7".into()),
        causation: Some("task-9".into()),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ttl_ms: Some(30_000),
        reply_to: Some(Subject::new("_inbox.ab.1").expect("a subject")),
        attempt: Some(Holder { task: 9, token: 281_474_976_710_657 }),
    };
    let body = rmp_serde::to_vec_named(&finding()).expect("memory takes it");
    Envelope::of(header, Body::from_bytes(body))
}

/// As little as there can be.
pub(crate) fn bare() -> Envelope {
    let mut envelope = full();
    envelope.header = Header {
        correlation: None,
        causation: None,
        trace: None,
        ttl_ms: None,
        reply_to: None,
        attempt: None,
        ..envelope.header
    };
    envelope
}

/// One that asks, which is worth something only for so long.
fn question() -> Envelope {
    let Header { reply_to, ttl_ms, .. } = full().header;
    let mut envelope = bare();
    (envelope.header.reply_to, envelope.header.ttl_ms) = (reply_to, ttl_ms);
    envelope
}

/// One that answers: it goes where the question says, and names it.
fn answer() -> Envelope {
    let asked = question().header;
    let mut envelope = bare();
    let header = &mut envelope.header;
    header.id.number += 1;
    header.subject = asked.reply_to.expect("it asks");
    header.correlation = Some(asked.id.to_string().as_str().into());
    header.causation.clone_from(&header.correlation);
    envelope
}

/// As a durable topic keeps it: when it was sent, and by which attempt, stands beside it.
fn kept() -> Envelope {
    let mut envelope = full();
    let header = &mut envelope.header;
    (header.sent_at_ms, header.attempt, header.ttl_ms, header.reply_to) = (0, None, None, None);
    envelope
}

/// Every kind of value that a body may have, and each width that it is written in.
fn kinds() -> Envelope {
    let mut envelope = bare();
    envelope.header.schema = Schema::new("Kinds", 2);
    let body = rmp_serde::to_vec_named(&every_kind()).expect("memory takes it");
    Envelope::of(envelope.header, Body::from_bytes(body))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kinds {
    nothing: Option<bool>,
    flags: [bool; 2],
    whole: Vec<u64>,
    below: Vec<i64>,
    real: Vec<f64>,
    texts: Vec<String>,
    bytes: Vec<Bytes>,
    table: BTreeMap<String, u8>,
    long: Vec<u8>,
}

fn every_kind() -> Kinds {
    let powers = [7, 8, 16, 32].map(|bits| 1_u64 << bits);
    let edges = powers.iter().flat_map(|it| [it - 1, *it]);
    let below = [5, 7, 15, 31].map(|bits| -(1_i64 << bits));
    let lengths = [0_usize, 1, 31, 32, 255, 256];
    Kinds {
        nothing: None,
        flags: [false, true],
        whole: edges.chain([0, u64::MAX]).collect(),
        below: below.iter().flat_map(|it| [*it, it - 1]).chain([-1, i64::MIN]).collect(),
        real: vec![0.5, -1e300, f64::MAX],
        texts: lengths.iter().map(|it| "x".repeat(*it)).chain(["ø→🙂".into()]).collect(),
        bytes: lengths.iter().map(|it| Bytes(vec![0xa5; *it])).collect(),
        table: (0..17).map(|it| (format!("key {it:02}"), it)).collect(),
        long: vec![1; 16],
    }
}

/// A byte string, and not a list of numbers.
#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Bytes, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        input.deserialize_bytes(Read)
    }
}

/// Every form, by the name of its file.
pub(crate) fn forms() -> [(&'static str, Envelope); 6] {
    [
        ("full", full()),
        ("bare", bare()),
        ("question", question()),
        ("answer", answer()),
        ("kept", kept()),
        ("kinds", kinds()),
    ]
}

/// Whether the body of this form, read from its bytes, is the value that it was written from.
pub(crate) fn is_what_it_was(name: &str, envelope: Envelope) {
    if name == "kinds" {
        let topic = Topic::<Kinds>::new("team.review.findings", 2).expect("a subject");
        assert_eq!(*topic.read(Arc::new(envelope)).expect("every kind"), every_kind(), "{name}");
    } else {
        assert_eq!(*topic().read(Arc::new(envelope)).expect("a finding"), finding(), "{name}");
    }
}

/// Where the golden bytes are.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bus")
}

pub(crate) fn golden(name: &str, envelope: &Envelope) -> Vec<u8> {
    let path = folder().join(format!("{name}.v{}.hex", wire::VERSION));
    if std::env::var_os("WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, lines(&wire::encode(envelope))).expect("can be written");
    }
    let text = std::fs::read_to_string(&path).expect("golden bytes are in the repository");
    bytes(&text)
}

/// The bytes that these hex digits are.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|it| pair(it).expect("two hex digits")).collect()
}

pub(crate) fn lines(bytes: &[u8]) -> String {
    let line = |line: &[u8]| {
        let words: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        words.join(" ") + "\n"
    };
    bytes.chunks(32).map(line).collect()
}
