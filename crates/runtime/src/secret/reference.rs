//! The name of a secret, as it stands in inputs, in team files and in the journal.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The one field of a reference: `{"$secret": "env:GITHUB_TOKEN"}`.
pub const FIELD: &str = "$secret";
/// The longest name.
const NAME_MAX_BYTES: usize = 128;

/// Names a secret and is none: it may be read by everybody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    source: Source,
    name: Box<str>,
}

/// Where a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A variable of the environment: `env:GITHUB_TOKEN`.
    Env,
    /// A file in the directory that the operator has named for this: `file:deploy-key`.
    File,
}

/// Why a text names no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is named by `env:NAME` (letters, digits and `_`) or `file:NAME` (also `-` and `.`, \
     not first), by at most {NAME_MAX_BYTES} characters"
)]
pub struct NoReference;

impl Reference {
    /// A variable of the environment.
    ///
    /// # Errors
    /// No variable has such a name.
    pub fn env(name: &str) -> Result<Reference, NoReference> {
        Reference::new(Source::Env, name)
    }

    /// A file in the operator's directory of secrets: a name, and no path.
    ///
    /// # Errors
    /// It is more than a name.
    pub fn file(name: &str) -> Result<Reference, NoReference> {
        Reference::new(Source::File, name)
    }

    fn new(source: Source, name: &str) -> Result<Reference, NoReference> {
        let fits = |byte: u8| match source {
            Source::Env => byte.is_ascii_alphanumeric() || byte == b'_',
            Source::File => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        };
        let begins = |byte: u8| match source {
            Source::Env => !byte.is_ascii_digit(),
            Source::File => byte != b'.' && byte != b'-',
        };
        let first = name.as_bytes().first();
        let is_name = first.is_some_and(|it| begins(*it)) && name.bytes().all(fits);
        match is_name && name.len() <= NAME_MAX_BYTES {
            true => Ok(Reference { source, name: name.into() }),
            false => Err(NoReference),
        }
    }

    /// The reference that a value is, if it is one and nothing else.
    #[must_use]
    pub fn of(value: &Value) -> Option<Reference> {
        match value.as_object()?.iter().next()? {
            (field, Value::String(text)) if field == FIELD && value.as_object()?.len() == 1 => {
                text.parse().ok()
            }
            _ => None,
        }
    }

    /// As it stands in an input.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(Map::from_iter([(FIELD.to_owned(), self.to_string().into())]))
    }

    /// Where it is kept.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Its name there.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Env => "env",
            Source::File => "file",
        };
        write!(f, "{source}:{}", self.name)
    }
}

impl FromStr for Reference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Reference, NoReference> {
        match text.split_once(':') {
            Some(("env", name)) => Reference::env(name),
            Some(("file", name)) => Reference::file(name),
            Some(_) | None => Err(NoReference),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_one_field_and_a_name() {
        for text in ["env:GITHUB_TOKEN", "env:_x1", "file:deploy-key.pem"] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.to_string(), text);
            assert_eq!(Reference::of(&reference.to_value()), Some(reference));
        }
        let long = format!("env:{}", "A".repeat(NAME_MAX_BYTES + 1));
        for text in [
            "",
            "GITHUB_TOKEN",
            "env:",
            "env:1A",
            "env:A-B",
            "file:../etc/passwd",
            "file:a/b",
            "file:.netrc",
            "file:-x",
            "vault:a",
            "ENV:A",
            &long,
        ] {
            assert_eq!(text.parse::<Reference>(), Err(NoReference), "{text}");
        }
        for value in [
            json!("env:A"),
            json!({ "$secret": "env:A", "more": 1 }),
            json!({ "$secret": ["env:A"] }),
            json!({ "secret": "env:A" }),
            json!({}),
            json!(null),
        ] {
            assert_eq!(Reference::of(&value), None, "{value}");
        }
    }
}
