//! What a JSON schema means: it is compiled once and asked often.

use serde_json::Value;
use std::fmt;

/// Understands JSON schemas. Those that it is given are within limits already, and refer to nothing
/// outside themselves; see [`crate::contract`].
pub trait Schemas: Send + Sync + 'static {
    /// Makes a schema ready to be asked.
    ///
    /// # Errors
    /// It is no schema; in words for people.
    fn compile(&self, schema: &Value) -> Result<Box<dyn Schema>, String>;
}

/// One schema, ready to be asked.
pub trait Schema: Send + Sync {
    /// Whether a value is what it asks for.
    ///
    /// # Errors
    /// The first place where it is not.
    fn check(&self, value: &Value) -> Result<(), Mismatch>;
}

/// Where a value is not what a schema asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// A JSON pointer to it, `/files/0/path`; empty for the whole value.
    pub path: String,
    /// What is wanted there: `text`.
    pub wanted: String,
    /// What stands there, `a list`: what it is, and not in full, since it may be large or private.
    pub given: String,
}

/// The JSON pointer to a field of what stands at `path`.
#[must_use]
pub fn below(path: &str, field: &str) -> String {
    format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"))
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { path, wanted, given } = self;
        match path.as_str() {
            "" => write!(f, "wanted {wanted}, was given {given}"),
            path => write!(f, "at {path}: wanted {wanted}, was given {given}"),
        }
    }
}
