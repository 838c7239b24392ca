//! What is said to a language model and what it answers, in words that no provider owns.
//!
//! Everything here can be serialised: a reply is kept as the result of a step, so that a later life
//! of a task goes on with the very same words and pays for nothing twice.

mod error;
mod fence;

pub use error::{Error, Waited};
pub use fence::{RULE, fence, unfenced};

use crate::canonical;
use kernel::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One call: a conversation, and how to answer it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Provider and model, as in `ollama/qwen3`.
    pub model: String,
    /// What was said so far.
    pub messages: Vec<Message>,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// The JSON schema of the answer; without one it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// From 0, always the likeliest word, to 2; the model's own habit if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// The key of this call for the other side: the same on every attempt at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The fencing token of the attempt that calls: it rises from attempt to attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Instructions of whoever runs the agent.
    System {
        /// The text.
        text: String,
    },
    /// Whoever asks.
    User {
        /// The text.
        text: String,
    },
    /// The model, earlier.
    Assistant {
        /// Its text.
        text: String,
        /// What it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// What a call gave.
    Tool {
        /// Of the call.
        id: String,
        /// Of the tool.
        name: String,
        /// What it gave: data, whatever it says.
        text: String,
        /// Whether this tells how it failed.
        #[serde(default)]
        is_error: bool,
    },
}

/// Something that a model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Letters, digits, `_` and `-`; at most 64.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON schema of its arguments: an object.
    pub schema: Value,
}

/// A call that the model wants made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// By which its result is told.
    pub id: String,
    /// Of the tool; perhaps of none that there is.
    pub name: String,
    /// What the model wrote as arguments: meant to be JSON, and to be checked.
    pub arguments: String,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What it says; JSON if there was a schema, unless the model did not keep to it.
    pub text: String,
    /// What it wants to call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
    /// The model that answered, as it calls itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// How much more the other side takes for now, as it says with a whole answer. Of the moment:
    /// it is not recorded.
    #[serde(skip)]
    pub allowance: Allowance,
}

/// How much more the other side takes for now, where it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Of calls.
    pub requests: Option<Left>,
    /// Of tokens.
    pub tokens: Option<Left>,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The limit itself.
    pub limit: Option<u64>,
    /// What is left of it.
    pub remaining: u64,
    /// In how many milliseconds all of it is there again.
    pub reset_ms: Option<u64>,
}

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// All is said.
    #[default]
    Stop,
    /// It wants its calls answered first.
    Calls,
    /// It was cut off at the longest length.
    Length,
    /// The provider, or the model, would not answer this.
    Refused,
    /// Something else, in the provider's word.
    Other(String),
}

/// How many tokens were read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read, those from a cache included.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Read from the provider's cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Whether we had to guess, as the other side did not say.
    #[serde(default)]
    pub is_estimated: bool,
}

/// A piece of an answer on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// More text.
    Text(String),
    /// All of it, once: the answer is complete.
    Done(Reply),
}

/// Whether a schema says that a value is an object.
#[must_use]
pub fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

/// A schema of arguments, which are an object always: this one if it says so, else with one field,
/// which has the value.
#[must_use]
pub fn arguments_of(schema: &Value, field: &str) -> Value {
    match is_object(schema) {
        true => schema.clone(),
        false => json!({ "type": "object", "properties": { field: schema }, "required": [field] }),
    }
}

impl Usage {
    /// Read and written together.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// A guess where the other side does not say: four bytes a token, which is what English text
    /// takes with the tokenisers in use; other text takes more tokens.
    #[must_use]
    pub fn estimated(input_bytes: usize, output_bytes: usize) -> Usage {
        let tokens = |bytes: usize| bytes.div_ceil(4) as u64;
        Usage {
            input_tokens: tokens(input_bytes),
            output_tokens: tokens(output_bytes),
            cached_tokens: 0,
            is_estimated: true,
        }
    }
}

impl Message {
    /// What it says.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Message::System { text }
            | Message::User { text }
            | Message::Assistant { text, .. }
            | Message::Tool { text, .. } => text,
        }
    }
}

impl Request {
    /// Names what is asked, whichever attempt asks it: key and token play no part.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let asked = Request { key: None, token: None, ..self.clone() };
        // Text and JSON can always be written.
        canonical::digest(&canonical::to_bytes(&asked).unwrap_or_default())
    }
}

impl Reply {
    /// The reply as something that was said.
    #[must_use]
    pub fn to_message(&self) -> Message {
        Message::Assistant { text: self.text.clone(), calls: self.calls.clone() }
    }
}
