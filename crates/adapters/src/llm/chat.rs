//! OpenAI's chat completions: what OpenAI, Google, Ollama and most servers for open models speak.

use super::provider::Provider;
use super::word;
use crate::web::sse::Event;
use runtime::llm::{Finish, Message, Reply, Request, ToolCall, Usage};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What every JSON schema of an answer is called on the wire, where it needs a name.
const SCHEMA_NAME: &str = "answer";

/// The body of a request.
pub(super) fn body(request: &Request, provider: Provider, model: &str, streamed: bool) -> Value {
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut body = json!({ "model": model, "messages": messages });
    let map = body.as_object_mut().expect("it was just made");
    if !request.tools.is_empty() {
        let tool = |tool: &runtime::llm::Tool| {
            let (name, says, schema) = (&tool.name, &tool.description, &tool.schema);
            let function = json!({ "name": name, "description": says, "parameters": schema });
            json!({ "type": "function", "function": function })
        };
        map.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    if let Some(schema) = &request.schema {
        let schema = json!({ "name": SCHEMA_NAME, "schema": schema, "strict": false });
        let format = json!({ "type": "json_schema", "json_schema": schema });
        map.insert("response_format".into(), format);
    }
    if let Some(temperature) = request.temperature {
        map.insert("temperature".into(), temperature.into());
    }
    if let Some(max) = request.output_tokens_max {
        // OpenAI refuses the old name for its newer models; others know no other.
        let name = match provider {
            Provider::OpenAi => "max_completion_tokens",
            Provider::Anthropic | Provider::Gemini | Provider::Ollama | Provider::Compatible => {
                "max_tokens"
            }
        };
        map.insert(name.into(), max.into());
    }
    if streamed {
        map.insert("stream".into(), true.into());
        map.insert("stream_options".into(), json!({ "include_usage": true }));
    }
    body
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({ "role": "system", "content": text }),
        Message::User { text } => json!({ "role": "user", "content": text }),
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({ "role": "assistant", "content": text })
        }
        Message::Assistant { text, calls } => {
            let call = |call: &ToolCall| {
                let function = json!({ "name": call.name, "arguments": call.arguments });
                json!({ "id": call.id, "type": "function", "function": function })
            };
            let calls: Vec<Value> = calls.iter().map(call).collect();
            let content = (!text.is_empty()).then_some(text);
            json!({ "role": "assistant", "content": content, "tool_calls": calls })
        }
        Message::Tool { id, text, .. } => {
            json!({ "role": "tool", "tool_call_id": id, "content": text })
        }
    }
}

/// A whole answer.
pub(super) fn reply(body: &Value) -> Result<Reply, String> {
    let choice = body.pointer("/choices/0").ok_or("it has no choice in it")?;
    let message = choice.get("message").filter(|it| it.is_object());
    let message = message.ok_or("its choice has no message in it")?;
    let text = text_of(message.get("content")).unwrap_or_default();
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let calls = calls.enumerate().map(|(at, it)| call(at, it)).collect::<Result<Vec<_>, _>>()?;
    let refused = word(message, "refusal");
    let finish = finish(word(choice, "finish_reason"), !calls.is_empty(), refused.is_some());
    let text = if text.is_empty() { refused.unwrap_or_default().to_owned() } else { text };
    let usage = usage(body.get("usage")).unwrap_or_default();
    let model = word(body, "model").unwrap_or_default().to_owned();
    Ok(Reply { text, calls, finish, usage, model, ..Reply::default() })
}

/// Text, or parts of which some are text.
fn text_of(content: Option<&Value>) -> Option<String> {
    match content? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| word(part, "text")).collect()),
        _ => None,
    }
}

fn call(at: usize, call: &Value) -> Result<ToolCall, String> {
    let function = call.get("function").ok_or("a call of it names no function")?;
    let name = word(function, "name").ok_or("a call of it names no function")?;
    // Some servers give no id; within one reply its place will do.
    let id = word(call, "id").filter(|id| !id.is_empty());
    let id = id.map_or_else(|| format!("call_{at}"), str::to_owned);
    Ok(ToolCall { id, name: name.to_owned(), arguments: arguments(function.get("arguments")) })
}

/// JSON in a text; some servers send the JSON itself, or nothing for a function without arguments.
fn arguments(said: Option<&Value>) -> String {
    match said {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) if text.trim().is_empty() => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn finish(said: Option<&str>, has_calls: bool, is_refused: bool) -> Finish {
    match said {
        _ if is_refused => Finish::Refused,
        Some("length") => Finish::Length,
        Some("content_filter") => Finish::Refused,
        // Not all say `tool_calls` when there are some.
        _ if has_calls => Finish::Calls,
        Some("stop") | None => Finish::Stop,
        Some(other) => Finish::Other(other.to_owned()),
    }
}

fn usage(said: Option<&Value>) -> Option<Usage> {
    let said = said?;
    let number = |at: &str| said.pointer(at).and_then(Value::as_u64);
    let cached_tokens = number("/prompt_tokens_details/cached_tokens").unwrap_or(0);
    let (input_tokens, output_tokens) = (number("/prompt_tokens")?, number("/completion_tokens")?);
    Some(Usage { input_tokens, output_tokens, cached_tokens, is_estimated: false })
}

/// A reply that comes in pieces.
#[derive(Default)]
pub(super) struct Pieces {
    reply: Reply,
    calls: BTreeMap<u64, ToolCall>,
    finish: Option<String>,
    is_refused: bool,
    is_over: bool,
}

impl Pieces {
    /// Takes one event; gives the text that it adds.
    pub(super) fn take(&mut self, event: &Event) -> Result<Option<String>, super::Unusable> {
        if event.data.trim() == "[DONE]" {
            self.is_over = true;
            return Ok(None);
        }
        let chunk: Value = super::json(event)?;
        if let Some(error) = chunk.get("error").filter(|it| !it.is_null()) {
            return Err(super::Unusable::Refused { status: status_of(error), said: error.clone() });
        }
        if let Some(usage) = usage(chunk.get("usage")) {
            self.reply.usage = usage;
        }
        if let Some(model) = word(&chunk, "model") {
            model.clone_into(&mut self.reply.model);
        }
        let Some(choice) = chunk.pointer("/choices/0") else { return Ok(None) };
        if let Some(finish) = word(choice, "finish_reason") {
            self.finish = Some(finish.to_owned());
        }
        let empty = Value::Object(Map::new());
        let delta = choice.get("delta").unwrap_or(&empty);
        let calls = delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        for (at, call) in calls.enumerate() {
            self.take_call(call.get("index").and_then(Value::as_u64).unwrap_or(at as u64), call);
        }
        self.is_refused |= word(delta, "refusal").is_some_and(|it| !it.is_empty());
        let text = text_of(delta.get("content")).filter(|text| !text.is_empty());
        if let Some(text) = &text {
            self.reply.text.push_str(text);
        }
        Ok(text)
    }

    fn take_call(&mut self, index: u64, piece: &Value) {
        let call = self.calls.entry(index).or_default();
        let function = piece.get("function");
        let said = |field: &str| function.and_then(|it| word(it, field));
        if let Some(id) = word(piece, "id").filter(|id| !id.is_empty()) {
            id.clone_into(&mut call.id);
        }
        call.name.push_str(said("name").unwrap_or_default());
        call.arguments.push_str(said("arguments").unwrap_or_default());
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
    pub(super) fn whole(self) -> Option<Reply> {
        // Some servers say why they end, but not that they have ended.
        (self.is_over || self.finish.is_some()).then_some(())?;
        let Pieces { mut reply, calls, finish: said, is_refused, .. } = self;
        let named = |(at, call): (usize, ToolCall)| ToolCall {
            id: if call.id.is_empty() { format!("call_{at}") } else { call.id },
            arguments: arguments(Some(&Value::from(call.arguments))),
            ..call
        };
        reply.calls = calls.into_values().enumerate().map(named).collect();
        reply.finish = finish(said.as_deref(), !reply.calls.is_empty(), is_refused);
        Some(reply)
    }
}

/// The HTTP status that an error in the middle of a stream would have had.
fn status_of(error: &Value) -> u16 {
    let code = error.get("code").and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok());
    match (code, word(error, "type")) {
        (Some(code @ 400..=599), _) => code,
        (_, Some("rate_limit_error" | "rate_limit_exceeded" | "tokens" | "requests")) => 429,
        (_, Some("overloaded_error")) => 529,
        (_, Some("invalid_request_error")) => 400,
        _ => 500,
    }
}
