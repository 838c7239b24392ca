//! Inputs and outputs as the kernel sees them: a digest, a length, and bytes it only carries.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// BLAKE3 of the canonical content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

/// An input or an output. Equality is by content (digest and length): whether the bytes are at
/// hand, in a blob, or erased by `forget` does not change which payload it is.
///
/// The bytes are not serialised with it. Whoever writes an event or a snapshot stores them beside
/// it (see [`crate::Event::payloads`]), so that they can be erased while the record of them stays.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Payload {
    /// Names the content.
    pub digest: Digest,
    /// Bytes of content.
    pub len: u32,
    /// The content when it is small enough to travel inside; larger ones stand in the blob store.
    #[serde(skip)]
    pub inline: Option<Arc<[u8]>>,
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.digest == other.digest && self.len == other.len
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({:?}, {} bytes)", self.digest, self.len)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if out.is_human_readable() {
            return out.collect_str(self); // In JSON for people and scripts: hexadecimal.
        }
        out.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Digest, D::Error> {
        struct Bytes;
        impl<'de> serde::de::Visitor<'de> for Bytes {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                let odd = || E::invalid_value(serde::de::Unexpected::Str(text), &"64 hex digits");
                let mut digest = [0; 32];
                if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(odd());
                }
                for (at, byte) in digest.iter_mut().enumerate() {
                    let pair = &text[2 * at..2 * at + 2];
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| odd())?;
                }
                Ok(Digest(digest))
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Digest, E> {
                let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
                Ok(Digest(bytes))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Digest, A::Error> {
                let mut digest = [0; 32];
                for (at, byte) in digest.iter_mut().enumerate() {
                    *byte = seq
                        .next_element()?
                        .ok_or_else(|| serde::de::Error::invalid_length(at, &self))?;
                }
                Ok(Digest(digest))
            }
        }
        if input.is_human_readable() {
            return input.deserialize_str(Bytes);
        }
        input.deserialize_bytes(Bytes)
    }
}
