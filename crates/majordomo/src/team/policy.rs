//! What a team file says of the team as a whole: `[supervisors]`, `[breaker]`, `[routing]`,
//! `[policy]` and the quotas of `[limits]` → typed tables.
//!
//! These hold for the work of a team, whichever run it belongs to. What the kernel makes of them is
//! `govern`'s business.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::quantity::Duration;

/// Who is started again with whom, and how often that is borne.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Supervisors {
    /// What is borne of an agent that stands under no supervisor: 1 restart in 5 s. Beyond it the
    /// root decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Patience>,
    /// What the root bears of each agent or supervisor that stands under no other: 3 restarts in 30
    /// s. Beyond it that one is given up, and gets no work until a person restarts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Patience>,
    /// The supervisors, by name.
    #[serde(flatten)]
    pub named: BTreeMap<String, Supervisor>,
}

/// How many restarts are borne in how long a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// How many restarts are borne in `period`.
    #[schemars(range(min = 0, max = 1_000))]
    pub intensity: u32,
    /// How long a restart counts.
    pub period: Duration,
}

/// One who looks after some agents, with OTP's words and semantics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Supervisor {
    /// Agents and supervisors, in start order; they are stopped in reverse.
    #[schemars(length(min = 1))]
    pub children: Vec<String>,
    /// Who else is restarted with a child that has died.
    #[serde(default)]
    pub strategy: Strategy,
    /// How many restarts it bears in its `period`; then it stops its children and fails itself.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 1_000))]
    pub intensity: u32,
    /// How long a restart counts.
    #[serde(default = "thirty_seconds")]
    pub period: Duration,
    /// Whether the one above starts it again when it fails; it then ends with `shutdown`, so only a
    /// permanent one is.
    #[serde(default)]
    pub restart: Restart,
}

/// Who else is restarted with a child that has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// Those that stand after it.
    RestForOne,
}

/// When somebody is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// When it ended abnormally.
    Transient,
    /// Never.
    Temporary,
}

/// When an agent gets no more of a capability that it fails at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Breakers {
    /// For every capability that says nothing of its own.
    #[serde(flatten)]
    pub all: Breaker,
    /// What differs for one capability, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capability: BTreeMap<String, Breaker>,
}

/// The settings of breakers; what is not said is as in the table above, or usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Breaker {
    /// `false`: results are counted, and nothing follows from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// How many of the latest results are looked at; 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub window: Option<u32>,
    /// With fewer results than this a breaker stays closed; 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub minimum: Option<u32>,
    /// It opens when so many hundredths of the window failed; 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub failed_percent: Option<u32>,
    /// An attempt that took more working time was slow; none is if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Duration>,
    /// It opens when so many hundredths of the window were slow; 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub slow_percent: Option<u32>,
    /// How long it is open, times how often in a row; 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Duration>,
    /// The longest that it is open; 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_max: Option<Duration>,
    /// How many attempts are let through before it closes; all must go well; 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000))]
    pub probes: Option<u32>,
}

/// How an agent is chosen for a capability: `"power_of_two"`, or a table where there is more to
/// say, as in `{ policy = "sticky", wait = "2s" }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Routing(pub Choice);

/// The ways to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum Choice {
    /// The lowest load.
    LeastLoaded,
    /// The less loaded of two that are drawn.
    PowerOfTwo,
    /// The best record.
    BestRecord {
        /// So many hundredths of the tasks go to whoever is little known.
        #[serde(default = "ten")]
        #[schemars(range(min = 0, max = 100))]
        explore_percent: u32,
    },
    /// The same agent for the same key; see `sticky` of a step.
    Sticky {
        /// How long a task waits for that agent while it is busy.
        #[serde(default = "one_second")]
        wait: Duration,
    },
    /// Whoever an agent that serves `route` names.
    External {
        /// How long it is waited for; then the lowest load decides.
        #[serde(default = "five_seconds")]
        wait: Duration,
    },
    /// Whoever a language model names.
    Llm {
        /// Provider and model, as in `"ollama/qwen3"`. What `--model` says goes before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// How long it is waited for; then the lowest load decides.
        #[serde(default = "ten_seconds")]
        deadline: Duration,
        /// A choice of which it is less sure is none; the lowest load decides then.
        #[serde(default = "half")]
        #[schemars(range(min = 0, max = 1))]
        confidence_min: f64,
    },
    /// Whoever bids best, of the agents that serve `bid` as well.
    Auction {
        /// How long bids are waited for.
        #[serde(default = "two_seconds")]
        bids: Duration,
        /// So many agents are asked at most.
        #[serde(default = "eight")]
        #[schemars(range(min = 1, max = 64))]
        bidders_max: u32,
        /// So many hundredths of the points are for the price, the rest for the time.
        #[serde(default = "fifty")]
        #[schemars(range(min = 0, max = 100))]
        price_percent: u32,
    },
}

/// A way to choose, as it may be written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Word),
    Table(Choice),
}

/// The words that stand for a way to choose with its usual settings.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// The lowest load.
    LeastLoaded,
    /// The less loaded of two that are drawn.
    PowerOfTwo,
    /// The best record, with a share for finding out.
    BestRecord,
    /// The same agent for the same key.
    Sticky,
    /// Whoever an agent that serves `route` names.
    External,
    /// Whoever a language model names.
    Llm,
    /// Whoever bids best.
    Auction,
}

impl From<Written> for Routing {
    fn from(written: Written) -> Routing {
        Routing(match written {
            Written::Table(choice) => choice,
            Written::Word(Word::LeastLoaded) => Choice::LeastLoaded,
            Written::Word(Word::PowerOfTwo) => Choice::PowerOfTwo,
            Written::Word(Word::BestRecord) => Choice::BestRecord { explore_percent: ten() },
            Written::Word(Word::Sticky) => Choice::Sticky { wait: one_second() },
            Written::Word(Word::External) => Choice::External { wait: five_seconds() },
            Written::Word(Word::Llm) => Choice::llm(None),
            Written::Word(Word::Auction) => Choice::Auction {
                bids: two_seconds(),
                bidders_max: eight(),
                price_percent: fifty(),
            },
        })
    }
}

impl Choice {
    /// By a model, with the usual settings.
    pub(crate) fn llm(model: Option<String>) -> Choice {
        Choice::Llm { model, deadline: ten_seconds(), confidence_min: half() }
    }
}

impl JsonSchema for Routing {
    fn schema_name() -> Cow<'static, str> {
        "Routing".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How an agent is chosen for this capability.",
            "anyOf": [
                generator.subschema_for::<Word>(),
                generator.subschema_for::<Choice>(),
            ],
        })
    }
}

/// Which work gives way to which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Precedence {
    /// Classes whose tasks take the place of `preemptible` steps of a lower class when nobody is
    /// free; nobody's do if nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preempt: Vec<Class>,
    /// The most urgent class of which waiting runs are ended, the least urgent first, when there is
    /// no room and a more urgent one comes; newcomers are refused if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<Class>,
}

/// How much of one capability, or of one tenant's work, there may be at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Tasks that may wait for an agent; more are refused with the time to come back. Steps of a
    /// run that was accepted always may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
    /// Tasks that are worked on at once; others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working: Option<u32>,
}

/// The value of a label, to choose agents by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Label {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// How urgent a task is. When all have work, each class gets its share of 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// 16.
    Critical,
    /// 8.
    High,
    /// 4.
    Normal,
    /// 2.
    Low,
    /// 1.
    Background,
}

impl Supervisors {
    /// Whether nothing is said.
    pub(super) fn is_usual(&self) -> bool {
        *self == Supervisors::default()
    }
}

impl Precedence {
    /// Whether nothing is said.
    pub(super) fn is_usual(&self) -> bool {
        *self == Precedence::default()
    }
}

impl Breakers {
    /// Whether nothing is said.
    pub(super) fn is_usual(&self) -> bool {
        *self == Breakers::default()
    }
}

impl Restart {
    /// Whether it is the usual one.
    pub(super) fn is_usual(&self) -> bool {
        *self == Restart::default()
    }
}

fn three() -> u32 {
    3
}

fn ten() -> u32 {
    10
}

fn half() -> f64 {
    0.5
}

fn ten_seconds() -> Duration {
    Duration::from_ms(10_000)
}

fn one_second() -> Duration {
    Duration::from_ms(1_000)
}

fn two_seconds() -> Duration {
    Duration::from_ms(2_000)
}

fn eight() -> u32 {
    8
}

fn fifty() -> u32 {
    50
}

fn five_seconds() -> Duration {
    Duration::from_ms(5_000)
}

fn thirty_seconds() -> Duration {
    Duration::from_ms(30_000)
}
