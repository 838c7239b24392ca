//! Servers of MCP of a team file, made ready to join.

use crate::team::mcp::Mcp as Said;
use adapters::agent::mcp::{Limits, Mcp, Served, Server, Spec};
use adapters::process::Program;
use runtime::port::Agent;
use std::sync::Arc;

/// The agent of this name.
pub(super) fn agent(name: &str, said: &Said) -> Arc<dyn Agent> {
    let mut program = Program::new(said.argv.clone());
    program.directory = said.dir.as_ref().map(Into::into);
    program.inherit.extend(said.env.iter().cloned());
    program.set.clone_from(&said.set);
    let tools = said.tools.served(name).into_iter();
    let tools = tools.map(|(tool, capability)| Served { tool, capability }).collect();
    let spec = Spec {
        server: Server::Program(program),
        tools,
        slots: said.common.slots,
        limits: limits(said),
    };
    Arc::new(Mcp::new(spec))
}

fn limits(said: &Said) -> Limits {
    let mut limits = Limits { grace_ms: said.grace.as_ms(), ..Limits::default() };
    if let Some(timeout) = said.common.timeout {
        limits.call_ms = Some(timeout.as_ms());
    }
    if let Some(memory) = said.memory {
        limits.memory_max_bytes = Some(memory.as_bytes());
    }
    if let Some(max) = said.output_max {
        limits.message_max_bytes = usize::try_from(max.as_bytes()).unwrap_or(usize::MAX);
    }
    limits
}
