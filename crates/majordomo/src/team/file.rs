//! The team file as written → one typed definition with every default filled in.
//!
//! These structs are the only description of the format. The editor schema is derived from them,
//! the shape check walks that schema, and the comments below are what an editor shows while one
//! types. Where something stands in the text is [`Document`](super::document::Document)'s business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use super::bus::BusAccess;
use super::capability::Capability;
use super::ceiling::Ceilings;
pub use super::llm::{Llm, Model};
pub use super::mcp::Mcp;
use super::policy::{Breakers, Label, Precedence, Quota, Restart, Routing, Supervisors};
use super::quantity::{Duration, Money, Size};
use super::schedule::Schedule;
pub use super::step::{Retry, Step};
use super::topic::Topic;

/// A team of agents and, if it has any, the steps they take together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamFile {
    /// What the team is called; the file's name without `.toml` if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One line for `majordomo teams`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who is in the team, by name.
    pub agents: BTreeMap<String, Agent>,
    /// What is to be done, by step name. The name is the step's key: renaming a step makes it
    /// another step.
    #[serde(default)]
    pub steps: BTreeMap<String, Step>,
    /// What the workflow answers; the outputs of the steps nobody needs if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// What one run may use, and how much of one thing there may be at once.
    #[serde(default)]
    pub limits: Limits,
    /// What may be spent in a day, by all runs together.
    #[serde(default, skip_serializing_if = "Ceilings::is_none")]
    pub ceilings: Ceilings,
    /// Who is started again with whom when an agent dies, and how often that is borne.
    #[serde(default, skip_serializing_if = "Supervisors::is_usual")]
    pub supervisors: Supervisors,
    /// When an agent gets no more of a capability that it fails at.
    #[serde(default, skip_serializing_if = "Breakers::is_usual")]
    pub breaker: Breakers,
    /// How an agent is chosen, by capability, `"*"` for all others; by the lowest load if not said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routing: BTreeMap<String, Routing>,
    /// What goes into capabilities and comes out of them, by name: `"code.review"` for version 1,
    /// `"code.review@2"` for another. What is not said is anything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<String, Contract>,
    /// How much of a model may be used and what it costs, by provider and model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Model>,
    /// Which work gives way to which when there is too much of it.
    #[serde(default, skip_serializing_if = "Precedence::is_usual")]
    pub policy: Precedence,
    /// What comes round again while the team is up, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, Schedule>,
    /// Durable topics, by subject, as in `[topics."team.shop.orders"]`: what each keeps, and for
    /// whom. What it kept before stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, Topic>,
}

/// What goes into a capability and what comes out of it, each a JSON schema: a table, or the name
/// of a file relative to the team file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What goes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// What comes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
}

impl Contract {
    /// What is said of a capability, whether its first version is written out or not.
    pub(crate) fn of<'c>(
        contracts: &'c BTreeMap<String, Contract>,
        capability: &Capability,
    ) -> Option<&'c Contract> {
        let mut said = contracts.iter();
        let found = said.find(|(name, _)| Capability::parse(name).as_ref() == Ok(capability));
        found.map(|(_, contract)| contract)
    }
}

/// Somebody who serves capabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Agent {
    /// A function that comes with Majordomo.
    Builtin(Builtin),
    /// A program on this machine.
    Command(Command),
    /// The steps of another team file.
    Workflow(Workflow),
    /// A language model with instructions.
    Llm(Llm),
    /// A person with an inbox.
    Human(Human),
    /// A server of the Model Context Protocol.
    Mcp(Mcp),
    /// A remote agent that speaks A2A.
    A2a(A2a),
}

/// What can be said of an agent of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Common {
    /// The capabilities it serves: `"code.review"` for version 1, `"code.review@2"` for another. A
    /// builtin serves its own if nothing is said, and a server of MCP its `tools`.
    #[serde(default)]
    pub serves: Vec<String>,
    /// What it is good at, for a model or a person who chooses between agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How many tasks it works on at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000))]
    pub slots: u32,
    /// Working time of one attempt; waiting for others is not counted. Ten minutes for a command,
    /// else only the step's limit, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Facts to choose by, as in `{ region = "eu", gpu = true, context_tokens = 128000 }`.
    #[serde(default)]
    pub labels: BTreeMap<String, Label>,
    /// Among agents that can do the task, the higher goes first.
    #[serde(default)]
    #[schemars(range(min = -1_000, max = 1_000))]
    pub prefer: i32,
    /// What one task costs, in US dollars.
    #[serde(default)]
    pub price_usd: Money,
    /// When it is started again after it has ended.
    #[serde(default, skip_serializing_if = "Restart::is_usual")]
    pub restart: Restart,
    /// How long it may take to stop before it is ended; 5 s if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Duration>,
    /// Whom it may tell and hear on the bus: what is not listed is refused. The subjects of its own
    /// team, and no others, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<BusAccess>,
    /// The secrets that it is given where a task names them: `"env:GITHUB_TOKEN"`,
    /// `"file:deploy-key"`. A task that names another fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// A function that comes with Majordomo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Builtin {
    /// Which one: `analyst`, `files`, `fixer`, `lead`, `lint-reader`, `log-reader`, `outliner` or
    /// `writer`.
    #[serde(rename = "use")]
    pub function: String,
    /// For `files`: the directory beneath which it reads, relative to the team file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// A program on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// The program and its arguments, as they are: there is no shell.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// How it is spoken to.
    #[serde(default)]
    pub protocol: Protocol,
    /// How long it may take to end after TERM, before KILL.
    #[serde(default = "five_seconds")]
    pub grace: Duration,
    /// Memory each of its processes may have; 4 GiB if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// The longest output taken from it; 8 MiB if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_max: Option<Size>,
    /// How a `plain` program gets its input on stdin.
    #[serde(default)]
    pub stdin: Format,
    /// How a `plain` program writes its output on stdout.
    #[serde(default)]
    pub stdout: Format,
    /// Variables of our environment that it sees besides `PATH`, `HOME`, `USER`, `LANG`, `LC_ALL`,
    /// `LC_CTYPE`, `TZ`, `TMPDIR` and `VIRTUAL_ENV`.
    #[serde(default)]
    pub env: Vec<String>,
    /// Variables set for it, as in `{ MODE = "fast" }`. No secrets: the file is kept with the run.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Its working directory, relative to the team file; where `majordomo` was started if nothing
    /// is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Programs that must be on PATH; where one is missing the agent is left out, with a line that
    /// says so, and steps that only it serves are skipped.
    #[serde(default)]
    pub when_on_path: Vec<String>,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// How a command agent is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A process per task: the input on stdin, the output on stdout.
    #[default]
    Plain,
    /// A resident process: lines of JSON both ways.
    Jsonl,
}

/// How a value stands on stdin or stdout of a `plain` program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON value.
    #[default]
    Json,
    /// Text: a JSON string without its quotes.
    Text,
}

/// The steps of another team file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workflow {
    /// The other file, relative to this one.
    pub file: String,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// A person with an inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Human {
    /// How long a question waits; after that the answer is no.
    #[serde(default = "one_day")]
    pub deadline: Duration,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// A remote agent that speaks A2A.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct A2a {
    /// Where its card is.
    pub url: String,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// What one run may use, everybody in it together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Tasks in the run's tree.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub tasks: u64,
    /// How deep a task may delegate.
    #[schemars(range(min = 1, max = 1_000))]
    pub depth: u32,
    /// Working time of all attempts together; waiting for people or timers is not counted.
    pub working_time: Duration,
    /// Money, in US dollars.
    pub money_usd: Money,
    /// Tokens read and written by language models.
    pub tokens: u64,
    /// Calls of language models; any number if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// How much of one capability there may be at once, whichever runs it belongs to, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capability: BTreeMap<String, Quota>,
    /// How much of one tenant's work there may be at once, by the tenant's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenant: BTreeMap<String, Quota>,
}

impl Default for Limits {
    /// What docs/PROMISES.md promises; a team file raises them.
    fn default() -> Self {
        Self {
            tasks: 100_000,
            depth: 16,
            working_time: Duration::from_ms(3_600_000),
            money_usd: Money::from_micro_usd(1_000_000),
            tokens: 1_000_000,
            calls: None,
            capability: BTreeMap::new(),
            tenant: BTreeMap::new(),
        }
    }
}

fn one() -> u32 {
    1
}

fn five_seconds() -> Duration {
    Duration::from_ms(5_000)
}

fn one_day() -> Duration {
    Duration::from_ms(86_400_000)
}

impl TeamFile {
    /// The definition as canonical JSON: defaults filled in, keys sorted, no white space. Comments,
    /// order and notation (`"60s"` or `"1m"`) do not show in it; a run is pinned to its digest.
    pub fn definition_bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("keys are strings and numbers are finite");
        serde_json::to_vec(&value).expect("a JSON value can always be written")
    }

    /// Reads what [`definition_bytes`](Self::definition_bytes) wrote.
    ///
    /// # Errors
    /// When the bytes are not a definition of this version's shape.
    pub fn from_definition_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

impl Agent {
    /// What is said of agents of any kind.
    pub fn common(&self) -> &Common {
        match self {
            Self::Builtin(agent) => &agent.common,
            Self::Command(agent) => &agent.common,
            Self::Workflow(agent) => &agent.common,
            Self::Llm(agent) => &agent.common,
            Self::Human(agent) => &agent.common,
            Self::Mcp(agent) => &agent.common,
            Self::A2a(agent) => &agent.common,
        }
    }

    /// The same, to be changed.
    pub(crate) fn common_mut(&mut self) -> &mut Common {
        match self {
            Self::Builtin(agent) => &mut agent.common,
            Self::Command(agent) => &mut agent.common,
            Self::Workflow(agent) => &mut agent.common,
            Self::Llm(agent) => &mut agent.common,
            Self::Human(agent) => &mut agent.common,
            Self::Mcp(agent) => &mut agent.common,
            Self::A2a(agent) => &mut agent.common,
        }
    }

    /// The word after `kind =`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Builtin(_) => "builtin",
            Self::Command(_) => "command",
            Self::Workflow(_) => "workflow",
            Self::Llm(_) => "llm",
            Self::Human(_) => "human",
            Self::Mcp(_) => "mcp",
            Self::A2a(_) => "a2a",
        }
    }
}
