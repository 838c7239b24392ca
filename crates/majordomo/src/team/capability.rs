//! The name of something that can be asked for: `"code.review@2"` → name and version.

use std::fmt;

/// Longer names are mistakes.
const NAME_MAX_BYTES: usize = 128;

/// A capability as a team file writes it. Without `@N` it is version 1, for those who ask and those
/// who serve alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability {
    /// Words of lower-case letters, digits, `_` and `-`, separated by points.
    pub name: String,
    /// From 1; another number is another contract.
    pub version: u32,
}

/// Why a text names no capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The part before `@`.
    #[error("write words of a-z, 0-9, `_` and `-` with points between them, as in `code.review`")]
    Name,
    /// The part after `@`.
    #[error("write the version as a whole number from 1, as in `code.review@2`")]
    Version,
}

impl Capability {
    /// Reads `name` or `name@version`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        if name.len() > NAME_MAX_BYTES || !name.split('.').all(word) {
            return Err(Error::Name);
        }
        let version = match version {
            None => 1,
            Some(digits) if digits.starts_with(|c: char| ('1'..='9').contains(&c)) => {
                digits.parse().map_err(|_| Error::Version)?
            }
            Some(_) => return Err(Error::Version),
        };
        Ok(Self { name: name.to_owned(), version })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        for (text, wanted) in [
            ("code.review", Ok("code.review@1")),
            ("a@2", Ok("a@2")),
            ("text.word-count_2@10", Ok("text.word-count_2@10")),
            ("", Err(Error::Name)),
            ("Code.review", Err(Error::Name)),
            ("code..review", Err(Error::Name)),
            ("code.review.", Err(Error::Name)),
            ("a b", Err(Error::Name)),
            ("a@", Err(Error::Version)),
            ("a@0", Err(Error::Version)),
            ("a@1@2", Err(Error::Version)),
            ("a@99999999999", Err(Error::Version)),
        ] {
            let read = Capability::parse(text).map(|capability| capability.to_string());
            assert_eq!(read.as_deref().map_err(|error| *error), wanted, "{text}");
        }
        assert_eq!(Capability::parse(&"a".repeat(129)), Err(Error::Name));
    }
}
