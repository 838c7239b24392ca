//! JSON schemas, by the crate `jsonschema`.
//!
//! Why not our own? Six drafts, references and dozens of words, each with its corners: the crate
//! passes the public test suite. It is built without anything that fetches or reads files, patterns
//! run in linear time, and what an answer says to people is ours.

mod words;

use jsonschema::{PatternOptions, Validator};
use runtime::port::schemas::{Mismatch, Schema, Schemas};
use serde_json::Value;

/// Memory that one pattern of a schema may take when it is compiled.
const PATTERN_MAX_BYTES: usize = 1 << 20;

/// Understands JSON schemas of draft 4 to 2020-12; the latest unless `$schema` says another.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonSchemas;

struct Compiled(Validator);

impl Schemas for JsonSchemas {
    fn compile(&self, schema: &Value) -> Result<Box<dyn Schema>, String> {
        let patterns = PatternOptions::regex().size_limit(PATTERN_MAX_BYTES);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        match options.build(schema) {
            Ok(validator) => Ok(Box::new(Compiled(validator))),
            Err(why) => Err(words::unfit(&why)),
        }
    }
}

impl Schema for Compiled {
    fn check(&self, value: &Value) -> Result<(), Mismatch> {
        self.0.validate(value).map_err(|why| words::mismatch(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(schema: &Value, value: &Value) -> Option<String> {
        let schema = JsonSchemas.compile(schema).expect("a schema");
        schema.check(value).err().map(|it| it.to_string())
    }

    fn files() -> Value {
        json!({
            "type": "object", "required": ["files"], "additionalProperties": false,
            "properties": {
                "files": { "type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["path"], "properties": {
                        "path": { "type": "string", "minLength": 1, "pattern": "^[a-z]" },
                        "lines": { "type": ["integer", "null"], "minimum": 1, "maximum": 99 },
                        "kind": { "enum": ["code", "prose"] },
                        "by": { "anyOf": [
                            { "type": "string" },
                            { "type": "object", "required": ["name"] } ] },
                    },
                } },
            },
        })
    }

    #[test]
    fn the_place_what_was_wanted_and_what_was_given() {
        for (value, wanted) in [
            (json!([]), "wanted an object, was given a list of 0"),
            (json!({}), "at /files: wanted something, was given nothing"),
            (json!({ "files": [] }), "at /files: wanted at least 1 items, was given a list of 0"),
            (
                json!({ "files": [{ "path": "a" }], "a/b": 1 }),
                "at /a~1b: wanted no such field, was given one",
            ),
        ] {
            assert_eq!(said(&files(), &value).as_deref(), Some(wanted), "{value}");
        }
    }

    #[test]
    fn of_a_text_no_more_than_its_length_is_told() {
        let of = |file: Value| said(&files(), &json!({ "files": [file] }));
        let good = json!({ "path": "a", "lines": null, "kind": "code", "by": "me" });
        assert_eq!(of(good), None);
        for (file, path, wanted, given) in [
            (json!({ "path": 3 }), "path", "a text", "the number 3"),
            (json!({ "path": "" }), "path", "at least 1 characters", "a text of 0 characters"),
            (
                json!({ "path": "A/b" }),
                "path",
                "a text that matches ^[a-z]",
                "a text of 3 characters",
            ),
            (json!({ "path": "a", "lines": 0 }), "lines", "at least 1", "the number 0"),
            (
                json!({ "path": "a", "lines": "1" }),
                "lines",
                "null or an integer",
                "a text of 1 characters",
            ),
            (
                json!({ "path": "a", "kind": "cod" }),
                "kind",
                "one of \"code\", \"prose\"",
                "a text of 3 characters",
            ),
            (json!({ "path": "a", "by": {} }), "by/name", "something", "nothing"),
            (json!({ "path": "a", "by": 1 }), "by", "a text, or an object", "the number 1"),
        ] {
            let wanted = format!("at /files/0/{path}: wanted {wanted}, was given {given}");
            assert_eq!(of(file.clone()), Some(wanted), "{file}");
        }
    }

    #[test]
    fn what_is_no_schema_is_told_with_its_place() {
        let why = JsonSchemas.compile(&json!({ "properties": { "a": { "type": "text" } } }));
        let why = why.err().expect("there is no such type");
        assert!(why.contains("/properties/a/type"), "{why}");
        assert!(JsonSchemas.compile(&json!({ "pattern": "(" })).is_err());
        assert!(JsonSchemas.compile(&json!({ "$ref": "https://example.com/a.json" })).is_err());
    }

    /// With a backtracking engine this takes longer than anybody waits.
    #[test]
    fn no_pattern_takes_more_than_linear_time() {
        let text = format!("{}!", "a".repeat(50_000));
        assert!(said(&json!({ "pattern": "^(a+)+$" }), &json!(text)).is_some());
    }
}
