//! Where the secrets of a value stand, by the marks of its schema: `x-secret`, `writeOnly`.
//!
//! What is journaled has a reference in such a place, and what an agent gets has the value. So one
//! schema is asked in two forms: *sealed*, where every part that is marked takes a reference, and
//! as it was written.
//!
//! A place that any form of an `anyOf` marks is secret. So a mark may only stand where it can be
//! told which places it means: below `patternProperties`, `not` or `contains` it is refused.

use super::form::{self, is_secret};
use crate::port::schemas::{Mismatch, Schema, Schemas, below};
use crate::secret::Reference;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Below these nobody could say which places a mark means.
const UNTOLD: [&str; 9] = [
    "additionalItems",
    "contains",
    "dependentSchemas",
    "if",
    "not",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// The marks of one schema that has some.
pub(super) struct Marks {
    root: Value,
    sealed: Box<dyn Schema>,
}

impl Marks {
    /// The marks of a schema, if it has any; `normal` is its normal form.
    ///
    /// # Errors
    /// One stands where it cannot be told what it means.
    pub(super) fn of(
        root: &Value,
        normal: &Value,
        port: &dyn Schemas,
    ) -> Result<Option<Marks>, String> {
        if !is_marked(normal)? {
            return Ok(None);
        }
        Ok(Some(Marks { root: root.clone(), sealed: port.compile(&sealed(root))? }))
    }

    /// Whether every secret of a value is a reference, and the rest is what the schema asks for.
    ///
    /// # Errors
    /// The first place where it is not. Of what stands in the place of a secret nothing is told.
    pub(super) fn check(&self, value: &Value) -> Result<(), Mismatch> {
        for path in self.places(value) {
            let said = value.pointer(&path).unwrap_or(&Value::Null);
            if !said.is_null() && Reference::of(said).is_none() {
                let wanted = "a secret by its name, {\"$secret\": \"env:NAME\"}".to_owned();
                return Err(Mismatch { path, wanted, given: "something else".into() });
            }
        }
        self.sealed.check(value)
    }

    /// JSON pointers to the secrets of a value.
    pub(super) fn places(&self, value: &Value) -> BTreeSet<String> {
        places(&self.root, value)
    }
}

/// JSON pointers to the secrets of a value, by the marks of a sound schema.
pub(super) fn places(root: &Value, value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    Walk { root }.visit(root, value, "", &mut Vec::new(), &mut found);
    found
}

/// Through a schema and a value together.
struct Walk<'r> {
    root: &'r Value,
}

impl Walk<'_> {
    /// `within`: references that were followed to this place of the value, so that one which leads
    /// to itself ends.
    fn visit<'a>(
        &'a self,
        schema: &'a Value,
        value: &Value,
        path: &str,
        within: &mut Vec<&'a str>,
        found: &mut BTreeSet<String>,
    ) {
        if is_secret(schema) {
            found.insert(path.to_owned());
            return;
        }
        let Value::Object(said) = schema else { return };
        if let Some(to) = said.get("$ref").and_then(Value::as_str)
            && !within.contains(&to)
            && let Some(target) = form::pointed(self.root, to)
        {
            within.push(to);
            self.visit(target, value, path, within, found);
            within.pop();
        }
        let several = ["allOf", "anyOf", "oneOf"].iter().filter_map(|word| said.get(*word));
        let several = several.filter_map(Value::as_array).flatten();
        let perhaps = ["then", "else"].iter().filter_map(|word| said.get(*word));
        for part in several.chain(perhaps) {
            self.visit(part, value, path, within, found);
        }
        match value {
            Value::Object(fields) => self.fields(said, fields, path, found),
            Value::Array(items) => self.items(said, items, path, found),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fields(
        &self,
        said: &Map<String, Value>,
        fields: &Map<String, Value>,
        path: &str,
        found: &mut BTreeSet<String>,
    ) {
        let named = said.get("properties").and_then(Value::as_object);
        for (name, field) in fields {
            let own = named.and_then(|it| it.get(name));
            if let Some(schema) = own.or_else(|| said.get("additionalProperties")) {
                self.visit(schema, field, &below(path, name), &mut Vec::new(), found);
            }
        }
    }

    fn items(
        &self,
        said: &Map<String, Value>,
        items: &[Value],
        path: &str,
        found: &mut BTreeSet<String>,
    ) {
        let first = said.get("prefixItems").or_else(|| said.get("items"));
        let first = first.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = said.get("items").filter(|it| it.is_object());
        for (place, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(place).or(rest) {
                self.visit(schema, item, &format!("{path}/{place}"), &mut Vec::new(), found);
            }
        }
    }
}

/// Whether a schema in normal form marks anything.
pub(super) fn is_marked(schema: &Value) -> Result<bool, String> {
    if is_secret(schema) {
        return Ok(true);
    }
    let Value::Object(said) = schema else { return Ok(false) };
    let mut is_any = false;
    for (word, part) in said {
        let parts = form::parts(word, part);
        for part in parts {
            let is_marked = is_marked(part)?;
            if is_marked && UNTOLD.contains(&word.as_str()) {
                return Err(format!(
                    "a mark of secrecy stands below `{word}`, where it cannot be told which \
                     fields it means; name them under `properties`"
                ));
            }
            is_any |= is_marked;
        }
    }
    Ok(is_any)
}

/// The schema of what is journaled: each part that is marked takes an object, of which the marks
/// say that it is a reference, or nothing where it may be nothing.
fn sealed(schema: &Value) -> Value {
    let Value::Object(said) = schema else { return schema.clone() };
    if is_secret(schema) {
        let is_text = said.get("type").is_some_and(|it| *it == json!("string"));
        return if is_text {
            json!({ "type": "object" })
        } else {
            json!({ "type": ["object", "null"] })
        };
    }
    let word = |(word, value): (&String, &Value)| {
        let value = match value {
            value if form::parts(word, value).is_empty() => value.clone(),
            Value::Array(parts) => parts.iter().map(sealed).collect(),
            Value::Object(parts) if form::is_named(word) => {
                Value::Object(parts.iter().map(|(name, it)| (name.clone(), sealed(it))).collect())
            }
            value => sealed(value),
        };
        (word.clone(), value)
    };
    Value::Object(said.iter().map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::super::form::normal;
    use super::*;

    /// Takes everything: what is asked here is where the marks stand.
    struct Anything;

    impl Schemas for Anything {
        fn compile(&self, _: &Value) -> Result<Box<dyn Schema>, String> {
            Ok(Box::new(Anything))
        }
    }

    impl Schema for Anything {
        fn check(&self, _: &Value) -> Result<(), Mismatch> {
            Ok(())
        }
    }

    fn marks(schema: &Value) -> Result<Option<Marks>, String> {
        Marks::of(schema, &normal(schema)?, &Anything)
    }

    fn places(schema: &Value, value: &Value) -> Vec<String> {
        let marks = marks(schema).expect("its marks can be told").expect("it has some");
        marks.places(value).into_iter().collect()
    }

    #[test]
    fn marks_are_found_through_all_that_leads_to_them() {
        let schema = json!({
            "properties": {
                "key": { "type": "string", "x-secret": true },
                "logins": { "type": "array", "items": { "$ref": "#/$defs/login" } },
                "either": { "anyOf": [{ "$ref": "#/$defs/key" }, { "type": "null" }] },
                "pair": { "prefixItems": [true, { "$ref": "#/$defs/key" }] },
                "env": { "additionalProperties": { "writeOnly": true }, "properties": { "a": {} } },
                "x-secret": { "type": "boolean" },
            },
            "$defs": {
                "key": { "type": "string", "writeOnly": true },
                "login": { "properties": {
                    "password": { "$ref": "#/$defs/key" },
                    "next": { "$ref": "#/$defs/login" },
                } },
            },
        });
        let value = json!({
            "key": 1, "other": 1, "x-secret": true, "either": 1, "pair": [1, 2, 3],
            "logins": [{ "password": 1, "next": { "password": 1, "name": 2 } }],
            "env": { "a": 1, "b": 2 },
        });
        let expected = [
            "/either",
            "/env/b",
            "/key",
            "/logins/0/next/password",
            "/logins/0/password",
            "/pair/1",
        ];
        assert_eq!(places(&schema, &value), expected);
    }

    #[test]
    fn a_reference_that_leads_to_itself_ends() {
        let schema = json!({
            "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }],
            "$defs": { "a": { "anyOf": [
                { "$ref": "#/$defs/a" },
                { "properties": { "key": { "x-secret": true } } } ] } },
        });
        assert_eq!(places(&schema, &json!({ "key": 1 })), ["/key"]);
    }

    #[test]
    fn only_a_reference_may_stand_in_a_marked_place_and_nothing_of_it_is_told() {
        let schema = json!({ "properties": { "key": { "type": "string", "x-secret": true } } });
        let marks = marks(&schema).expect("sound").expect("it has some");
        assert!(marks.check(&json!({ "key": { "$secret": "env:TOKEN" } })).is_ok());
        assert!(marks.check(&json!({ "key": null, "other": "canary" })).is_ok());
        for plain in
            [json!("canary"), json!(4711), json!({ "$secret": "canary" }), json!(["canary"])]
        {
            let why = marks.check(&json!({ "key": plain })).expect_err("plain");
            assert_eq!(why.path, "/key");
            let why = why.to_string();
            assert!(!why.contains("canary") && !why.contains("4711"), "{why}");
        }
    }

    #[test]
    fn where_a_mark_cannot_be_told_it_is_refused() {
        let key = json!({ "$ref": "#/$defs/key" });
        for schema in [
            json!({ "patternProperties": { "^s": key } }),
            json!({ "not": { "properties": { "a": key } } }),
            json!({ "items": { "contains": key } }),
        ] {
            let mut schema = schema;
            schema["$defs"] = json!({ "key": { "x-secret": true } });
            let why = marks(&schema).err().expect("refused");
            assert!(why.contains("mark of secrecy"), "{why}");
        }
        assert!(marks(&json!({ "properties": { "x-secret": true } })).is_ok_and(|it| it.is_none()));
    }

    #[test]
    fn sealed_a_part_that_is_marked_takes_a_reference_and_the_rest_is_as_it_was() {
        let schema = json!({
            "type": "object", "required": ["key"],
            "properties": {
                "key": { "type": "string", "minLength": 9, "x-secret": true },
                "or": { "type": ["string", "null"], "writeOnly": true },
                "n": { "type": "integer", "enum": [1, 2] },
            },
        });
        let expected = json!({
            "type": "object", "required": ["key"],
            "properties": {
                "key": { "type": "object" },
                "or": { "type": ["object", "null"] },
                "n": { "type": "integer", "enum": [1, 2] },
            },
        });
        assert_eq!(sealed(&schema), expected);
    }
}
