//! What of a request stands in headers too, from the revision 2026-07-28 on, so that whoever is on
//! the way need not read it: the method, the tool, and arguments that the tool's schema marks by
//! `x-mcp-header`.

use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::rpc::Request;
use super::tool::Tool;

/// How deep a schema is looked through.
const DEPTH_MAX: usize = 8;

/// The headers of a request; `tool` is the one that it calls.
pub(super) fn of(request: &Request, tool: Option<&Tool>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    let mut add = |name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&sendable(value))) {
            headers.push((name, value));
        }
    };
    add("mcp-method", request.method);
    let Some(tool) = tool else { return headers };
    add("mcp-name", &tool.name);
    marked(&tool.input, &request.params["arguments"], DEPTH_MAX, &mut |name, value| {
        add(&format!("mcp-param-{name}"), &value);
    });
    headers
}

/// The arguments that a schema marks, each with the name of its header.
fn marked(schema: &Value, value: &Value, depth: usize, each: &mut dyn FnMut(&str, String)) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, property) in properties.iter().filter(|_| depth > 0) {
        let Some(value) = value.get(name) else { continue };
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        if let (Some(header), Some(text)) = (property["x-mcp-header"].as_str(), text) {
            each(header, text);
        }
        marked(property, value, depth - 1, each);
    }
}

/// As it is, or in base64 where a header could not carry it.
fn sendable(value: &str) -> String {
    let fits = value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && value.trim() == value
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    if fits { value.to_owned() } else { format!("=?base64?{}?=", base64(value.as_bytes())) }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_header_cannot_carry_is_written_in_base64() {
        for (value, sent) in [
            ("plain text", "plain text"),
            ("", ""),
            (" a", "=?base64?IGE=?="),
            ("é", "=?base64?w6k=?="),
            ("a\nb", "=?base64?YQpi?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ] {
            assert_eq!(sendable(value), sent, "{value:?}");
        }
    }

    #[test]
    fn marked_arguments_stand_in_headers() {
        let region = json!({ "type": "string", "x-mcp-header": "Region" });
        let within = json!({ "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } });
        let schema = json!({ "properties": { "region": region, "of": within, "text": {} } });
        let tool = Tool::of(&json!({ "name": "t", "inputSchema": schema })).unwrap();
        let arguments = json!({ "region": "eu", "of": { "n": 3 }, "text": "x" });
        let params = json!({ "name": "t", "arguments": arguments });
        let request = Request { id: 1, method: "tools/call", params };
        let said: Vec<String> = of(&request, Some(&tool))
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        let mut wanted =
            ["mcp-method: tools/call", "mcp-name: t", "mcp-param-n: 3", "mcp-param-region: eu"];
        let mut said: Vec<&str> = said.iter().map(String::as_str).collect();
        said.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(said, wanted);
    }
}
