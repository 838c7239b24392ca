//! The tools of a server: as it lists them, those that the team names, and what a call of one
//! gives.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use kernel::Serves;
use runtime::api::serves;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use crate::agent::cut;

/// How much of what a server says of a tool is told to models, in bytes.
const ABOUT_MAX_BYTES: usize = 4_096;

/// How many of the tools that there are a message names.
const TOLD_MAX: usize = 20;

/// A tool that the team names, and the capability that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// As the server calls it.
    pub tool: String,
    /// As tasks ask for it, `name` or `name@version`.
    pub capability: String,
}

/// A tool as its server tells of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) about: Option<String>,
    /// The schema of its arguments.
    pub(super) input: Value,
    /// The schema of what it gives, if it says one.
    pub(super) output: Option<Value>,
}

impl Tool {
    /// From an entry of `tools/list`; nothing where it has no name.
    pub(super) fn of(listed: &Value) -> Option<Self> {
        let text = |field: &str| listed.get(field).and_then(Value::as_str).map(str::to_owned);
        let schema = |field: &str| listed.get(field).filter(|it| it.is_object()).cloned();
        Some(Self {
            name: text("name")?,
            about: text("description")
                .or_else(|| text("title"))
                .filter(|it| !it.is_empty())
                .map(|it| cut(&it, ABOUT_MAX_BYTES)),
            input: schema("inputSchema").unwrap_or_else(|| json!({ "type": "object" })),
            output: schema("outputSchema"),
        })
    }

    /// What a call has given: what is structured as it is, a text as a text, and anything else as
    /// the list of its parts. Nothing is guessed: a text that looks like JSON is a text.
    ///
    /// # Errors
    /// The tool failed, asks back, or gave what it may not give.
    pub(super) fn read(&self, result: Value, said_max_bytes: usize) -> Result<Value, Fault> {
        let tool = || self.name.clone();
        let garbage = |why: &str| Fault::Garbage { tool: tool(), why: why.to_owned() };
        let Value::Object(mut result) = result else { return Err(garbage("it is no table")) };
        match result.get("resultType").and_then(Value::as_str) {
            None | Some("complete") => {}
            Some("input_required") => {
                return Err(Fault::AsksBack {
                    tool: tool(),
                    asked: asked(&result, said_max_bytes),
                });
            }
            Some(other) => return Err(garbage(&format!("it is of the unknown type {other:?}"))),
        }
        let parts = match result.remove("content") {
            Some(Value::Array(parts)) => parts,
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err(garbage("its `content` is no list")),
        };
        let is_error = result.get("isError").and_then(Value::as_bool).unwrap_or_default();
        let structured = result.remove("structuredContent").filter(|it| !it.is_null());
        if is_error {
            let said = match texts(&parts) {
                Some(text) if !text.is_empty() => text,
                _ => structured.unwrap_or(Value::Array(parts)).to_string(),
            };
            return Err(Fault::Failed { tool: tool(), message: cut(&said, said_max_bytes) });
        }
        match (structured, &self.output) {
            (Some(value), _) => Ok(value),
            (None, Some(_)) => Err(garbage("it has an output schema, and nothing structured came")),
            (None, None) if parts.is_empty() => Ok(Value::Null),
            (None, None) => Ok(texts(&parts).map_or(Value::Array(parts), Value::String)),
        }
    }
}

/// The text of parts that are nothing else.
fn texts(parts: &[Value]) -> Option<String> {
    let text = |part: &Value| match part.get("type").and_then(Value::as_str) {
        Some("text") => part.get("text").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    texts.map(|texts| texts.join("\n"))
}

/// What a tool wants to hear before it goes on, in the words of the protocol.
fn asked(result: &Map<String, Value>, said_max_bytes: usize) -> String {
    let requests = result.get("inputRequests").and_then(Value::as_object);
    let methods = requests.into_iter().flatten();
    let methods = methods.filter_map(|(_, it)| it.get("method").and_then(Value::as_str));
    let methods: Vec<&str> = methods.collect();
    if methods.is_empty() { "input".to_owned() } else { cut(methods.join(", "), said_max_bytes) }
}

/// The tools that the team names, each with its capability, out of those that there are.
///
/// # Errors
/// One that is not there.
pub(super) fn chosen(
    server: &str,
    wanted: &[Served],
    there: &BTreeMap<String, Tool>,
) -> Result<Vec<(Serves, Tool)>, Fault> {
    let found = wanted.iter().map(|served| match there.get(&served.tool) {
        Some(tool) => Ok((serves(&served.capability), tool.clone())),
        None => Err(Fault::NoTool {
            server: server.to_owned(),
            tool: served.tool.clone(),
            there: told(&served.tool, there.keys()),
        }),
    });
    found.collect()
}

/// The names that there are, those that begin like the wanted one first.
fn told<'a>(wanted: &str, there: impl Iterator<Item = &'a String>) -> String {
    let alike = |name: &str| {
        let both = wanted.chars().zip(name.chars());
        both.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
    };
    let mut names: Vec<&String> = there.collect();
    names.sort_by_key(|name| (Reverse(alike(name)), *name));
    let more = names.len().saturating_sub(TOLD_MAX);
    let told: Vec<String> =
        names.iter().take(TOLD_MAX).map(|name| format!("`{}`", cut(name.as_str(), 100))).collect();
    match (told.len(), more) {
        (0, _) => "none at all".to_owned(),
        (_, 0) => told.join(", "),
        (_, more) => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(output: Option<Value>) -> Tool {
        Tool { output, ..Tool::of(&json!({ "name": "t" })).unwrap() }
    }

    fn text(text: &str) -> Value {
        json!({ "type": "text", "text": text })
    }

    #[test]
    fn what_is_structured_a_text_and_anything_else() {
        let image = json!({ "type": "image", "data": "aGk=", "mimeType": "image/png" });
        for (result, wanted) in [
            (json!({ "content": [text("[1]")] }), json!("[1]")),
            (json!({ "content": [text("a"), text("b")], "isError": false }), json!("a\nb")),
            (json!({ "content": [text("x")], "structuredContent": { "a": 1 } }), json!({ "a": 1 })),
            (json!({ "content": [text("a"), image] }), json!([text("a"), image])),
            (json!({ "content": [], "resultType": "complete" }), Value::Null),
            (json!({}), Value::Null),
        ] {
            assert_eq!(tool(None).read(result.clone(), 100).unwrap(), wanted, "{result}");
        }
    }

    #[test]
    fn what_it_may_not_give_and_what_it_says_of_its_failure() {
        let schema = Some(json!({ "type": "object" }));
        for (result, output, said) in [
            (json!(3), None, "t gave no result: it is no table"),
            (json!({ "content": 3 }), None, "t gave no result: its `content` is no list"),
            (
                json!({ "content": [text("a")] }),
                schema,
                "t gave no result: it has an output schema",
            ),
            (json!({ "resultType": "task" }), None, "of the unknown type \"task\""),
            (json!({ "content": [text("no disk")], "isError": true }), None, "t failed: no disk"),
            (json!({ "structuredContent": { "a": 1 }, "isError": true }), None, r#"{"a":1}"#),
            (
                json!({ "content": [text(&"é".repeat(90))], "isError": true }),
                None,
                "t failed: éééééééééééééééééééé…",
            ),
            (
                json!({ "resultType": "input_required",
                        "inputRequests": { "who": { "method": "elicitation/create" } } }),
                None,
                "asks for more before it goes on (elicitation/create)",
            ),
        ] {
            let told = tool(output).read(result.clone(), 41).unwrap_err().to_string();
            assert!(told.contains(said), "{result}: {told}");
        }
    }

    #[test]
    fn a_tool_that_is_not_there_is_told_with_those_that_are() {
        let names = ["delete_file", "read_file", "read_files"];
        let tool = |name: &&str| ((*name).to_owned(), Tool::of(&json!({ "name": name })).unwrap());
        let there: BTreeMap<String, Tool> = names.iter().map(tool).collect();
        let wanted = |tool: &str| Served { tool: tool.into(), capability: "a".into() };
        assert!(chosen("s", &[wanted("read_file")], &there).is_ok());
        let said = chosen("s", &[wanted("readfile")], &there).unwrap_err().to_string();
        assert_eq!(
            said,
            "s has no tool `readfile`; it has `read_file`, `read_files`, `delete_file`"
        );
        let none = chosen("s", &[wanted("a")], &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(none, "s has no tool `a`; it has none at all");
    }
}
