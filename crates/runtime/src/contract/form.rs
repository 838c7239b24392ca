//! The form of a schema: within limits, alone, and without what only people read.

use crate::bounds::{SCHEMA_DEPTH_MAX, SCHEMA_MAX_BYTES, SCHEMA_NODES_MAX};
use serde_json::{Map, Number, Value};

/// What says nothing about values.
const ANNOTATIONS: [&str; 12] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "default",
    "definitions",
    "deprecated",
    "description",
    "examples",
    "readOnly",
    "title",
];
/// Where a schema has one schema,
const ONE: [&str; 11] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// a list of them,
const SEVERAL: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// or one for each name.
const NAMED: [&str; 3] = ["dependentSchemas", "patternProperties", "properties"];
/// References that depend on who reads the schema.
const ELSEWHERE: [&str; 3] = ["$dynamicRef", "$recursiveRef", "$vocabulary"];

/// The schema in normal form: each local reference replaced by what it names, or by how far above
/// it stands where it refers to itself; no annotations; sets in order. Two schemas with one normal
/// form ask for the same.
///
/// # Errors
/// It is too large or too deep, refers to something outside, or is no schema.
pub(crate) fn normal(schema: &Value) -> Result<Value, String> {
    let bytes = serde_json::to_vec(schema).map_err(|why| why.to_string())?.len();
    if bytes > SCHEMA_MAX_BYTES {
        return Err(format!("it has {bytes} bytes; at most {SCHEMA_MAX_BYTES}"));
    }
    let mut form = Form { root: schema, within: vec!["#".to_owned()], nodes: 0 };
    form.of(schema, 0)
}

/// Whether a schema in normal form says no more than a Rust type does: a value that was written
/// from the type needs no look.
pub(crate) fn is_shape_only(schema: &Value) -> bool {
    let Value::Object(said) = schema else { return true };
    let format = said.get("format").and_then(Value::as_str).unwrap_or_default();
    let range = match format {
        "uint8" => (0, Some(255)),
        "uint16" => (0, Some(65_535)),
        "int8" => (-128, Some(127)),
        "int16" => (-32_768, Some(32_767)),
        _ => (0, None),
    };
    said.iter().all(|(word, value)| match (word.as_str(), value) {
        ("$ref" | "const" | "enum" | "format" | "required" | "type" | "uniqueItems", _) => true,
        ("minimum", value) => format.contains("int") && *value == range.0,
        ("maximum", value) => range.1.is_some_and(|most| *value == most),
        ("minItems" | "maxItems", _) => said.contains_key("prefixItems"),
        ("properties", Value::Object(parts)) => parts.values().all(is_shape_only),
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(parts)) => {
            parts.iter().all(is_shape_only)
        }
        ("additionalProperties" | "items", part) => is_shape_only(part),
        _ => false,
    })
}

/// Whether what it describes is secret.
pub(crate) fn is_secret(schema: &Value) -> bool {
    ["x-secret", "writeOnly"].iter().any(|word| schema.get(word) == Some(&Value::Bool(true)))
}

/// The schemas that stand under a word of a schema, if they do.
pub(super) fn parts<'a>(word: &str, value: &'a Value) -> Vec<&'a Value> {
    match value {
        Value::Array(parts) if SEVERAL.contains(&word) || word == "items" => parts.iter().collect(),
        Value::Object(parts) if is_named(word) => parts.values().collect(),
        value if ONE.contains(&word) => vec![value],
        _ => Vec::new(),
    }
}

/// Whether a word has a schema for each of several names.
pub(super) fn is_named(word: &str) -> bool {
    NAMED.contains(&word) || matches!(word, "$defs" | "definitions")
}

/// What a local reference leads to, if something stands there.
pub(super) fn pointed<'a>(root: &'a Value, to: &str) -> Option<&'a Value> {
    let pointer = to.strip_prefix('#')?;
    root.pointer(&pointer.replace("%25", "%").replace("%7B", "{").replace("%7D", "}"))
}

struct Form<'a> {
    root: &'a Value,
    /// The references whose targets are being written.
    within: Vec<String>,
    nodes: usize,
}

impl Form<'_> {
    fn of(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        self.nodes += 1;
        if self.nodes > SCHEMA_NODES_MAX {
            return Err(format!(
                "it has more than {SCHEMA_NODES_MAX} parts when what it refers to is written out"
            ));
        }
        if depth > SCHEMA_DEPTH_MAX {
            return Err(format!("it is more than {SCHEMA_DEPTH_MAX} deep"));
        }
        let said = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(said) => said,
            _ => return Err(format!("a schema is a table, true or false, and not {schema}")),
        };
        if let Some(word) = ELSEWHERE.iter().find(|word| said.contains_key(**word)) {
            return Err(format!("`{word}` is not taken; write what it refers to, or use `$ref`"));
        }
        if depth > 0 && said.contains_key("$id") {
            return Err("only the whole schema may have an `$id`, and not a part of it".into());
        }
        let mut own = Map::new();
        for (word, value) in said {
            if word != "$ref" && !ANNOTATIONS.contains(&word.as_str()) {
                own.insert(word.clone(), self.word(word, value, depth + 1)?);
            }
        }
        let own = if own.is_empty() { Value::Bool(true) } else { Value::Object(own) };
        match said.get("$ref") {
            None => Ok(own),
            Some(to) => {
                let named = self.target(to, depth + 1)?;
                Ok(if own == Value::Bool(true) { named } else { both(named, own) })
            }
        }
    }

    fn word(&mut self, word: &str, value: &Value, depth: usize) -> Result<Value, String> {
        match value {
            Value::Array(parts) if SEVERAL.contains(&word) || word == "items" => {
                let parts = parts.iter().map(|it| self.of(it, depth));
                let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
                if matches!(word, "allOf" | "anyOf" | "oneOf") {
                    sort(&mut parts);
                }
                Ok(Value::Array(parts))
            }
            Value::Object(parts) if NAMED.contains(&word) => {
                let parts = parts.iter().map(|(name, it)| Ok((name.clone(), self.of(it, depth)?)));
                Ok(Value::Object(parts.collect::<Result<_, String>>()?))
            }
            value if ONE.contains(&word) => self.of(value, depth),
            Value::Array(words) if matches!(word, "type" | "required" | "enum") => {
                let mut words: Vec<Value> = words.iter().map(number).collect();
                sort(&mut words);
                words.dedup();
                match (word, words.as_slice()) {
                    ("type", [only]) => Ok(only.clone()),
                    _ => Ok(Value::Array(words)),
                }
            }
            value => Ok(number(value)),
        }
    }

    fn target(&mut self, to: &Value, depth: usize) -> Result<Value, String> {
        let outside = || format!("`$ref` leads to {to}; only `#` and `#/…` inside it are followed");
        let to = to.as_str().ok_or_else(outside)?;
        if let Some(at) = self.within.iter().rposition(|it| it == to) {
            return Ok(above(self.within.len() - at));
        }
        if !to.starts_with("#/") {
            return Err(outside());
        }
        let target = pointed(self.root, to);
        let target = target.ok_or_else(|| format!("`$ref` leads to {to}, where nothing stands"))?;
        self.within.push(to.to_owned());
        let written = self.of(target, depth);
        self.within.pop();
        written
    }
}

/// A schema that stands so many references above.
fn above(levels: usize) -> Value {
    Value::Object(Map::from_iter([("$ref".to_owned(), format!("^{levels}").into())]))
}

fn both(one: Value, other: Value) -> Value {
    let mut parts = vec![one, other];
    sort(&mut parts);
    Value::Object(Map::from_iter([("allOf".to_owned(), Value::Array(parts))]))
}

/// Any order will do, if it is one.
fn sort(parts: &mut [Value]) {
    parts.sort_by_cached_key(ToString::to_string);
}

/// 1.0 is 1.
fn number(value: &Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 9e15 => {
            Value::Number(Number::from(number as i64))
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_asks_for_the_same_has_one_form() {
        let one = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A file",
            "type": "object", "required": ["b", "a"],
            "properties": { "a": { "$ref": "#/$defs/name" }, "b": { "minimum": 1.0 } },
            "$defs": { "name": { "type": ["string"], "description": "of a file" } },
        });
        let other = json!({
            "type": "object", "required": ["a", "b"],
            "properties": { "a": { "type": "string" }, "b": { "minimum": 1, "default": 2 } },
        });
        assert_eq!(normal(&one), normal(&other));
    }

    #[test]
    fn a_property_may_be_called_like_a_word_of_schemas() {
        let schema = json!({ "properties": { "$ref": { "type": "string" }, "title": true } });
        assert_eq!(normal(&schema).as_ref(), Ok(&schema));
    }

    #[test]
    fn a_tree_refers_to_itself() {
        let tree = json!({
            "$ref": "#/$defs/node",
            "$defs": { "node": { "properties": { "left": { "$ref": "#/$defs/node" } } } },
        });
        let same = json!({ "properties": { "left": { "$ref": "#" } } });
        assert_eq!(normal(&tree), normal(&same));
    }

    #[test]
    fn nothing_outside_is_read() {
        for (schema, word) in [
            (json!({ "$ref": "https://example.com/schema.json" }), "https://example.com"),
            (json!({ "$ref": "file:///etc/passwd" }), "file:///etc/passwd"),
            (json!({ "items": { "$ref": "other.json#/x" } }), "other.json"),
            (json!({ "$ref": "#/$defs/gone" }), "where nothing stands"),
            (json!({ "$dynamicRef": "#node" }), "$dynamicRef"),
            (json!({ "items": { "$id": "https://example.com" } }), "$id"),
            (json!({ "items": 3 }), "a schema is a table"),
        ] {
            let why = normal(&schema).expect_err(word);
            assert!(why.contains(word), "{schema}: {why}");
        }
    }

    #[test]
    fn size_depth_and_what_references_make_of_it_are_limited() {
        let large = json!({ "pattern": "x".repeat(SCHEMA_MAX_BYTES) });
        assert!(normal(&large).is_err_and(|why| why.contains("bytes")));
        let deep = (0..=SCHEMA_DEPTH_MAX).fold(json!(true), |it, _| json!({ "items": it }));
        assert!(normal(&deep).is_err_and(|why| why.contains("deep")));
        // Each is twice the next: two to the power of 20.
        let mut defs = Map::new();
        for at in 0..20 {
            let next = json!({ "$ref": format!("#/$defs/{}", at + 1) });
            defs.insert(at.to_string(), json!({ "prefixItems": [next, next] }));
        }
        defs.insert("20".into(), json!(true));
        let bomb = json!({ "$ref": "#/$defs/0", "$defs": defs });
        assert!(normal(&bomb).is_err_and(|why| why.contains("parts")));
    }
}
