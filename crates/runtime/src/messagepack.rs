//! Reads MessagePack that our own writer wrote, from memory.
//!
//! Why not `rmp_serde`'s reader, when its writer is good enough? A start replays every entry, and a
//! snapshot replays them again: reading is most of both. That reader takes each field's name for
//! text and checks it as such, and goes through a general case for each value; this one hands names
//! over as the bytes that they are compared as, and knows that all of it lies in memory.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// Nothing of ours is nested deeper; what is comes from elsewhere.
const DEPTH_MAX: u8 = 64;

/// Why bytes could not be read.
#[derive(Debug)]
pub(crate) struct Error(String);

/// The value that exactly these bytes hold.
pub(crate) fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Error("more than one value".into())) }
}

/// What is left to read.
struct Reader<'de> {
    rest: &'de [u8],
    depth: u8,
}

/// A value that is whole, or the head of one that follows.
enum Token<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Text(&'de [u8]),
    Bytes(&'de [u8]),
    List(usize),
    Map(usize),
}

impl<'de> Reader<'de> {
    fn bytes(&mut self, len: usize) -> Result<&'de [u8], Error> {
        let (bytes, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| Error("it ends too early".into()))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) =
            self.rest.split_first_chunk().ok_or_else(|| Error("it ends too early".into()))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// An unsigned number of one to eight bytes.
    fn number<const N: usize>(&mut self) -> Result<u64, Error> {
        let bytes = self.array::<N>()?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn len<const N: usize>(&mut self) -> Result<usize, Error> {
        self.number::<N>().map(|len| len as usize)
    }

    fn token(&mut self) -> Result<Token<'de>, Error> {
        let [first] = self.array()?;
        Ok(match first {
            0x00..=0x7f => Token::Unsigned(u64::from(first)),
            0x80..=0x8f => Token::Map(usize::from(first & 0x0f)),
            0x90..=0x9f => Token::List(usize::from(first & 0x0f)),
            0xa0..=0xbf => Token::Text(self.bytes(usize::from(first & 0x1f))?),
            0xc0 => Token::Nil,
            0xc2 | 0xc3 => Token::Bool(first == 0xc3),
            0xc4 => self.len::<1>().and_then(|len| self.bytes(len)).map(Token::Bytes)?,
            0xc5 => self.len::<2>().and_then(|len| self.bytes(len)).map(Token::Bytes)?,
            0xc6 => self.len::<4>().and_then(|len| self.bytes(len)).map(Token::Bytes)?,
            0xca => Token::F32(f32::from_be_bytes(self.array()?)),
            0xcb => Token::F64(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Unsigned(self.number::<1>()?),
            0xcd => Token::Unsigned(self.number::<2>()?),
            0xce => Token::Unsigned(self.number::<4>()?),
            0xcf => Token::Unsigned(self.number::<8>()?),
            0xd0 => Token::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Token::Signed(i64::from_be_bytes(self.array()?)),
            0xd9 => self.len::<1>().and_then(|len| self.bytes(len)).map(Token::Text)?,
            0xda => self.len::<2>().and_then(|len| self.bytes(len)).map(Token::Text)?,
            0xdb => self.len::<4>().and_then(|len| self.bytes(len)).map(Token::Text)?,
            0xdc => Token::List(self.len::<2>()?),
            0xdd => Token::List(self.len::<4>()?),
            0xde => Token::Map(self.len::<2>()?),
            0xdf => Token::Map(self.len::<4>()?),
            0xe0..=0xff => Token::Signed(i64::from(first as i8)),
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => {
                return Err(Error(format!("byte {first:#04x} begins nothing of ours")));
            }
        })
    }

    /// What is inside a list, a map or an enum, one level deeper.
    fn inside<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'de>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth == DEPTH_MAX {
            return Err(Error("it is nested too deep".into()));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error("text that is not UTF-8".into()))
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Nil => visitor.visit_unit(),
            Token::Bool(it) => visitor.visit_bool(it),
            Token::Unsigned(number) => visitor.visit_u64(number),
            Token::Signed(number) => visitor.visit_i64(number),
            Token::F32(number) => visitor.visit_f32(number),
            Token::F64(number) => visitor.visit_f64(number),
            Token::Text(bytes) => visitor.visit_borrowed_str(text(bytes)?),
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::List(left) => self.inside(|reader| {
                let mut items = Items { reader, left };
                let value = visitor.visit_seq(&mut items)?;
                items.all_read().map(|()| value)
            }),
            Token::Map(left) => self.inside(|reader| {
                let mut items = Items { reader, left };
                let value = visitor.visit_map(&mut items)?;
                items.all_read().map(|()| value)
            }),
        }
    }

    /// The name of a field or a variant: compared, never shown.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Text(bytes) | Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Unsigned(number) => visitor.visit_u64(number),
            _ => Err(Error("a name is missing".into())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.rest {
            [0xc0, rest @ ..] => {
                self.rest = rest;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant without content is its name; one with content a map of one.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Text(name) => visitor.visit_enum(BorrowedStrDeserializer::new(text(name)?)),
            Token::Map(1) => self.inside(|reader| visitor.visit_enum(reader)),
            _ => Err(Error("a variant is missing".into())),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct ignored_any
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant = seed.deserialize(&mut *self)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        <()>::deserialize(self)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}

/// What is left of a list or a map.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
}

impl<'de> Items<'_, 'de> {
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// No more than there can be: each takes a byte at least.
    fn likely(&self) -> usize {
        self.left.min(self.reader.rest.len())
    }

    fn all_read(&self) -> Result<(), Error> {
        if self.left == 0 { Ok(()) } else { Err(Error("a list is longer than expected".into())) }
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.likely())
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.likely())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Bare,
        One(u64),
        Pair(i32, String),
        Named { at: u8, on: Option<bool> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Whole {
        kinds: Vec<Kind>,
        texts: Vec<String>,
        signed: Vec<i64>,
        unsigned: Vec<u64>,
        shares: (f32, f64),
        map: BTreeMap<(u32, String), Option<String>>,
        wide: Vec<BTreeMap<u32, ()>>,
        #[serde(default)]
        absent: u8,
    }

    fn whole() -> Whole {
        let edges = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000];
        let lens = [0, 1, 31, 32, 255, 256, 65_535, 65_536];
        Whole {
            kinds: vec![
                Kind::Bare,
                Kind::One(u64::MAX),
                Kind::Pair(-1, "ü".into()),
                Kind::Named { at: 200, on: Some(true) },
                Kind::Named { at: 0, on: None },
            ],
            texts: lens.map(|len| "x".repeat(len)).into(),
            signed: edges.iter().flat_map(|it| [*it, -*it]).chain([i64::MIN, i64::MAX]).collect(),
            unsigned: edges.map(|it| it as u64).into(),
            shares: (0.5, -1e300),
            map: [((7, "k".into()), None), ((8, String::new()), Some("v".into()))].into(),
            wide: [15, 16, 70_000].map(|len| (0..len).map(|key| (key, ())).collect()).into(),
            absent: 0,
        }
    }

    #[test]
    fn what_the_writer_wrote_comes_back() {
        let bytes = rmp_serde::to_vec_named(&whole()).expect("memory takes it");
        assert_eq!(from_slice::<Whole>(&bytes).expect("our own bytes"), whole());
        // A field that this program does not know is passed over, whatever it holds.
        let newer = BTreeMap::from([("texts", whole().texts), ("unknown", vec!["?".into()])]);
        #[derive(Deserialize)]
        struct Older {
            texts: Vec<String>,
        }
        let bytes = rmp_serde::to_vec_named(&newer).expect("memory takes it");
        assert_eq!(from_slice::<Older>(&bytes).expect("names are enough").texts, whole().texts);
    }

    #[test]
    fn what_is_cut_or_garbled_is_refused_and_nothing_panics() {
        let small = Kind::Named { at: 1, on: Some(false) };
        let bytes = rmp_serde::to_vec_named(&small).expect("memory takes it");
        for cut in 0..bytes.len() {
            assert!(from_slice::<Kind>(&bytes[..cut]).is_err());
        }
        assert!(from_slice::<Kind>(&[&bytes[..], &[0xc0]].concat()).is_err(), "one too many");
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let noise: Vec<u8> = (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 33) as u8
                })
                .collect();
            let _ = from_slice::<serde_json::Value>(&noise);
            let _ = from_slice::<Whole>(&noise);
        }
        assert!(from_slice::<serde_json::Value>(&[0x91; 100_000]).is_err(), "too deep");
        assert!(from_slice::<Vec<u8>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err(), "too long");
    }
}
