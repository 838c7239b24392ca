//! Anthropic's messages.
//!
//! An answer by a schema is asked for as the arguments of a tool named [`ANSWER`], which the model
//! must call: every model that knows tools keeps to that, and it goes together with other tools.

use super::word;
use crate::web::sse::Event;
use runtime::llm::{
    Finish, Message, Reply, Request, Tool, ToolCall, Usage, arguments_of, is_object,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tool by which a model answers where there is a schema.
const ANSWER: &str = "answer";

/// The field around an answer that is no object, as arguments must be one.
const WRAPPED: &str = "answer";

/// The body of a request. `output_tokens` is the longest answer where nothing is said: this format
/// insists on one.
pub(super) fn body(request: &Request, model: &str, output_tokens: u64, streamed: bool) -> Value {
    let mut system = String::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        if let Message::System { text } = message {
            system.push_str(if system.is_empty() { "" } else { "\n\n" });
            system.push_str(text);
            continue;
        }
        let (role, mut blocks) = turn(message);
        match turns.last_mut() {
            // What one side says in a row is one message here.
            Some((last, before)) if *last == role => before.append(&mut blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let message = |(role, content)| json!({ "role": role, "content": content });
    let messages: Vec<Value> = turns.into_iter().map(message).collect();
    let max = request.output_tokens_max.unwrap_or(output_tokens);
    let mut body = json!({ "model": model, "messages": messages, "max_tokens": max });
    let map = body.as_object_mut().expect("it was just made");
    if !system.is_empty() {
        map.insert("system".into(), system.into());
    }
    let mut tools: Vec<Value> = request.tools.iter().map(tool).collect();
    if let Some(schema) = &request.schema {
        tools.push(answer_tool(schema));
        let must = match request.tools.is_empty() {
            true => json!({ "type": "tool", "name": ANSWER }),
            false => json!({ "type": "any" }),
        };
        map.insert("tool_choice".into(), must);
    }
    if !tools.is_empty() {
        map.insert("tools".into(), tools.into());
    }
    if let Some(temperature) = request.temperature {
        // From 0 to 1 here.
        map.insert("temperature".into(), temperature.min(1.0).into());
    }
    if streamed {
        map.insert("stream".into(), true.into());
    }
    body
}

fn tool(tool: &Tool) -> Value {
    let (name, says, schema) = (&tool.name, &tool.description, &tool.schema);
    json!({ "name": name, "description": says, "input_schema": schema })
}

fn answer_tool(schema: &Value) -> Value {
    let schema = arguments_of(schema, WRAPPED);
    let says = "Gives the final answer. Call it once, when all is known.";
    json!({ "name": ANSWER, "description": says, "input_schema": schema })
}

fn turn(message: &Message) -> (&'static str, Vec<Value>) {
    let text_block = |text: &String| json!({ "type": "text", "text": text });
    match message {
        Message::System { text } | Message::User { text } => ("user", vec![text_block(text)]),
        Message::Assistant { text, calls } => {
            let said = (!text.is_empty()).then(|| text_block(text));
            let call = |call: &ToolCall| {
                let input = serde_json::from_str(&call.arguments).ok().filter(Value::is_object);
                let input = input.unwrap_or_else(|| json!({}));
                json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
            };
            ("assistant", said.into_iter().chain(calls.iter().map(call)).collect())
        }
        Message::Tool { id, text, is_error, .. } => {
            let result = json!({
                "type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error,
            });
            ("user", vec![result])
        }
    }
}

/// A whole answer to `request`.
pub(super) fn reply(body: &Value, request: &Request) -> Result<Reply, String> {
    let content = body.get("content").and_then(Value::as_array);
    let content = content.ok_or("it has no content in it")?;
    let mut reply = Reply { usage: usage(body.get("usage")), ..Reply::default() };
    reply.model = word(body, "model").unwrap_or_default().to_owned();
    for block in content {
        match word(block, "type") {
            Some("text") => reply.text.push_str(word(block, "text").unwrap_or_default()),
            Some("tool_use") => {
                let field = |name: &str| word(block, name).map(str::to_owned);
                let (Some(id), Some(name)) = (field("id"), field("name")) else {
                    return Err("a call of it has no id or no name".to_owned());
                };
                let arguments = block.get("input").map_or_else(|| "{}".into(), Value::to_string);
                reply.calls.push(ToolCall { id, name, arguments });
            }
            // Thoughts and whatever else is not meant for us.
            _ => {}
        }
    }
    let why = word(body, "stop_reason");
    Ok(finished(reply, why, request))
}

/// Takes the answer out of the tool that it came by, and says why the reply ended.
fn finished(mut reply: Reply, why: Option<&str>, request: &Request) -> Reply {
    if let Some(schema) = &request.schema {
        let at = reply.calls.iter().position(|call| call.name == ANSWER);
        if let Some(answer) = at.map(|at| reply.calls.remove(at)) {
            reply.text = unwrapped(answer.arguments, schema);
        }
    }
    reply.finish = match why {
        Some("max_tokens" | "model_context_window_exceeded") => Finish::Length,
        Some("refusal") => Finish::Refused,
        _ if !reply.calls.is_empty() => Finish::Calls,
        Some("end_turn" | "stop_sequence" | "tool_use") | None => Finish::Stop,
        Some(other) => Finish::Other(other.to_owned()),
    };
    reply
}

fn unwrapped(arguments: String, schema: &Value) -> String {
    if is_object(schema) {
        return arguments;
    }
    let inner = serde_json::from_str::<Value>(&arguments).ok();
    inner.and_then(|it| it.get(WRAPPED).map(Value::to_string)).unwrap_or(arguments)
}

/// Zero where nothing is said. What was read from or written to the cache was read too.
fn usage(said: Option<&Value>) -> Usage {
    let number = |name: &str| said.and_then(|it| it.get(name)?.as_u64()).unwrap_or(0);
    let cached_tokens = number("cache_read_input_tokens");
    let cache = cached_tokens.saturating_add(number("cache_creation_input_tokens"));
    Usage {
        input_tokens: number("input_tokens").saturating_add(cache),
        output_tokens: number("output_tokens"),
        cached_tokens,
        is_estimated: false,
    }
}

/// A reply that comes in pieces.
#[derive(Default)]
pub(super) struct Pieces {
    reply: Reply,
    calls: BTreeMap<u64, ToolCall>,
    why: Option<String>,
    is_over: bool,
}

impl Pieces {
    /// Takes one event; gives the text that it adds.
    pub(super) fn take(&mut self, event: &Event) -> Result<Option<String>, super::Unusable> {
        if event.data.is_empty() || event.name == "ping" {
            return Ok(None);
        }
        let data: Value = super::json(event)?;
        match word(&data, "type") {
            Some("error") => {
                let said = data.get("error").cloned().unwrap_or_default();
                return Err(super::Unusable::Refused { status: status_of(&said), said });
            }
            Some("message_start") => {
                let message = data.get("message");
                self.reply.usage = usage(message.and_then(|it| it.get("usage")));
                let model = message.and_then(|it| word(it, "model"));
                model.unwrap_or_default().clone_into(&mut self.reply.model);
            }
            Some("content_block_start") => self.begin(&data),
            Some("content_block_delta") => return Ok(self.add(&data)),
            Some("message_delta") => {
                let delta = data.get("delta");
                self.why = delta.and_then(|it| word(it, "stop_reason")).map(str::to_owned);
                let written = data.pointer("/usage/output_tokens").and_then(Value::as_u64);
                self.reply.usage.output_tokens = written.unwrap_or(self.reply.usage.output_tokens);
            }
            Some("message_stop") => self.is_over = true,
            _ => {}
        }
        Ok(None)
    }

    fn begin(&mut self, data: &Value) {
        let block = data.get("content_block").cloned().unwrap_or_default();
        if word(&block, "type") == Some("tool_use") {
            let field = |name: &str| word(&block, name).unwrap_or_default().to_owned();
            let call = ToolCall { id: field("id"), name: field("name"), ..ToolCall::default() };
            self.calls.insert(index(data), call);
        }
    }

    fn add(&mut self, data: &Value) -> Option<String> {
        let delta = data.get("delta")?;
        if let Some(json) = word(delta, "partial_json") {
            self.calls.entry(index(data)).or_default().arguments.push_str(json);
        }
        let text = word(delta, "text").filter(|text| !text.is_empty())?;
        self.reply.text.push_str(text);
        Some(text.to_owned())
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// What was said so far, bytes.
    pub(super) fn bytes(&self) -> usize {
        super::reading::bytes(&self.reply.text, self.calls.values())
    }

    /// The whole reply; `None` if the stream ended before it was said to.
    pub(super) fn whole(self, request: &Request) -> Option<Reply> {
        let Pieces { mut reply, calls, why, is_over } = self;
        is_over.then_some(())?;
        let full = |mut call: ToolCall| {
            if call.arguments.trim().is_empty() {
                "{}".clone_into(&mut call.arguments);
            }
            call
        };
        reply.calls = calls.into_values().map(full).collect();
        Some(finished(reply, why.as_deref(), request))
    }
}

fn index(data: &Value) -> u64 {
    data.get("index").and_then(Value::as_u64).unwrap_or(0)
}

/// The HTTP status that an error in the middle of a stream would have had, as Anthropic lists them.
fn status_of(error: &Value) -> u16 {
    match word(error, "type") {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("overloaded_error") => 529,
        _ => 500,
    }
}
