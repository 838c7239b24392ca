//! Entries and snapshots as bytes: MessagePack with field names, and a version in front.
//!
//! A record's head is `[version: u8][entry as a MessagePack map]`; its payload is the inline bytes
//! of the payloads that the event carries, one after the other. The head holds their digests and
//! lengths and is chained by the journal; the bytes can be erased by `forget` without breaking the
//! chain.

use crate::messagepack;
use crate::port::journal::{Batch, Record};
use kernel::{Entry, Facts, Kernel, Payload};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Version of the schema of entries. Rises when an old program could misread a new entry.
pub const ENTRY_VERSION: u8 = 1;
/// Version of the schema of snapshots.
pub const SNAPSHOT_VERSION: u8 = 1;
/// Payloads up to this size travel inside records; larger ones are blobs.
pub const INLINE_MAX_BYTES: usize = 4 * 1024;

/// Why bytes could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Written by a newer program.
    #[error(
        "written with schema version {found}, this program reads up to {known}; \
         use the newer program"
    )]
    TooNew {
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// Not what this version's schema says; an unknown kind of event is one such thing.
    #[error("not an entry of schema version {version}: {why}")]
    Malformed {
        /// The version it claims.
        version: u8,
        /// What is wrong.
        why: String,
    },
    /// The payload bytes do not add up to the lengths in the head.
    #[error("payload of {found} bytes where the head speaks of {expected}")]
    PayloadLength {
        /// Bytes there should be.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
}

/// Appends an entry's head to `head` and its payload to `payload`.
pub fn encode(entry: &Entry, head: &mut Vec<u8>, payload: &mut Vec<u8>) {
    encode_head(entry, head);
    encode_payload(entry, payload);
}

/// Adds an entry to a batch, written where it stays.
pub fn push(entry: &Entry, batch: &mut Batch) {
    batch.push_with(|head| encode_head(entry, head), |payload| encode_payload(entry, payload));
}

fn encode_head(entry: &Entry, head: &mut Vec<u8>) {
    head.push(ENTRY_VERSION);
    write(entry, head);
}

fn encode_payload(entry: &Entry, payload: &mut Vec<u8>) {
    for bytes in entry.event.payloads().filter_map(|it| it.inline.as_ref()) {
        payload.extend_from_slice(bytes);
    }
}

/// Reads an entry back. A payload that was erased (zeroed or empty) comes back without its bytes.
pub fn decode(record: Record<'_>) -> Result<Entry, Error> {
    let mut entry: Entry = read(record.head, ENTRY_VERSION)?;
    let mut rest = record.payload;
    let inline = |payload: &&mut Payload| payload.len as usize <= INLINE_MAX_BYTES;
    for payload in entry.event.payloads_mut().filter(inline) {
        if rest.is_empty() && payload.len > 0 {
            continue; // Erased.
        }
        let Some((bytes, after)) = rest.split_at_checked(payload.len as usize) else {
            let expected = payload.len as usize;
            return Err(Error::PayloadLength { expected, found: rest.len() });
        };
        payload.inline = Some(Arc::from(bytes));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Error::PayloadLength { expected: 0, found: rest.len() });
    }
    Ok(entry)
}

/// A snapshot: the facts, and the bytes of the payloads that they hold.
#[derive(Serialize, Deserialize)]
struct Snapshot<F> {
    facts: F,
    /// By digest, each once.
    payloads: BTreeMap<kernel::Digest, ByteString>,
}

/// Bytes as MessagePack's binary type, not as a list of numbers.
struct ByteString(Arc<[u8]>);

/// The whole state of a kernel, as stored in the journal.
#[must_use]
pub fn encode_snapshot(kernel: &Kernel) -> Vec<u8> {
    let held = kernel.state().payloads();
    let inline = held.filter_map(|it| Some((it.digest, ByteString(it.inline.clone()?))));
    let mut bytes = vec![SNAPSHOT_VERSION];
    write(&Snapshot { facts: kernel.snapshot(), payloads: inline.collect() }, &mut bytes);
    bytes
}

/// The facts of a snapshot, with the bytes back in their payloads.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Facts, Error> {
    let Snapshot { mut facts, payloads } = read::<Snapshot<Facts>>(bytes, SNAPSHOT_VERSION)?;
    facts.restore_payloads(|payload| payloads.get(&payload.digest).map(|it| it.0.clone()));
    Ok(facts)
}

fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    let mut out = rmp_serde::Serializer::new(bytes).with_struct_map();
    value.serialize(&mut out).expect("memory takes every byte and our types have no odd keys");
}

fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8], known: u8) -> Result<T, Error> {
    let malformed = |version, why| Err(Error::Malformed { version, why });
    let Some((version, body)) = bytes.split_first() else {
        return malformed(0, "it is empty".into());
    };
    if *version > known {
        return Err(Error::TooNew { found: *version, known });
    }
    messagepack::from_slice(body).or_else(|why| malformed(*version, why.to_string()))
}

impl Serialize for ByteString {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<ByteString, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = ByteString;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<ByteString, E> {
                Ok(ByteString(Arc::from(bytes)))
            }
        }
        input.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Digest, Event, Outcome, TaskId, Time};

    fn entry() -> Entry {
        let bytes: Arc<[u8]> = Arc::from(*b"\"hello\"");
        let payload = Payload { digest: Digest([3; 32]), len: 7, inline: Some(bytes) };
        let outcome = Outcome::Completed(payload);
        Entry { at: Time(5), event: Event::OnceDone { task: TaskId(1), step: "s".into(), outcome } }
    }

    #[test]
    fn an_entry_comes_back_with_its_payload() {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        encode(&entry(), &mut head, &mut payload);
        let back = decode(Record { head: &head, payload: &payload }).expect("own bytes");
        assert_eq!(back, entry());
        assert_eq!(
            back.event.payloads().next().and_then(|it| it.inline.as_deref()),
            Some(&b"\"hello\""[..])
        );
    }

    #[test]
    fn an_erased_payload_leaves_the_fact_standing() {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        encode(&entry(), &mut head, &mut payload);
        let back = decode(Record { head: &head, payload: &[] }).expect("own bytes");
        assert_eq!(back, entry());
        assert!(back.event.payloads().all(|it| it.inline.is_none()));
    }

    #[test]
    fn what_is_newer_or_garbled_is_refused() {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        encode(&entry(), &mut head, &mut payload);
        head[0] = ENTRY_VERSION + 1;
        let newer = decode(Record { head: &head, payload: &payload });
        assert!(matches!(newer, Err(Error::TooNew { .. })));
        head[0] = ENTRY_VERSION;
        for cut in 0..head.len() {
            assert!(decode(Record { head: &head[..cut], payload: &payload }).is_err());
        }
        assert!(decode(Record { head: &head, payload: &payload[..3] }).is_err());
    }
}
