//! Inputs and outputs as bytes: canonical JSON, so that equal values have equal digests.
//!
//! Why JSON and not MessagePack here? Every door speaks it (the command line, Python, models,
//! HTTP), an operator can read it in the views, and sorting keys makes it canonical. The journal's
//! own entries and the bus are MessagePack.

use crate::api::Failure;
use crate::port::{Blobs, blobs};
use crate::record::INLINE_MAX_BYTES;
use crate::turn::Runtime;
use kernel::{Digest, FailureKind, Payload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

/// Names a content.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// The bytes of a value: keys sorted, no white space.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    // Through `Value`, whose maps are sorted: a struct's field order or a hash map's accident of
    // order must not make another input of the same thing.
    value_to_bytes(&serde_json::to_value(value).map_err(|why| unfit("written as JSON", &why))?)
}

/// The same of what is a `Value` already, without a copy of it.
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|why| unfit("written as JSON", &why))
}

/// The value that these bytes hold.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|why| unfit("read as the expected type", &why))
}

fn unfit(what: &str, why: &serde_json::Error) -> Failure {
    Failure::new(FailureKind::Rejected, format!("the value cannot be {what}: {why}"))
}

/// A payload of these bytes; large ones are stored as a blob first, and are durable on return.
pub(crate) fn payload(bytes: Vec<u8>, blobs: &dyn Blobs) -> Result<Payload, blobs::Error> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if bytes.len() <= INLINE_MAX_BYTES {
        let digest = digest(&bytes);
        return Ok(Payload { digest, len, inline: Some(Arc::from(bytes)) });
    }
    Ok(Payload { digest: Digest(blobs.put(&bytes)?), len, inline: None })
}

/// The bytes of a payload, from wherever they are.
pub(crate) fn bytes_of(payload: &Payload, blobs: &dyn Blobs) -> Result<Arc<[u8]>, Failure> {
    match &payload.inline {
        Some(bytes) => Ok(bytes.clone()),
        None if payload.len == 0 => Ok(Arc::from(*b"null")),
        None if payload.len as usize <= INLINE_MAX_BYTES => {
            Err(Failure::new(FailureKind::Rejected, "its content was erased by `forget`"))
        }
        None => {
            blobs.get(&payload.digest.0).map_err(|why| Failure::new(kind_of(&why), why.to_string()))
        }
    }
}

impl Runtime {
    /// The bytes of a payload; large ones are read off the async threads.
    pub(crate) async fn bytes_of(&self, payload: &Payload) -> Result<Arc<[u8]>, Failure> {
        if let Some(bytes) = &payload.inline {
            return Ok(bytes.clone());
        }
        let (payload, blobs) = (payload.clone(), self.inner.blobs.clone());
        tokio::task::spawn_blocking(move || bytes_of(&payload, &*blobs)).await?
    }

    /// A payload of these bytes; large ones are stored off the async threads, and are durable on
    /// return.
    pub(crate) async fn payload_of(&self, bytes: Vec<u8>) -> Result<Payload, Failure> {
        if bytes.len() <= INLINE_MAX_BYTES {
            return Ok(payload(bytes, &*self.inner.blobs)?);
        }
        let blobs = self.inner.blobs.clone();
        Ok(tokio::task::spawn_blocking(move || payload(bytes, &*blobs)).await??)
    }
}

/// Content that is gone stays gone; a store that cannot be read now may be read later.
fn kind_of(error: &blobs::Error) -> FailureKind {
    match error {
        blobs::Error::Missing { .. } | blobs::Error::Damaged { .. } => FailureKind::Rejected,
        blobs::Error::Full { .. } | blobs::Error::Io { .. } => FailureKind::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn equal_values_have_equal_bytes_whatever_their_order() {
        let map: HashMap<&str, u8> = [("b", 1), ("a", 2), ("c", 3)].into();
        assert_eq!(to_bytes(&map).expect("a map"), b"{\"a\":2,\"b\":1,\"c\":3}");
    }
}
