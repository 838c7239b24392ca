//! What was said so far, within what a model reads at once.
//!
//! Instructions, examples and the task stay. A turn is a call of the model with all that followed
//! from it: its tools' results, and what it was told. When there is no room for all, or the policy
//! keeps no more, whole turns leave, the oldest first, and one line says so: a result without its
//! call, or half a turn, would be refused or misread. What is left out follows from what was said
//! and from nothing else, so that an attempt which goes on from the record says the very same.
//!
//! Why to three quarters, and not just as much as must be? Providers keep the beginning of a
//! conversation in a cache: were one turn left out before each call, every call would begin anew.

use super::spec::{Example, History, Model, Spec};
use kernel::FailureKind;
use runtime::api::Failure;
use runtime::llm::{self, Message, Reply, Usage};
use serde_json::Value;
use std::collections::VecDeque;

/// What an answer may take where nobody says how long it may be, tokens.
pub(super) const ANSWER_MAX_TOKENS: u64 = 8_192;

/// Tokens for four bytes, in thousandths, as long as no model has counted; and at most one token
/// for each byte, whatever one says.
const PER_MILLE: u64 = 1_000;
const PER_MILLE_MAX: u64 = 4_000;

/// A conversation that grows by what is said.
pub(super) struct Conversation {
    /// Instructions, examples and the task.
    head: Vec<Message>,
    head_bytes: usize,
    turns: VecDeque<Turn>,
    left_out: usize,
    history: History,
    room: Room,
    /// As the model itself has counted last.
    per_mille: u64,
}

/// What belongs together.
#[derive(Default)]
struct Turn {
    messages: Vec<Message>,
    bytes: usize,
}

/// How much may be said.
struct Room {
    max_bytes: usize,
    /// What the models read at once, answer included: the least of all that may be asked.
    window: Option<Window>,
}

struct Window {
    model: String,
    tokens: u64,
    /// Kept for the answer.
    answer_tokens: u64,
}

impl Conversation {
    /// The instructions, the examples, and the task as data. `beside_bytes`: what goes with every
    /// call besides, which are its tools and its schema.
    pub(super) fn begin(
        spec: &Spec,
        beside_bytes: usize,
        capability: &str,
        input: &Value,
    ) -> Result<Conversation, Failure> {
        let prompt = (spec.prompt)(capability, input)?;
        let mut head =
            vec![Message::System { text: format!("{}\n\n{}", prompt.trim(), llm::RULE) }];
        for Example { input, output } in &spec.examples {
            let input = llm::fence(&text_of(input));
            let text = format!("An example of a task, `{capability}`. Its input:\n{input}");
            head.push(Message::User { text });
            head.push(Message::Assistant { text: text_of(output), calls: Vec::new() });
        }
        let input = super::tool::shortened(text_of(input), spec.limits.input_max_bytes);
        let text = format!("A task for you, `{capability}`. Its input:\n{}", llm::fence(&input));
        head.push(Message::User { text });
        let head_bytes = beside_bytes + head.iter().map(bytes_of).sum::<usize>();
        Ok(Conversation {
            head,
            head_bytes,
            turns: VecDeque::new(),
            left_out: 0,
            history: spec.history,
            room: Room::of(spec),
            per_mille: PER_MILLE,
        })
    }

    /// The model has answered, and a turn begins. What it says of its tokens is how it counts.
    pub(super) fn answered(&mut self, reply: &Reply) {
        let (usage, guess) = (&reply.usage, Usage::estimated(self.bytes(), 0).input_tokens);
        if !usage.is_estimated && usage.input_tokens > 0 {
            let counted = usage.input_tokens.saturating_mul(PER_MILLE) / guess.max(1);
            self.per_mille = counted.clamp(PER_MILLE, PER_MILLE_MAX);
        }
        self.turns.push_back(Turn::default());
        self.say(reply.to_message());
    }

    /// One thing more of this turn.
    pub(super) fn say(&mut self, message: Message) {
        let Some(turn) = self.turns.back_mut() else {
            self.head_bytes += bytes_of(&message);
            return self.head.push(message);
        };
        turn.bytes += bytes_of(&message);
        turn.messages.push(message);
    }

    /// Makes it fit; to be called before each call, also before one whose answer is recorded.
    ///
    /// # Errors
    /// `Limit` when it does not fit, by its numbers: nothing is sent then.
    pub(super) fn fit(&mut self) -> Result<(), Failure> {
        if let History::Turns(kept) = self.history {
            while self.turns.len() > kept.max(1) as usize {
                self.leave_out();
            }
        }
        if self.fits(100) {
            return Ok(());
        }
        while self.history != History::All && self.turns.len() > 1 && !self.fits(75) {
            self.leave_out();
        }
        if self.fits(100) { Ok(()) } else { Err(self.too_long()) }
    }

    fn leave_out(&mut self) {
        self.turns.pop_front();
        self.left_out += 1;
    }

    fn bytes(&self) -> usize {
        self.head_bytes + self.turns.iter().map(|it| it.bytes).sum::<usize>()
    }

    fn tokens(&self) -> u64 {
        let guess = Usage::estimated(self.bytes(), 0).input_tokens;
        guess.saturating_mul(self.per_mille) / PER_MILLE
    }

    /// Whether it takes no more than so many hundredths of its room.
    fn fits(&self, percent: u64) -> bool {
        let Room { max_bytes, window } = &self.room;
        let of = |max: u64| max.saturating_mul(percent) / 100;
        let fits = |window: &Window| self.tokens() <= of(window.tokens - window.answer_tokens);
        self.bytes() as u64 <= of(*max_bytes as u64) && window.as_ref().is_none_or(fits)
    }

    fn too_long(&self) -> Failure {
        let what = match self.turns.len() {
            0 => "the task, with its instructions and tools,",
            1 => "the task with what came of the latest call",
            _ => "the conversation",
        };
        let Room { max_bytes, window } = &self.room;
        let why = match window {
            Some(Window { model, tokens, answer_tokens }) if self.bytes() <= *max_bytes => {
                let takes = self.tokens();
                format!(
                    "{what} takes about {takes} tokens, and {model} reads {tokens} at once, of \
                     which {answer_tokens} are kept for its answer: give it less, or to a model \
                     that reads more"
                )
            }
            _ => {
                let has = self.bytes();
                format!("{what} has {has} bytes, more than the {max_bytes} that it may have")
            }
        };
        Failure::new(FailureKind::Limit, why)
    }

    /// All that is to be said.
    pub(super) fn messages(&self) -> Vec<Message> {
        let left_out = match self.left_out {
            0 => None,
            1 => {
                Some("(Your first turn after this is left out here, for want of room.)".to_owned())
            }
            many => Some(format!(
                "(Your first {many} turns after this are left out here, for want of room.)"
            )),
        };
        let left_out = left_out.map(|text| Message::User { text });
        let turns = self.turns.iter().flat_map(|it| &it.messages);
        self.head.iter().cloned().chain(left_out).chain(turns.cloned()).collect()
    }
}

impl Room {
    fn of(spec: &Spec) -> Room {
        let known = spec.chain().iter().filter_map(|it| Some((it.context_tokens?, it)));
        let least = known.min_by_key(|(tokens, _)| *tokens);
        let window = least.map(|(tokens, Model { name, .. })| {
            // Of a small one not all is for the answer, whatever is said.
            let answer = spec.output_tokens_max.unwrap_or(ANSWER_MAX_TOKENS).min(tokens / 2);
            Window { model: name.clone(), tokens, answer_tokens: answer }
        });
        Room { max_bytes: spec.limits.conversation_max_bytes, window }
    }
}

/// What a message says.
pub(super) fn bytes_of(message: &Message) -> usize {
    let calls: usize = match message {
        Message::Assistant { calls, .. } => {
            calls.iter().map(|it| it.name.len() + it.arguments.len()).sum()
        }
        Message::System { .. } | Message::User { .. } | Message::Tool { .. } => 0,
    };
    message.text().len() + calls
}

/// A text as it is, anything else as JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
