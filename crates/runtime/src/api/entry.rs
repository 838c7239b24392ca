//! An agent before it joins: how it introduces itself, and what it does.

use super::ask::parse_capability;
use super::handles::NativeAgent;
use super::stateful::Stateful;
use super::{Handler, native};
use crate::port::Agent;
use kernel::{AgentSpec, Serves, Versions};
use std::sync::Arc;

/// One agent of a team, before it joins.
pub struct AgentEntry {
    /// How it introduces itself.
    pub spec: AgentSpec,
    /// What it does.
    pub agent: Arc<dyn Agent>,
}

impl AgentEntry {
    /// An agent that serves these capabilities (`name` or `name@version`) in `slots` at once.
    pub fn new(
        name: &str,
        kind: &str,
        serves: &[&str],
        slots: u32,
        agent: Arc<dyn Agent>,
    ) -> AgentEntry {
        let serves = serves.iter().map(|text| {
            let (capability, versions) = parse_capability(text);
            let version = if versions == Versions::ANY { 1 } else { versions.min };
            Serves { capability: capability.into(), version }
        });
        let spec = AgentSpec::new(name, kind, serves.collect(), slots);
        AgentEntry { spec, agent }
    }

    /// A Rust function, made a capability by `#[capability]`, that works on `slots` tasks at once:
    /// `AgentEntry::native("counter", 4, count)`.
    pub fn native<H: Handler>(name: &str, slots: u32, handler: fn() -> H) -> AgentEntry {
        let serves = format!("{}@{}", H::NAME, H::VERSION);
        AgentEntry::new(name, "native", &[&serves], slots, native(handler))
    }

    /// An agent of a Rust type, made by `make` for each of its lives: at the join, and whenever its
    /// supervisor starts it again. What it needs, `make` has captured.
    pub fn stateful<A: NativeAgent>(
        name: &str,
        slots: u32,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> AgentEntry {
        let serves = A::serves().iter().map(|it| it.to_kernel()).collect();
        let spec = AgentSpec::new(name, "native", serves, slots);
        AgentEntry { spec, agent: Arc::new(Stateful::new(name, slots, make)) }
    }
}
