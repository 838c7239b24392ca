//! JSON-RPC 2.0 as MCP uses it: bytes ↔ requests, answers and notifications.

use serde_json::{Map, Value, json};

use crate::web::secret::Secret;

/// There is no such method, or none that we serve.
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters will not do.
pub(super) const INVALID_PARAMS: i64 = -32602;
/// The server speaks other revisions than the one asked for.
pub(super) const UNSUPPORTED_VERSION: i64 = -32022;

/// How much of a malformed message a complaint repeats.
const QUOTE_CHARS: usize = 80;

/// A message of the other side.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// The answer to one of our requests; without a number to one that could not be read.
    Answer(Option<u64>, Answer),
    /// A request of its own.
    Asked {
        /// Whatever it calls it by.
        id: Value,
        method: String,
    },
    /// Something that needs no answer.
    Told { method: String, params: Value },
}

/// What came of a request.
pub(super) type Answer = Result<Value, Error>;

/// That it was refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Error {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Value,
}

/// A request of ours, by a number that none before had.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) method: &'static str,
    pub(super) params: Value,
}

impl Request {
    pub(super) fn to_value(&self) -> Value {
        let Self { id, method, params } = self;
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }
}

/// What is told without waiting for an answer.
pub(super) fn notification(method: &str, params: Value) -> Value {
    match params {
        Value::Null => json!({ "jsonrpc": "2.0", "method": method }),
        params => json!({ "jsonrpc": "2.0", "method": method, "params": params }),
    }
}

/// What we say to a request of the other side. Nothing that a server says is done: only that we are
/// here is answered.
pub(super) fn reply(id: Value, method: &str) -> Value {
    if method == "ping" {
        return json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    }
    let message = format!("{method} is not served: nothing that a server says is carried out here");
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": METHOD_NOT_FOUND, "message": message } })
}

/// One message, or several in a list, as the revision 2025-03-26 allows.
///
/// # Errors
/// What is wrong with it, with its beginning.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Heard>, String> {
    read_without(None, bytes)
}

/// The same, and nothing of it has our token in it: hidden when it is read, as JSON has several
/// ways to write it.
pub(super) fn read_without(token: Option<&Secret>, bytes: &[u8]) -> Result<Vec<Heard>, String> {
    let quoted = |why: String| {
        let text = String::from_utf8_lossy(bytes);
        let hidden = token.map(|it| it.hidden_in(&text));
        let quote: String = hidden.as_deref().unwrap_or(&text).chars().take(QUOTE_CHARS).collect();
        format!("{why} in the message {quote:?}")
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| quoted(error.to_string()))?;
    let value = match token {
        Some(token) => token.hidden_in_value(value),
        None => value,
    };
    let messages = match value {
        Value::Array(messages) => messages,
        one => vec![one],
    };
    messages.into_iter().map(|it| one(it).map_err(|why| quoted(why.into()))).collect()
}

fn one(value: Value) -> Result<Heard, &'static str> {
    let Value::Object(mut said) = value else { return Err("it is no table") };
    let id = said.remove("id");
    match (said.remove("method"), id) {
        (Some(Value::String(method)), None) => {
            let params = said.remove("params").unwrap_or_default();
            Ok(Heard::Told { method, params })
        }
        (Some(Value::String(method)), Some(id)) if id.is_string() || id.is_number() => {
            Ok(Heard::Asked { id, method })
        }
        (Some(_), _) => Err("its `method` or `id` is none"),
        (None, id) => Ok(Heard::Answer(id.as_ref().and_then(number), answer(&mut said)?)),
    }
}

fn answer(said: &mut Map<String, Value>) -> Result<Answer, &'static str> {
    match (said.remove("result"), said.remove("error")) {
        (Some(result), None) => Ok(Ok(result)),
        (None, Some(error)) => {
            let code = error.get("code").and_then(Value::as_i64);
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            let data = error.get("data").cloned().unwrap_or_default();
            let code = code.ok_or("its `error` has no `code`")?;
            Ok(Err(Error { code, message: message.to_owned(), data }))
        }
        _ => Err("it has neither `method`, `result` nor `error`, or too many of them"),
    }
}

/// Some write a whole number as 1.0, and some as a text.
fn number(id: &Value) -> Option<u64> {
    let float = || id.as_f64().filter(|it| it.fract() == 0.0 && (0.0..9e15).contains(it));
    id.as_u64().or_else(|| float().map(|it| it as u64)).or_else(|| id.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let of = |value: Value| read(value.to_string().as_bytes()).unwrap();
        let error = Error { code: -1, message: "no".into(), data: Value::Null };
        for (value, wanted) in [
            (json!({ "id": 7, "result": 1 }), Heard::Answer(Some(7), Ok(json!(1)))),
            (json!({ "id": 7.0, "result": null }), Heard::Answer(Some(7), Ok(Value::Null))),
            (
                json!({ "id": null, "error": { "code": -1, "message": "no" } }),
                Heard::Answer(None, Err(error)),
            ),
            (
                json!({ "id": "a", "method": "ping" }),
                Heard::Asked { id: json!("a"), method: "ping".into() },
            ),
            (
                json!({ "method": "m", "params": [1] }),
                Heard::Told { method: "m".into(), params: json!([1]) },
            ),
        ] {
            assert_eq!(of(value.clone()), [wanted], "{value}");
        }
        assert_eq!(of(json!([{ "method": "a" }, { "method": "b" }])).len(), 2);
    }

    #[test]
    fn what_is_no_message_is_told_with_its_beginning() {
        for (text, why) in [
            ("{\"id\":", "EOF"),
            ("hello", "expected value"),
            ("3", "no table"),
            ("{}", "neither"),
            (r#"{"id":1,"result":1,"error":{"code":1}}"#, "too many"),
            (r#"{"id":1,"error":{}}"#, "no `code`"),
            (r#"{"id":{},"method":"ping"}"#, "is none"),
            (r#"{"method":3}"#, "is none"),
        ] {
            let told = read(text.as_bytes()).unwrap_err();
            assert!(told.contains(why) && told.contains(&format!("{text:?}")), "{told}");
        }
        let told = read(&[b'x'; 10_000]).unwrap_err();
        assert!(told.len() < 300, "{told}");
    }

    #[test]
    fn a_server_is_told_that_we_are_here_and_nothing_else() {
        assert_eq!(reply(json!(1), "ping")["result"], json!({}));
        for asked in ["sampling/createMessage", "elicitation/create", "roots/list", "rm -rf"] {
            assert_eq!(reply(json!("x"), asked)["error"]["code"], METHOD_NOT_FOUND, "{asked}");
        }
    }
}
