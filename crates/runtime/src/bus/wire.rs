//! An envelope as bytes, for whoever is in another process.
//!
//! ```text
//!   "MJ"  version: u8 = 1  length of the header: u32, big-endian  header  body, to the end
//! ```
//!
//! Header and body are MessagePack: the header a map of the fields of [`Header`] by name, of which
//! those that are nothing may be left out and those that are unknown are passed over; the body
//! whatever its schema says. Whoever routes reads the header and passes the body on as it is. Only
//! the kinds that JSON has, and byte strings, are known; extensions are refused.

use super::{Body, Envelope, Error as Refused, Header};
use crate::bounds::BusBounds;
use crate::messagepack;
use serde::Serialize;

/// What every envelope begins with.
const MAGIC: [u8; 2] = *b"MJ";
/// The version of this form. Rises when an old program could misread a new envelope.
pub const VERSION: u8 = 1;
/// Longer headers are not ours: all fields at their bounds take less.
const HEADER_MAX_BYTES: usize = 8 * 1024;
/// Before the header: magic, version, length.
const PREFIX_BYTES: usize = 7;

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They begin otherwise.
    #[error("not an envelope: it does not begin with \"MJ\"")]
    NotOurs,
    /// Written by a newer program.
    #[error("an envelope of version {found}; this program reads up to {VERSION}, use a newer one")]
    TooNew {
        /// The version found.
        found: u8,
    },
    /// They end before the header does.
    #[error("an envelope that ends before its header does")]
    Cut,
    /// The header is longer than any of ours.
    #[error("an envelope with a header of {bytes} bytes; at most {HEADER_MAX_BYTES}")]
    HeaderTooLong {
        /// Its length, as it says.
        bytes: usize,
    },
    /// The header cannot be understood.
    #[error("an envelope whose header cannot be read: {why}")]
    Header {
        /// Why.
        why: String,
    },
    /// A part is larger than the bus takes.
    #[error(transparent)]
    Bounds(#[from] Refused),
}

/// The bytes of an envelope. Its time to live must be what is left of it.
#[must_use]
pub fn encode(envelope: &Envelope) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256 + envelope.body.size());
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&[0; 4]);
    let mut out = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    envelope.header.serialize(&mut out).expect("memory takes it and a header has no odd keys");
    let header = u32::try_from(bytes.len() - PREFIX_BYTES).unwrap_or(u32::MAX);
    bytes[3..PREFIX_BYTES].copy_from_slice(&header.to_be_bytes());
    envelope.body.write(&mut bytes);
    bytes
}

/// The envelope that these bytes are. The body is not looked into.
///
/// # Errors
/// They are none, or larger than the bus takes.
pub fn decode(bytes: &[u8], bounds: &BusBounds) -> Result<Envelope, Error> {
    let (header, body) = split(bytes)?;
    let header: Header =
        messagepack::from_slice(header).map_err(|why| Error::Header { why: why.to_string() })?;
    let max = bounds.body_max_bytes;
    if body.len() > max {
        return Err(Refused::TooLarge { subject: header.subject, max }.into());
    }
    let envelope = Envelope::of(header, Body::from_bytes(body));
    envelope.check(bounds)?;
    Ok(envelope)
}

/// Header and body.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Error::NotOurs)?;
    let (version, rest) = rest.split_first().ok_or(Error::Cut)?;
    if *version > VERSION {
        return Err(Error::TooNew { found: *version });
    }
    if *version == 0 {
        return Err(Error::NotOurs);
    }
    let (length, rest) = rest.split_first_chunk().ok_or(Error::Cut)?;
    let length = u32::from_be_bytes(*length) as usize;
    if length > HEADER_MAX_BYTES {
        return Err(Error::HeaderTooLong { bytes: length });
    }
    rest.split_at_checked(length).ok_or(Error::Cut)
}
