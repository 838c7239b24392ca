//! The JSON schema of the team file: the structs of `file` → what editors complete with and what
//! the shape check walks.
//!
//! Point an editor at it with `#:schema https://…/docs/team.schema.json` in the first line, or
//! print it with `majordomo check --schema`.

use std::sync::OnceLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value as Json;

use super::file::TeamFile;

/// The schema, made once. Nothing in it refers to anything else, so that every reader can walk it.
pub fn schema() -> &'static Json {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<TeamFile>();
        RecursiveTransform(close).transform(&mut schema);
        schema.insert("title".to_owned(), "A Majordomo team".into());
        schema.to_value()
    })
}

/// The schema as the published file has it, with a newline at its end.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(schema()).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// A table with known fields takes no others: a misspelt field that is ignored would be the worst
/// mistake. TOML has no null, and the width of our integers is no business of an editor.
fn close(schema: &mut Schema) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), Json::Bool(false));
    }
    schema.remove("format");
    // Where a comment breaks its lines is no business of an editor either.
    if let Some(Json::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.retain(|each| each != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}
