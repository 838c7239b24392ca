//! An agent of kind `llm` as written: a language model with instructions.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::assign::EVERYTHING;
use super::file::{Agent, Common, TeamFile};
use super::policy::{Choice, Routing};
use super::quantity::Money;
use super::roster;

/// A language model with instructions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Llm {
    /// Provider and model, as in `"ollama/qwen3"`, or a list of them, of which the first that
    /// answers is asked; the providers are `openai`, `anthropic`, `gemini`, `ollama` and
    /// `compatible`. What `--model` says goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Chain")]
    pub model: Option<Chain>,
    /// Its instructions: a text, or the name of a file that ends in `.md` or `.txt`, relative to
    /// this one. In it, `{{ input }}` is what the task is given and `{{ capability }}` what it is
    /// asked for.
    pub prompt: String,
    /// Tasks and how they should be answered, told before each task; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// What of a long conversation it is told again.
    #[serde(default, skip_serializing_if = "History::is_usual")]
    pub history: History,
    /// What it may call, by the name that the model knows it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, Tool>,
    /// The JSON schema of its answer; without one the answer is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// How freely it chooses its words; the model's own habit if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// Calls of the model for one task.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 1_000))]
    pub turns: u32,
    /// How often an answer that does not fit the schema is asked for again.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 10))]
    pub repairs: u32,
    /// For one that serves `route`: a choice of an agent of which it is less sure is none. Its
    /// schema need not be said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub confidence_min: Option<f64>,
    /// The longest of its answers, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub output_tokens: Option<u64>,
    /// Its text is told to whoever watches while it is written; with `false` at its end, for an
    /// endpoint that counts no tokens in a stream.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub stream: bool,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// Whom an agent asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Chain {
    /// One model.
    One(String),
    /// Several, at most 8: the first that answers.
    Several(#[schemars(length(min = 1, max = 8))] Vec<String>),
}

/// So many models may be asked one after the other.
#[cfg(feature = "llm")]
pub(super) const CHAIN_MAX: usize = 8;

impl Chain {
    /// Its models, in the order in which they are asked.
    #[must_use]
    pub fn models(&self) -> &[String] {
        match self {
            Chain::One(model) => std::slice::from_ref(model),
            Chain::Several(models) => models,
        }
    }

    /// The one that is asked first.
    #[must_use]
    pub fn first(&self) -> &str {
        self.models().first().map_or("", String::as_str)
    }
}

impl From<&str> for Chain {
    fn from(model: &str) -> Chain {
        Chain::One(model.to_owned())
    }
}

/// A task and how it should be answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What the task is given.
    pub input: Json,
    /// What is answered: what `schema` asks for, if it says anything.
    pub output: Json,
}

/// So many examples may be told.
#[cfg(feature = "llm")]
pub(super) const EXAMPLES_MAX: usize = 20;

/// What of a long conversation is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum History {
    /// In a word.
    Word(Kept),
    /// The latest turns, and fewer where there is no room for them.
    Latest(Latest),
}

/// How much of a conversation is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// As much as there is room for: the oldest turns go first.
    Trim,
    /// All of it; where there is no room, the task fails.
    All,
}

/// So many turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latest {
    /// Calls of the model, each with what came of it.
    #[schemars(range(min = 1, max = 1_000))]
    pub turns: u32,
}

impl Default for History {
    fn default() -> History {
        History::Word(Kept::Trim)
    }
}

impl History {
    fn is_usual(&self) -> bool {
        *self == History::default()
    }
}

/// What is known of a model, whoever calls it: how much of it may be used, and what it costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Calls a minute; what the provider says where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, read and written together; what the provider says where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub tokens_per_minute: Option<u64>,
    /// Calls at once; as many as there are slots where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: Option<u32>,
    /// What it reads at once, its answer included, in place of what the table of prices says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_000, max = 100_000_000))]
    pub context_tokens: Option<u64>,
    /// What it costs, in place of what the table of prices says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What a million tokens cost, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Read.
    pub input_usd: Money,
    /// Written.
    pub output_usd: Money,
    /// Read from the provider's cache; as much as any other where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_usd: Option<Money>,
}

/// Something that a model may call: what another agent serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The capability asked for: `"code.lint"`, or `"code.lint@2"`.
    pub ask: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The JSON schema of its input; any table if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// Each call must be approved before it is made, by whoever serves this capability: a person,
    /// or any other agent. Only `approved: true` is a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
}

impl TeamFile {
    /// This is the model of every agent that is one, and assigns tasks wherever the file says
    /// nothing else of how an agent is chosen. `false` where neither changes anything: nobody here
    /// is a model, and no work can be done by two agents.
    pub fn choose_model(&mut self, model: &str) -> bool {
        let mut is_used = false;
        for agent in self.agents.values_mut() {
            if let Agent::Llm(llm) = agent {
                llm.model = Some(model.into());
                is_used = true;
            }
        }
        for routing in self.routing.values_mut() {
            if let Choice::Llm { model: named, .. } = &mut routing.0 {
                *named = Some(model.to_owned());
            }
        }
        let usual = Routing(Choice::llm(Some(model.to_owned())));
        self.routing.entry(EVERYTHING.to_owned()).or_insert(usual);
        is_used || self.has_choices()
    }

    /// Whether some work can be done by two agents.
    fn has_choices(&self) -> bool {
        let mut served = BTreeSet::new();
        let mut all = self.agents.values().flat_map(roster::capabilities);
        all.any(|capability| !served.insert(capability))
    }
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // So serde calls it.
fn is_true(said: &bool) -> bool {
    *said
}

fn fifty() -> u32 {
    50
}

fn two() -> u32 {
    2
}
