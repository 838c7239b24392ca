//! One entry of `[steps]` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::policy::Class;
use super::quantity::Duration;

/// One thing to be done: a task of the workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The capability asked for: `"code.review"`, `"code.review@2"`, or, where several versions
    /// will do, `"code.review@1-3"`, `"code.review@2-"`.
    pub ask: String,
    /// What the agent gets: any value, with `"{{ … }}"` in its strings. The item of `for_each`,
    /// else nothing (`null`), if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// Steps to wait for besides those that are referred to.
    #[serde(default)]
    pub needs: Vec<String>,
    /// An expression; when it is false the step is skipped, and those who refer to it see `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// An expression that gives a list: one task for each of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// An expression over `item` that names each task of a `for_each`; the item itself if nothing
    /// is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How many tasks of a `for_each` are under way at once.
    #[serde(default = "two_hundred_fifty_six")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency: u32,
    /// How long one task may take, all attempts and waiting together; only the run's limit if
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How often and how soon a failed task is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// Whether the run goes on without it: when a task fails for good, its output is
    /// `{ failed = "why" }`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// How urgent its tasks are; as urgent as the run if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Whether a task may be stopped and begun again later, to make room for a class that
    /// `[policy]` lets preempt; as with the run if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptible: Option<bool>,
    /// What an agent's labels must meet to get a task, as in `gpu and region in ["eu", "uk"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// Agents whose labels meet this go before others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
    /// How many of an agent's slots a task takes.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 1_024))]
    pub weight: u32,
    /// A text with `{{ … }}`: tasks with the same one go to the same agent, where the capability is
    /// routed by `sticky`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<String>,
}

/// How often and how soon a failed task is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all; 1 means never again.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The longest first pause; each further one may be twice as long (full jitter).
    pub backoff: Duration,
    /// The longest pause of all.
    pub backoff_max: Duration,
}

impl Default for Retry {
    /// What docs/PROMISES.md promises: 5 attempts, 1 s doubling to 60 s.
    fn default() -> Self {
        let (backoff, backoff_max) = (Duration::from_ms(1_000), Duration::from_ms(60_000));
        Self { attempts: 5, backoff, backoff_max }
    }
}

fn one() -> u32 {
    1
}

fn is_one(weight: &u32) -> bool {
    *weight == 1
}

fn two_hundred_fifty_six() -> u32 {
    256
}
