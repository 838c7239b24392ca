//! A scripted answer in the format of whoever asks: OpenAI's chat completions, or Anthropic's
//! messages.

use super::{Answer, Call, Seen};
use serde_json::{Value, json};

/// Bytes of text in one event.
const PIECE_BYTES: usize = 8;

fn is_anthropic(seen: &Seen) -> bool {
    seen.path.ends_with("/messages")
}

fn model(seen: &Seen) -> Value {
    seen.body.get("model").cloned().unwrap_or_default()
}

/// A refusal's body.
pub(super) fn refusal(seen: &Seen, status: u16, words: &str) -> Vec<u8> {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({ "type": kind, "message": words });
    let body = match is_anthropic(seen) {
        true => json!({ "type": "error", "error": error }),
        false => json!({ "error": error }),
    };
    body.to_string().into_bytes()
}

/// A whole answer's body.
pub(super) fn whole(seen: &Seen, answer: &Answer) -> Vec<u8> {
    let body = match is_anthropic(seen) {
        true => anthropic_whole(seen, answer),
        false => openai_whole(seen, answer),
    };
    body.to_string().into_bytes()
}

/// The events of a streamed answer.
pub(super) fn events(seen: &Seen, answer: &Answer) -> Vec<String> {
    match is_anthropic(seen) {
        true => anthropic_events(seen, answer),
        false => openai_events(seen, answer),
    }
}

fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if pieces.last().is_some_and(|it| it.len() + c.len_utf8() > PIECE_BYTES) {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn openai_finish(answer: &Answer) -> String {
    let usual = if answer.calls.is_empty() { "stop" } else { "tool_calls" };
    answer.finish.clone().unwrap_or_else(|| usual.to_owned())
}

fn openai_usage(answer: &Answer) -> Value {
    answer.usage.map_or(Value::Null, |(input, output)| {
        let total = input + output;
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": total })
    })
}

fn openai_whole(seen: &Seen, answer: &Answer) -> Value {
    let call = |call: &Call| {
        let function = json!({ "name": call.name, "arguments": call.arguments });
        json!({ "id": call.id, "type": "function", "function": function })
    };
    let content = (!answer.text.is_empty()).then_some(&answer.text);
    let mut message = json!({ "role": "assistant", "content": content });
    if !answer.calls.is_empty() {
        message["tool_calls"] = answer.calls.iter().map(call).collect();
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model(seen),
        "choices": [{ "index": 0, "message": message, "finish_reason": openai_finish(answer) }],
        "usage": openai_usage(answer),
    })
}

fn openai_events(seen: &Seen, answer: &Answer) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": model(seen), "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
        chunk(json!([choice]), Value::Null)
    };
    let mut events = vec![delta(json!({ "role": "assistant", "content": "" }))];
    events.extend(pieces(&answer.text).into_iter().map(|piece| delta(json!({ "content": piece }))));
    for (at, call) in answer.calls.iter().enumerate() {
        let begin = json!({ "name": call.name, "arguments": "" });
        let begin = json!({ "index": at, "id": call.id, "type": "function", "function": begin });
        events.push(delta(json!({ "tool_calls": [begin] })));
        for piece in pieces(&call.arguments) {
            let more = json!({ "index": at, "function": { "arguments": piece } });
            events.push(delta(json!({ "tool_calls": [more] })));
        }
    }
    let last = json!({ "index": 0, "delta": {}, "finish_reason": openai_finish(answer) });
    events.push(chunk(json!([last]), Value::Null));
    let wants = seen.body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    if wants && answer.usage.is_some() {
        events.push(chunk(json!([]), openai_usage(answer)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn anthropic_finish(answer: &Answer) -> String {
    let usual = if answer.calls.is_empty() { "end_turn" } else { "tool_use" };
    answer.finish.clone().unwrap_or_else(|| usual.to_owned())
}

fn anthropic_whole(seen: &Seen, answer: &Answer) -> Value {
    let mut content = Vec::new();
    if !answer.text.is_empty() {
        content.push(json!({ "type": "text", "text": answer.text }));
    }
    for call in &answer.calls {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        content
            .push(json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input }));
    }
    let (input, output) = answer.usage.unwrap_or_default();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model(seen),
        "content": content, "stop_reason": anthropic_finish(answer), "stop_sequence": null,
        "usage": { "input_tokens": input, "output_tokens": output },
    })
}

fn anthropic_events(seen: &Seen, answer: &Answer) -> Vec<String> {
    let event = |data: Value| {
        let name = data["type"].as_str().unwrap_or_default();
        format!("event: {name}\ndata: {data}\n\n")
    };
    let (input, output) = answer.usage.unwrap_or_default();
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model(seen), "content": [],
        "stop_reason": null, "usage": { "input_tokens": input, "output_tokens": 1 },
    });
    let mut events = vec![
        event(json!({ "type": "message_start", "message": message })),
        event(json!({ "type": "ping" })),
    ];
    let mut block = |at: usize, start: Value, deltas: Vec<Value>| {
        let begin = json!({ "type": "content_block_start", "index": at, "content_block": start });
        events.push(event(begin));
        for delta in deltas {
            let delta = json!({ "type": "content_block_delta", "index": at, "delta": delta });
            events.push(event(delta));
        }
        events.push(event(json!({ "type": "content_block_stop", "index": at })));
    };
    let text = |piece| json!({ "type": "text_delta", "text": piece });
    let part = |piece| json!({ "type": "input_json_delta", "partial_json": piece });
    if !answer.text.is_empty() {
        let start = json!({ "type": "text", "text": "" });
        block(0, start, pieces(&answer.text).into_iter().map(text).collect());
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let start = json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} });
        block(at + 1, start, pieces(&call.arguments).into_iter().map(part).collect());
    }
    let why = json!({ "stop_reason": anthropic_finish(answer), "stop_sequence": null });
    let usage = json!({ "output_tokens": output });
    events.push(event(json!({ "type": "message_delta", "delta": why, "usage": usage })));
    events.push(event(json!({ "type": "message_stop" })));
    events
}
