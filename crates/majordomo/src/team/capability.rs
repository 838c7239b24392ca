//! The name of something that can be asked for: `"code.review@2"` → name and version.

use kernel::Versions;
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

/// What a step asks for: a capability, and which versions of it will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As that of a [`Capability`].
    pub name: String,
    /// One, unless the text says that others will do.
    pub versions: Versions,
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
    /// The same, where a range will do.
    #[error(
        "write the version as a whole number from 1, as in `code.review@2`, or which will do: \
         `code.review@1-3`, `code.review@2-`, `code.review@>=1, <3`"
    )]
    Versions,
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

impl Asked {
    /// Reads `name`, `name@version` or `name@range`; the name alone is version 1.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, said) = text.split_once('@').unwrap_or((text, "1"));
        let Capability { name, .. } = Capability::parse(name)?;
        let read = runtime::api::asked(text).map_err(|_| Error::Versions);
        let versions = if said == "1" { Versions::exactly(1) } else { read?.1 };
        if versions.max == 0 || said.starts_with('0') {
            return Err(Error::Versions);
        }
        Ok(Asked { name, versions })
    }

    /// Whether this will do.
    #[must_use]
    pub fn takes(&self, capability: &Capability) -> bool {
        self.name == capability.name && self.versions.contains(capability.version)
    }
}

impl From<Capability> for Asked {
    fn from(Capability { name, version }: Capability) -> Asked {
        Asked { name, versions: Versions::exactly(version) }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Versions { min, max } = self.versions;
        match (min, max) {
            (min, max) if min == max => write!(f, "{}@{min}", self.name),
            (min, u32::MAX) => write!(f, "{}@{min}-", self.name),
            (min, max) => write!(f, "{}@{min}-{max}", self.name),
        }
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
    fn a_step_may_take_several_versions() {
        for (text, wanted) in [
            ("code.review", Ok("code.review@1")),
            ("a@2", Ok("a@2")),
            ("a@^2", Ok("a@2")),
            ("a@1-3", Ok("a@1-3")),
            ("a@2-", Ok("a@2-")),
            ("a@>=1, <3", Ok("a@1-2")),
            ("A@2", Err(Error::Name)),
            ("a@", Err(Error::Versions)),
            ("a@0", Err(Error::Versions)),
            ("a@3-1", Err(Error::Versions)),
            ("a@b", Err(Error::Versions)),
        ] {
            let read = Asked::parse(text).map(|asked| asked.to_string());
            assert_eq!(read.as_deref().map_err(|error| *error), wanted, "{text}");
        }
        let asked = Asked::parse("a@2-").expect("a range");
        let served = |text| Capability::parse(text).expect("a capability");
        let takes = ["a", "a@2", "a@9", "b@2"].map(|it| asked.takes(&served(it)));
        assert_eq!(takes, [false, true, true, false]);
    }

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
