//! An agent before it joins: how it introduces itself, and what it does.

use super::contracts;
use super::handles::{NativeAgent, Served};
use super::stateful::Stateful;
use super::{Contract, Handler, native};
use crate::port::Agent;
use crate::secret::Given;
use kernel::{AgentSpec, Label, Serves};
use std::sync::Arc;

/// The label that is an agent's role.
pub(super) const ROLE: &str = "role";

/// One agent of a team, before it joins.
pub struct AgentEntry {
    /// How it introduces itself.
    pub spec: AgentSpec,
    /// What it does.
    pub agent: Arc<dyn Agent>,
    /// What goes into its capabilities and comes out of them, where it says so.
    pub contracts: Vec<(Serves, Contract)>,
    /// The secrets that it is given where a task names them.
    pub secrets: Given,
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
        let serves = serves.iter().map(|text| contracts::serves(text));
        let spec = AgentSpec::new(name, kind, serves.collect(), slots);
        AgentEntry { spec, agent, contracts: Vec::new(), secrets: Given::default() }
    }

    /// A Rust function, made a capability by `#[capability]`, that works on `slots` tasks at once:
    /// `AgentEntry::native("counter", 4, count)`.
    pub fn native<H: Handler>(name: &str, slots: u32, handler: fn() -> H) -> AgentEntry {
        let serves = format!("{}@{}", H::NAME, H::VERSION);
        let entry = AgentEntry::new(name, "native", &[&serves], slots, native(handler));
        entry.contract(&serves, Contract::of::<H>())
    }

    /// An agent of a Rust type, made by `make` for each of its lives: at the join, and whenever its
    /// supervisor starts it again. What it needs, `make` has captured.
    pub fn stateful<A: NativeAgent>(
        name: &str,
        slots: u32,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> AgentEntry {
        let serves = A::serves();
        let contracts = serves.iter().map(|it| (it.to_kernel(), (it.contract)())).collect();
        let serves = serves.iter().map(Served::to_kernel).collect();
        let spec = AgentSpec::new(name, "native", serves, slots);
        let agent = Arc::new(Stateful::new(name, slots, make));
        AgentEntry { spec, agent, contracts, secrets: Given::default() }
    }

    /// The same agent with a role in its team: it hears what is said to that role, by
    /// [`Context::broadcasts`](super::Context::broadcasts). It is the label `role`, so tasks can
    /// require it too.
    #[must_use]
    pub fn role(mut self, role: &str) -> AgentEntry {
        self.spec.labels.insert(ROLE.into(), Label::Text(role.into()));
        self
    }
}
