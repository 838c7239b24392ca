//! What is said of an agent that is a model: in Rust by these methods, in a team file by its
//! fields.

use super::tool::Tool;
use crate::llm::price::{self, Price};
use runtime::api::Failure;
use serde_json::Value;
use std::sync::Arc;

/// The instructions for one task, from its capability and its input.
pub type Prompt = Arc<dyn Fn(&str, &Value) -> Result<String, Failure> + Send + Sync>;

/// A model with instructions.
///
/// ```
/// use majordomo_adapters::agent::llm::{Spec, Tool};
/// use serde_json::json;
///
/// let spec = Spec::new("critic", "ollama/qwen3", "You review code. Be brief.")
///     .tool(Tool::new("lint", "code.lint").about("Runs the linter on a file."))
///     .schema(json!({ "type": "object", "required": ["verdict"] }))
///     .turns(10);
/// assert_eq!(spec.limits.turns, 10);
/// ```
#[derive(Clone)]
pub struct Spec {
    /// Of the agent. Recorded steps go by it: what one agent asked its model, another does not
    /// take for its own.
    pub name: String,
    /// Whom it asks: the first that answers, and whenever one does not, the next. One at least.
    pub models: Vec<Model>,
    /// All that it was written with, where some of them cannot be called in this life: they count
    /// for how much a conversation may hold and for what it is called, as these are the same in
    /// every life. Those of `models` where nothing is said.
    pub chain: Vec<Model>,
    /// Its instructions.
    pub prompt: Prompt,
    /// Tasks and answers that it is told before its own task.
    pub examples: Vec<Example>,
    /// What of a long conversation it is told again.
    pub history: History,
    /// What it may call.
    pub tools: Vec<Tool>,
    /// The JSON schema of its answer; without one the answer is text.
    pub schema: Option<Value>,
    /// From 0 to 2; the model's own habit if nothing is said.
    pub temperature: Option<f64>,
    /// The longest of its answers, in tokens.
    pub output_tokens_max: Option<u64>,
    /// Its text is told to whoever watches while it is written.
    pub streams: bool,
    /// For one that serves `route`: a choice of an agent of which it is less sure, 0 to 1, is
    /// none. See [`Spec::adviser`].
    pub confidence_min: Option<f64>,
    /// How far one task may go.
    pub limits: Limits,
}

/// A model that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Provider and model, as in `ollama/qwen3`.
    pub name: String,
    /// What its tokens cost; where that is not known they are only counted.
    pub price: Option<Price>,
    /// What it reads at once, its answer included, tokens; what is not known is not counted.
    pub context_tokens: Option<u64>,
}

impl Model {
    /// One of this name, with what the table of prices says of it.
    #[must_use]
    pub fn new(name: &str) -> Model {
        let context_tokens = price::context_tokens(name);
        Model { name: name.to_owned(), price: Price::of(name), context_tokens }
    }
}

/// What of a conversation a model is told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// All of it, or the task fails.
    All,
    /// As much as there is room for.
    #[default]
    Trim,
    /// Its latest turns, so many, as far as there is room for them.
    Turns(u32),
}

/// A task and how it should be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What the task is given.
    pub input: Value,
    /// What is answered.
    pub output: Value,
}

/// How far one task of a model may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls of the model.
    pub turns: u32,
    /// How often an answer that does not fit is asked for again.
    pub repairs: u32,
    /// Calls of tools in one turn; the model is told that the rest was not made.
    pub calls_max: usize,
    /// Calls of tools at once.
    pub calls_at_once: usize,
    /// What the model sees of the task's input, bytes.
    pub input_max_bytes: usize,
    /// What the model sees of one tool's result, bytes.
    pub result_max_bytes: usize,
    /// The whole conversation, bytes.
    pub conversation_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            turns: 50,
            repairs: 2,
            calls_max: 32,
            calls_at_once: 8,
            input_max_bytes: 2 << 20,
            result_max_bytes: 64 << 10,
            conversation_max_bytes: 4 << 20,
        }
    }
}

/// Why there can be no such agent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A JSON schema that is none.
    #[error("the schema of {of} is no JSON schema: {why}")]
    Schema {
        /// Of what.
        of: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody to ask.
    #[error("it has no model: name one at least")]
    NoModel,
    /// A tool with an unusable name.
    #[error(
        "`{name}` cannot be a tool's name: it has 1 to 64 letters, digits, `_` and `-`, and there \
         is one of each"
    )]
    ToolName {
        /// The name.
        name: String,
    },
}

impl Spec {
    /// An agent of this name, with this model and these instructions.
    #[must_use]
    pub fn new(name: &str, model: &str, prompt: &str) -> Spec {
        let prompt = prompt.to_owned();
        Spec {
            name: name.to_owned(),
            models: vec![Model::new(model)],
            chain: Vec::new(),
            prompt: Arc::new(move |_, _| Ok(prompt.clone())),
            examples: Vec::new(),
            history: History::default(),
            tools: Vec::new(),
            schema: None,
            temperature: None,
            output_tokens_max: None,
            streams: true,
            confidence_min: None,
            limits: Limits::default(),
        }
    }

    /// One more model, which is asked when those before it do not answer.
    #[must_use]
    pub fn or(mut self, model: &str) -> Spec {
        self.models.push(Model::new(model));
        self
    }

    /// Its models, for people.
    #[must_use]
    pub fn who(&self) -> String {
        let names: Vec<&str> = self.chain().iter().map(|it| it.name.as_str()).collect();
        names.join(" or ")
    }

    /// All of its models, whether they can be called in this life or not.
    pub(super) fn chain(&self) -> &[Model] {
        if self.chain.is_empty() { &self.models } else { &self.chain }
    }

    /// One more thing that it may call.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Spec {
        self.tools.push(tool);
        self
    }

    /// Its answer is JSON that fits this schema.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Spec {
        self.schema = Some(schema);
        self
    }

    /// What the tokens of the model that was named last cost, where that is not what the table of
    /// prices says.
    #[must_use]
    pub fn price(mut self, price: Price) -> Spec {
        self.models.iter_mut().last().expect("it has one from the first").price = Some(price);
        self
    }

    /// What the model that was named last reads at once, its answer included, tokens.
    #[must_use]
    pub fn context_tokens(mut self, tokens: u64) -> Spec {
        let model = self.models.iter_mut().last().expect("it has one from the first");
        model.context_tokens = Some(tokens);
        self
    }

    /// One more example: a task and its answer.
    #[must_use]
    pub fn example(mut self, input: Value, output: Value) -> Spec {
        self.examples.push(Example { input, output });
        self
    }

    /// What of a long conversation it is told again.
    #[must_use]
    pub fn history(mut self, history: History) -> Spec {
        self.history = history;
        self
    }

    /// How freely it chooses its words.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Spec {
        self.temperature = Some(temperature);
        self
    }

    /// Its replies come whole, for an endpoint that counts no tokens in a stream.
    #[must_use]
    pub fn whole(mut self) -> Spec {
        self.streams = false;
        self
    }

    /// At most so many calls of the model for one task.
    #[must_use]
    pub fn turns(mut self, turns: u32) -> Spec {
        self.limits.turns = turns;
        self
    }

    /// So often an answer that does not fit is asked for again.
    #[must_use]
    pub fn repairs(mut self, repairs: u32) -> Spec {
        self.limits.repairs = repairs;
        self
    }
}
