//! The body of a message: a shared pointer inside one process, bytes where it comes from another.

use super::Schema;
use crate::messagepack;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What can be sent: anything that serde can write and read, and that may be shared by threads.
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Message for T {}

/// Contents of a message. Cheap to clone.
#[derive(Clone)]
pub struct Body {
    content: Content,
    size: usize,
}

#[derive(Clone)]
enum Content {
    /// A value of this process, and how to write it if it leaves.
    Shared(Arc<dyn Any + Send + Sync>, Encoder),
    /// MessagePack with field names.
    Bytes(Arc<[u8]>),
}

type Encoder = fn(&dyn Any, &mut Vec<u8>) -> Result<(), String>;

/// Why a value could not become a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    TooLarge,
    Unencodable(String),
}

impl Body {
    /// A value, shared as it is. It is measured as if it were written, so that bodies count the
    /// same on every bus, and one that could never leave is noticed here.
    #[inline]
    pub(super) fn of<T: Message>(value: Arc<T>, max: usize) -> Result<Body, Unsent> {
        let mut scale = Scale { bytes: 0, max };
        let written = write(&*value, &mut scale);
        match written {
            _ if scale.bytes > max => Err(Unsent::TooLarge),
            Err(why) => Err(Unsent::Unencodable(why)),
            Ok(()) => Ok(Body { content: Content::Shared(value, encode::<T>), size: scale.bytes }),
        }
    }

    /// MessagePack from elsewhere. It is looked into only when somebody reads it.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Body {
        let bytes = bytes.into();
        Body { size: bytes.len(), content: Content::Bytes(bytes) }
    }

    /// A value, written.
    pub(crate) fn written(value: &serde_json::Value) -> Body {
        let mut bytes = Vec::new();
        match write(value, &mut bytes) {
            Ok(()) => Body::from_bytes(bytes),
            Err(_) => Body::from_bytes([0xc0]), // Nothing: no schema mistakes it for a value.
        }
    }

    /// How many bytes it has where it is written.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Appends it as MessagePack.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match &self.content {
            Content::Shared(value, encode) => {
                let start = bytes.len();
                if encode(&**value, bytes).is_err() {
                    // It could be written when it was measured; a value that changes its mind is
                    // sent as nothing, which no schema mistakes for it.
                    bytes.truncate(start);
                    bytes.push(0xc0);
                }
            }
            Content::Bytes(its) => bytes.extend_from_slice(its),
        }
    }

    /// The value, if it is one of this type, or bytes that are. A body whose type is another of
    /// this process goes the way of all others: written and read.
    pub(super) fn read<T: Message>(&self) -> Result<Arc<T>, String> {
        match &self.content {
            Content::Shared(value, encode) => match value.clone().downcast::<T>() {
                Ok(value) => Ok(value),
                Err(other) => {
                    let mut bytes = Vec::with_capacity(self.size);
                    encode(&*other, &mut bytes)?;
                    decode(&bytes)
                }
            },
            Content::Bytes(bytes) => decode(bytes),
        }
    }

    /// As JSON, for people; bytes that mean nothing give the reason.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn to_json(&self) -> Result<serde_json::Value, String> {
        self.read::<serde_json::Value>().map(Arc::unwrap_or_clone)
    }
}

fn decode<T: Message>(bytes: &[u8]) -> Result<Arc<T>, String> {
    messagepack::from_slice(bytes).map(Arc::new).map_err(|why| why.to_string())
}

fn encode<T: Message>(value: &dyn Any, bytes: &mut Vec<u8>) -> Result<(), String> {
    write(value.downcast_ref::<T>().ok_or("the value is not of its own type")?, bytes)
}

/// The one way in which values become bytes. Made anew for every writer: a value is measured each
/// time it is sent, and where nothing is written that comes down to adding up lengths.
fn write<T: Serialize>(value: &T, out: &mut impl io::Write) -> Result<(), String> {
    rmp_serde::encode::write_named(out, value).map_err(|why| why.to_string())
}

/// Counts bytes and keeps none.
struct Scale {
    bytes: usize,
    max: usize,
}

impl io::Write for Scale {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        if self.bytes > self.max {
            Err(io::ErrorKind::FileTooLarge.into())
        } else {
            Ok(bytes.len())
        }
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Schema {
    /// The schema of a type unless its topic says otherwise: its name without the path, so that a
    /// type may move between modules.
    #[must_use]
    pub fn of<T>(version: u32) -> Schema {
        Schema::new(short(std::any::type_name::<T>()), version)
    }
}

/// `alloc::vec::Vec<a::b::C>` is `Vec<C>`.
fn short(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut word = 0;
    for character in name.chars() {
        short.push(character);
        if short[word..].ends_with("::") {
            short.truncate(word);
        } else if !character.is_alphanumeric() && character != '_' && character != ':' {
            word = short.len();
        }
    }
    short
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Finding {
        file: String,
        line: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place {
        file: String,
    }

    fn finding() -> Arc<Finding> {
        Arc::new(Finding { file: "a.rs".into(), line: 7 })
    }

    #[test]
    fn a_value_stays_a_pointer_and_is_measured_as_what_it_would_be() {
        let sent = finding();
        let body = Body::of(sent.clone(), 100).expect("small");
        assert!(Arc::ptr_eq(&body.read::<Finding>().expect("the same type"), &sent));
        let mut bytes = Vec::new();
        body.write(&mut bytes);
        assert_eq!(body.size(), bytes.len());
        assert_eq!(bytes, rmp_serde::to_vec_named(&*sent).expect("memory takes it"));
        let back = Body::from_bytes(bytes).read::<Finding>().expect("our own bytes");
        assert_eq!(back, sent);
    }

    #[test]
    fn another_type_of_the_same_fields_is_read_not_cast() {
        let body = Body::of(finding(), 100).expect("small");
        assert_eq!(
            *body.read::<Place>().expect("its fields are there"),
            Place { file: "a.rs".into() }
        );
        assert!(body.read::<u64>().is_err());
    }

    #[test]
    fn what_is_too_large_or_cannot_be_written_is_not_sent() {
        let max = Body::of(finding(), 100).expect("small").size();
        assert!(Body::of(finding(), max).is_ok());
        assert_eq!(Body::of(finding(), max - 1).map(|_| ()), Err(Unsent::TooLarge));
        #[derive(Deserialize)]
        struct Stubborn;
        impl Serialize for Stubborn {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("not today"))
            }
        }
        let refused = Body::of(Arc::new(Stubborn), 100).map(|_| ());
        assert!(matches!(refused, Err(Unsent::Unencodable(why)) if why.contains("not today")));
    }

    #[test]
    fn a_schema_is_named_by_its_type_without_paths() {
        assert_eq!(&*Schema::of::<Finding>(1).name, "Finding");
        assert_eq!(&*Schema::of::<Vec<Option<Finding>>>(1).name, "Vec<Option<Finding>>");
        assert_eq!(&*Schema::of::<(u8, String)>(1).name, "(u8, String)");
        assert_eq!(Schema::of::<serde_json::Value>(2).to_string(), "Value@2");
    }
}
