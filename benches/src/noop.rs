//! A team of one agent that does nothing, and a task's life with it.

use anyhow::{Result, anyhow};
use kernel::Terms;
use majordomo::{AgentEntry, Context, Team, TeamBuilder, capability};
use runtime::api::native;

#[capability("bench.noop@1")]
pub(crate) async fn noop(_: Context, _: String) -> majordomo::Result<()> {
    Ok(())
}

/// The agent, with so many slots.
pub(crate) fn agent(name: &str, slots: usize) -> AgentEntry {
    AgentEntry::new(name, "native", &["bench.noop@1"], slots as u32, native(noop))
}

/// A team of it, with a slot for every task in flight.
pub(crate) async fn start(team: TeamBuilder, slots: usize) -> Result<Team> {
    Ok(team.agent(agent("noop", slots)).start().await?)
}

/// One task with 200 bytes of input, from its submission to its outcome.
pub(crate) async fn life(team: Team) -> Result<()> {
    let input = format!("\"{}\"", "x".repeat(198)).into_bytes();
    let ticket = team.submit(Terms::new("bench.noop"), input, Default::default()).await;
    let ticket = ticket.map_err(|why| anyhow!(why.message))?;
    ticket.outcome().await.map(|_| ()).map_err(|why| anyhow!(why.message))
}
