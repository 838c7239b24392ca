//! Whatever a server says, nobody panics and nobody waits: ten thousand messages that are almost
//! right.

use serde_json::{Value, json};

use super::rpc;
use super::tool::Tool;

/// Messages as servers say them.
fn messages() -> Vec<Value> {
    let schema = json!({ "type": "object", "properties": { "a": { "x-mcp-header": "A" } } });
    let tool = json!({ "name": "t", "description": "d", "inputSchema": schema });
    let text = json!({ "type": "text", "text": "é\u{1f600}" });
    let error = json!({ "code": -32602, "message": "no", "data": { "supported": ["2025-11-25"] } });
    let asks = json!({ "who": { "method": "elicitation/create" } });
    vec![
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [tool], "nextCursor": "2" } }),
        json!({ "jsonrpc": "2.0", "id": 1.0, "result": { "content": [text], "isError": true } }),
        json!({ "id": "1", "result": { "structuredContent": { "a": [1, null] }, "content": [] } }),
        json!({ "id": 1, "result": { "resultType": "input_required", "inputRequests": asks } }),
        json!({ "id": null, "error": error }),
        json!({ "method": "notifications/progress", "params": { "progressToken": 1 } }),
        json!([{ "id": "x", "method": "ping" }, { "method": "m" }]),
    ]
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Changes a few bytes, or what stands somewhere in it.
fn spoilt(message: &Value, dice: &mut Dice) -> Vec<u8> {
    let mut message = message.clone();
    if dice.below(2) == 0 {
        replace(&mut message, dice);
    }
    let mut bytes = message.to_string().into_bytes();
    for _ in 0..dice.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.below(bytes.len());
        match dice.below(4) {
            0 => bytes[at] = dice.below(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"{}[]\",:0-.e"[dice.below(11)]),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn replace(value: &mut Value, dice: &mut Dice) {
    let others =
        [json!(null), json!(-1), json!(1e300), json!("x"), json!([[]]), json!({ "a": {} })];
    let parts: Vec<&mut Value> = match value {
        Value::Array(parts) => parts.iter_mut().collect(),
        Value::Object(parts) => parts.values_mut().collect(),
        _ => Vec::new(),
    };
    let count = parts.len();
    let chosen = if count == 0 { None } else { parts.into_iter().nth(dice.below(count)) };
    match chosen {
        Some(part) if dice.below(3) > 0 => replace(part, dice),
        Some(part) => *part = others[dice.below(others.len())].clone(),
        None => *value = others[dice.below(others.len())].clone(),
    }
}

#[test]
fn whatever_a_server_says_is_a_message_a_complaint_or_a_result() {
    let (messages, mut dice) = (messages(), Dice(0x9e37_79b9_7f4a_7c15));
    let plain = Tool::of(&json!({ "name": "t" })).unwrap();
    let promising = Tool { output: Some(json!({ "type": "object" })), ..plain.clone() };
    let (mut read, mut refused, mut failed) = (0, 0, 0);
    for round in 0..10_000 {
        let bytes = spoilt(&messages[round % messages.len()], &mut dice);
        let Ok(heard) = rpc::read(&bytes) else {
            refused += 1;
            continue;
        };
        for message in heard {
            let rpc::Heard::Answer(_, Ok(result)) = message else { continue };
            let tools = result["tools"].as_array().into_iter().flatten();
            tools.for_each(|it| drop(Tool::of(it)));
            for tool in [&plain, &promising] {
                match tool.read(result.clone(), 100) {
                    Ok(_) => read += 1,
                    Err(fault) => {
                        failed += 1;
                        assert!(fault.to_string().len() < 1_000, "{fault}");
                    }
                }
            }
        }
    }
    assert!(read > 1_000 && refused > 1_000 && failed > 1_000, "{read} {refused} {failed}");
}
