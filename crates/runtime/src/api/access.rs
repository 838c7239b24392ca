//! Agents that say and hear on the bus only what is listed: `entry.bus_access(access)`.

use super::{AgentEntry, Context, Failure};
use crate::bus::Access;
use crate::port::{Agent, BoxFuture};
use serde_json::Value;
use std::sync::Arc;

/// An agent, and what each of its attempts may do on the bus.
struct Listed {
    agent: Arc<dyn Agent>,
    access: Arc<Access>,
}

impl Agent for Listed {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        // Before any of its code runs, so that there is no moment in which it may more.
        cx.restrict(self.access.clone());
        self.agent.run(cx)
    }

    fn inner(&self) -> Option<&dyn Agent> {
        Some(&*self.agent)
    }
}

impl AgentEntry {
    /// The same agent, which may publish and subscribe to what is listed, and to nothing else,
    /// whatever the [`crate::bus::Policy`] of the process says of its name. Said twice, what was
    /// said last holds.
    #[must_use]
    pub fn bus_access(mut self, access: Access) -> AgentEntry {
        self.agent = Arc::new(Listed { agent: self.agent, access: Arc::new(access) });
        self
    }
}
