//! An agent offers itself.

use super::{Agent, AgentSpec, Presence};
use crate::kernel::Draft;
use crate::{AgentId, Answer, Event, Refusal};
use std::sync::Arc;

/// A new agent gets a number; one that comes back under its name keeps its number and its record.
pub(crate) fn join(draft: &mut Draft<'_>, spec: Arc<AgentSpec>) -> Result<Answer, Refusal> {
    let limits = &draft.limits;
    let names = spec.serves.iter().map(|it| &it.capability).chain([&spec.name, &spec.team]);
    if names.into_iter().any(|name| name.len() > limits.name_max_bytes) {
        return Err(Refusal::TooLarge { max: limits.name_max_bytes as u64 });
    }
    // A remote agent may come back before it was missed; nobody may take a local one's name.
    let comes_back = |agent: &Agent| spec.remote && agent.spec.remote;
    let agent = match draft.agent_named(&spec.name) {
        Some(agent) if agent.presence != Presence::Left && !comes_back(agent) => {
            return Err(Refusal::NameTaken(spec.name.clone()));
        }
        Some(agent) => agent.id,
        None => AgentId(draft.agents.len() as u32),
    };
    if agent.0 >= limits.agents_max {
        return Err(Refusal::TooMany { max: u64::from(limits.agents_max) });
    }
    draft.record(Event::AgentJoined { agent, spec });
    Ok(Answer::Joined(agent))
}
