//! What was said so far, within a bound.

use super::spec::Spec;
use runtime::api::Failure;
use runtime::llm::{self, Message};
use serde_json::Value;

/// A conversation that grows by what is said.
pub(super) struct Conversation {
    messages: Vec<Message>,
    bytes: usize,
    max_bytes: usize,
}

impl Conversation {
    /// The instructions, and the task as data.
    pub(super) fn begin(
        spec: &Spec,
        capability: &str,
        input: &Value,
    ) -> Result<Conversation, Failure> {
        let prompt = (spec.prompt)(capability, input)?;
        let system = format!("{}\n\n{}", prompt.trim(), llm::RULE);
        let max_bytes = spec.limits.conversation_max_bytes;
        let input = super::tool::shortened(text_of(input), spec.limits.input_max_bytes);
        let text = format!("A task for you, `{capability}`. Its input:\n{}", llm::fence(&input));
        let mut talk = Conversation { messages: Vec::new(), bytes: 0, max_bytes };
        talk.say(Message::System { text: system })?;
        talk.say(Message::User { text })?;
        Ok(talk)
    }

    /// One thing more.
    ///
    /// # Errors
    /// `Limit` when it is more than may be said.
    pub(super) fn say(&mut self, message: Message) -> Result<(), Failure> {
        let calls: usize = match &message {
            Message::Assistant { calls, .. } => calls.iter().map(|it| it.arguments.len()).sum(),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => 0,
        };
        self.bytes += message.text().len() + calls;
        if self.bytes > self.max_bytes {
            let max = self.max_bytes;
            let why = format!("the conversation has more than the {max} bytes that it may have");
            return Err(Failure::new(kernel::FailureKind::Limit, why));
        }
        self.messages.push(message);
        Ok(())
    }

    /// All of it.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.messages.clone()
    }
}

/// A text as it is, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
