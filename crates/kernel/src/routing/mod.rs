//! Which agent gets the next task. One policy a file; this list is the registry.

pub(crate) mod least_loaded;

use crate::AgentId;
use serde::{Deserialize, Serialize};

/// Why an agent was chosen: enough to explain it later without the state of that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The best candidates, best first, at most [`Decision::CANDIDATES_MAX`]; empty when the chosen
    /// agent was the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Agents that serve it but had no free slot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub busy: u32,
    /// Agents that serve it but are paused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused: u32,
    /// Agents that serve it and are kept from it by their breakers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub breaker_open: u32,
    /// Agents that serve it but are down: being restarted, given up, or suspected to be dead.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub down: u32,
    /// Agents present that do not serve it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_serving: u32,
    /// Agents that serve it in no version that will do.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u32,
    /// Agents that serve it and whose labels do not meet what is required.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub labels: u32,
    /// Agents that serve it and have fewer slots than it takes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub too_small: u32,
    /// What tipped the scales.
    pub reason: Reason,
}

impl Decision {
    /// How many candidates are recorded.
    pub const CANDIDATES_MAX: usize = 8;
}

fn is_false(it: &bool) -> bool {
    !it
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One agent that could have had the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: AgentId,
    /// Its declared preference.
    pub prefer: i32,
    /// Slots in use, in 1/1024 of its slots; of fewer while it is new and has completed little.
    pub load: u32,
    /// Whether its labels meet what the task wishes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wished: bool,
}

/// What tipped the scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nobody else could.
    #[default]
    Only,
    /// Its labels are what the task wishes.
    Wished,
    /// It was kept back until it had the room.
    KeptBack,
    /// It is preferred to the others.
    Preferred,
    /// It had the lowest load.
    LeastLoaded,
    /// Loads were equal and it had waited longest for work.
    LongestIdle,
    /// The better candidate had just failed this task.
    AnotherThanLast,
}
