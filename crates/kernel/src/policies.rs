//! What an operator decides for one team: how much of what may wait and be worked on at once, how
//! much may be spent in a day, and how it is worked on.
//!
//! Policies are journaled whole when they change ([`crate::Event::Configured`]), so whatever is
//! decided under them can be derived again from the journal alone. A team without any has the
//! defaults, which limit nothing beyond [`crate::Limits`].

use crate::{BreakerPolicy, Ceilings, Class, Limits, Policy, Supervisors, Text};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The policies of one team scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policies {
    /// What holds for one capability, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<Text, CapabilityPolicy>,
    /// How much of one tenant's work may wait and be worked on, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<Text, Quota>,
    /// How much may be spent in a day.
    #[serde(skip_serializing_if = "Ceilings::is_none")]
    pub ceilings: Ceilings,
    /// When breakers open, for capabilities that say nothing of their own.
    #[serde(skip_serializing_if = "BreakerPolicy::is_default")]
    pub breaker: BreakerPolicy,
    /// Who looks after which agents.
    #[serde(skip_serializing_if = "Supervisors::is_usual")]
    pub supervisors: Supervisors,
    /// Classes whose tasks may take the place of preemptible work of a lower class.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub preempt: BTreeSet<Class>,
    /// When the queue is full, queued roots of this class and of lower ones make room for newcomers
    /// that are more urgent than they; `None`: whoever comes last is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<Class>,
}

/// What holds for one capability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CapabilityPolicy {
    /// How much of it may wait and be worked on.
    #[serde(skip_serializing_if = "Quota::is_none")]
    pub quota: Quota,
    /// When its breakers open, if otherwise than in the rest of the team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPolicy>,
    /// Which of the agents that serve it gets a task.
    #[serde(skip_serializing_if = "Policy::is_least_loaded")]
    pub routing: Policy,
}

/// Bounds on tasks of one kind; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// Tasks that may wait for an agent. Beyond it a root is refused; a child never is, since its
    /// run was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_max: Option<u64>,
    /// Tasks that may hold a slot at once, work that is being stopped included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_max: Option<u32>,
}

/// Which quota stood in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaOf {
    /// That of a capability.
    Capability(Text),
    /// That of a tenant.
    Tenant(Text),
}

impl Quota {
    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Quota::default()
    }
}

impl Policies {
    /// When breakers open for this capability.
    #[must_use]
    pub fn breaker_of(&self, capability: &Text) -> &BreakerPolicy {
        let own = self.capabilities.get(capability).and_then(|it| it.breaker.as_ref());
        own.unwrap_or(&self.breaker)
    }

    /// The names in it, to be held against the limits.
    fn names(&self) -> impl Iterator<Item = &Text> {
        let supervisors = self.supervisors.named.iter();
        let supervised = supervisors.flat_map(|it| it.children.iter().chain([&it.name]));
        let tenants = self.tenants.keys().chain(self.ceilings.tenants.keys());
        self.capabilities.keys().chain(tenants).chain(supervised)
    }

    /// The limit that it exceeds, if it does.
    pub(crate) fn exceeds(&self, limits: &Limits) -> Option<u64> {
        let names_max = limits.policies_max as usize;
        if self.names().count() > names_max {
            return Some(u64::from(limits.policies_max));
        }
        let asked = self.capabilities.values().map(|policy| policy.routing.bidders_max());
        if asked.max().is_some_and(|max| max > limits.bidders_max) {
            return Some(u64::from(limits.bidders_max));
        }
        let waits = self.capabilities.values().filter_map(|policy| policy.routing.wait_ms());
        if waits.max().is_some_and(|wait_ms| wait_ms > limits.delay_max_ms) {
            return Some(limits.delay_max_ms);
        }
        let too_long = self.names().any(|name| name.len() > limits.name_max_bytes);
        too_long.then_some(limits.name_max_bytes as u64)
    }
}
