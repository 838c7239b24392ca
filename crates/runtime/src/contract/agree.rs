//! When two schemas of one thing agree.
//!
//! They agree if they want the same type wherever both say one, require the same fields, name no
//! field that the other forbids, mark the same fields secret, and say the same by each word that
//! both use. What only one says is no disagreement: values are checked against both.
//!
//! Why not equality? A schema derived from a Rust type says more (`minimum: 0` of a `u32`) than one
//! written by hand, and means the same. Why not "accepts less"? That cannot be decided for schemas
//! in general, and nobody could say in a line why two do not meet.

use crate::port::schemas::below;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Words that are compared by what they say about fields, not as they stand.
const ABOUT_FIELDS: [&str; 3] = ["additionalProperties", "properties", "required"];

/// Where two schemas do not agree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// The field: `/files/*/path`; `*` is any item. Empty for the whole value.
    pub(crate) path: String,
    /// About what: `type`.
    pub(crate) word: String,
    /// What the one says,
    pub(crate) one: String,
    /// and the other.
    pub(crate) other: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { path, word, one, other } = self;
        let path = if path.is_empty() { "the whole" } else { path };
        write!(f, "at {path} the `{word}` is {one} here and {other} there")
    }
}

/// Compares two schemas in normal form.
pub(crate) fn agree(one: &Value, other: &Value) -> Result<(), Disagreement> {
    at("", one, other)
}

fn at(path: &str, one: &Value, other: &Value) -> Result<(), Disagreement> {
    let takes = |it: &Value| if *it == Value::Bool(false) { "nothing" } else { "something" };
    if takes(one) != takes(other) {
        return Err(disagree(path, "schema", takes(one), takes(other)));
    }
    secrecy(path, one, other)?;
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        return Ok(()); // One of them says nothing more.
    };
    fields(path, one, other)?;
    for (word, here) in one {
        if let Some(there) = other.get(word)
            && !ABOUT_FIELDS.contains(&word.as_str())
        {
            said(path, word, here, there)?;
        }
    }
    Ok(())
}

/// One word that both use.
fn said(path: &str, word: &str, here: &Value, there: &Value) -> Result<(), Disagreement> {
    match (word, here, there) {
        ("items" | "contains", Value::Object(_) | Value::Bool(_), _) => {
            at(&format!("{path}/*"), here, there)
        }
        ("prefixItems" | "items", Value::Array(here), Value::Array(there)) => {
            let mut pairs = here.iter().zip(there).enumerate();
            pairs.try_for_each(|(place, (here, there))| at(&format!("{path}/{place}"), here, there))
        }
        _ if here == there => Ok(()),
        _ => Err(disagree(path, word, here, there)),
    }
}

/// What an object has: each field that both name must agree, and no side may ask for a field that
/// the other lets out or forbids.
fn fields(
    path: &str,
    one: &Map<String, Value>,
    other: &Map<String, Value>,
) -> Result<(), Disagreement> {
    let speaks = |it: &Map<String, Value>| ABOUT_FIELDS.iter().any(|word| it.contains_key(*word));
    if !speaks(one) || !speaks(other) {
        return Ok(());
    }
    let (here, there) = (required(one), required(other));
    if let Some(field) = here.symmetric_difference(&there).next() {
        let say = |set: &BTreeSet<&str>| if set.contains(field) { "true" } else { "false" };
        return Err(disagree(&below(path, field), "required", say(&here), say(&there)));
    }
    let (here, there) = (properties(one), properties(other));
    for name in [here, there].into_iter().flatten().flat_map(Map::keys) {
        match (here.and_then(|it| it.get(name)), there.and_then(|it| it.get(name))) {
            (Some(here), Some(there)) => at(&below(path, name), here, there)?,
            (Some(_), None) if is_closed(other) => {
                return Err(disagree(&below(path, name), "properties", "there", "forbidden"));
            }
            (None, Some(_)) if is_closed(one) => {
                return Err(disagree(&below(path, name), "properties", "forbidden", "there"));
            }
            _ => {}
        }
    }
    match (one.get("additionalProperties"), other.get("additionalProperties")) {
        (Some(here @ Value::Object(_)), Some(there @ Value::Object(_))) => {
            at(&format!("{path}/*"), here, there)
        }
        _ => Ok(()),
    }
}

/// What is secret for one and open for the other would be shown by the other.
fn secrecy(path: &str, one: &Value, other: &Value) -> Result<(), Disagreement> {
    let (here, there) = (super::is_secret(one), super::is_secret(other));
    match here == there {
        true => Ok(()),
        false => Err(disagree(path, "x-secret", here, there)),
    }
}

fn required(schema: &Map<String, Value>) -> BTreeSet<&str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn properties(schema: &Map<String, Value>) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn is_closed(schema: &Map<String, Value>) -> bool {
    schema.get("additionalProperties") == Some(&Value::Bool(false))
        && !schema.contains_key("patternProperties")
}

fn disagree(path: &str, word: &str, one: impl ToString, other: impl ToString) -> Disagreement {
    let (path, word) = (path.to_owned(), word.to_owned());
    Disagreement { path, word, one: one.to_string(), other: other.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::form::normal;
    use super::*;
    use serde_json::json;

    fn verdict(one: &Value, other: &Value) -> Option<String> {
        let (one, other) = (normal(one).expect("a schema"), normal(other).expect("a schema"));
        let there = agree(&one, &other).err().map(|why| format!("{} {}", why.path, why.word));
        let back = agree(&other, &one).err().map(|why| format!("{} {}", why.path, why.word));
        assert_eq!(there.is_some(), back.is_some(), "it is the same seen from both sides");
        there
    }

    #[test]
    fn what_only_one_says_is_no_disagreement() {
        let by_hand = json!({ "type": "object", "required": ["n"],
            "properties": { "n": { "type": "integer" } } });
        let derived = json!({ "type": "object", "required": ["n"], "title": "Count",
            "properties": { "n": { "type": "integer", "minimum": 0, "format": "uint32" },
                "note": { "type": ["string", "null"] } } });
        assert_eq!(verdict(&by_hand, &derived), None);
        assert_eq!(verdict(&by_hand, &json!(true)), None);
        assert_eq!(verdict(&by_hand, &json!({ "type": "object" })), None);
    }

    #[test]
    fn the_field_that_differs_is_named() {
        let one = json!({ "type": "object", "required": ["files"], "properties": {
            "files": { "type": "array", "items": { "properties": { "a/b": { "type": "string" },
                "key": { "type": "string", "x-secret": true } } } } } });
        let with = |pointer: &str, value: Value| {
            let mut other = one.clone();
            *other.pointer_mut(pointer).expect("it stands there") = value;
            verdict(&one, &other)
        };
        let items = "/properties/files/items";
        let said = with(&format!("{items}/properties/a~1b/type"), json!("integer"));
        assert_eq!(said.as_deref(), Some("/files/*/a~1b type"));
        let said = with(&format!("{items}/properties/key/x-secret"), json!(false));
        assert_eq!(said.as_deref(), Some("/files/*/key x-secret"));
        let said = with("/required", json!([]));
        assert_eq!(said.as_deref(), Some("/files required"));
        let closed = json!({ "properties": {}, "additionalProperties": false });
        assert_eq!(with(items, closed).as_deref(), Some("/files/*/a~1b properties"));
        assert_eq!(with("/properties/files", json!(false)).as_deref(), Some("/files schema"));
    }
}
