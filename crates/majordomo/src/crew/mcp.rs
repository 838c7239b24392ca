//! Servers of MCP of a team file, made ready to join.

use super::Error;
use crate::team::mcp::Mcp as Said;
use adapters::agent::mcp::{Address, Limits, Mcp, Served, Server, Spec, Token};
use adapters::process::Program;
use adapters::secrets::Local;
use runtime::port::Agent;
use std::sync::Arc;

/// The agent of this name.
pub(super) fn agent(name: &str, said: &Said) -> Result<Arc<dyn Agent>, Error> {
    let unfit = |why: String| Error::Mcp { agent: name.to_owned(), why };
    let server = match &said.url {
        None => Server::Program(program(said)),
        Some(url) => {
            let token = said.token.as_deref().map(token).transpose().map_err(unfit)?;
            Server::Remote { address: Address::new(url).map_err(unfit)?, token }
        }
    };
    let tools = said.tools.served(name).into_iter();
    let tools = tools.map(|(tool, capability)| Served { tool, capability }).collect();
    let spec = Spec { server, tools, slots: said.common.slots, limits: limits(said) };
    Ok(Arc::new(Mcp::new(spec)))
}

fn program(said: &Said) -> Program {
    let mut program = Program::new(said.argv.clone());
    program.directory = said.dir.as_ref().map(Into::into);
    program.inherit.extend(said.env.iter().cloned());
    program.set.clone_from(&said.set);
    program
}

fn token(named: &str) -> Result<Token, String> {
    let reference = named.parse().map_err(|why| format!("`token`: {why}"))?;
    Ok(Token { reference, secrets: Arc::new(Local) })
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
