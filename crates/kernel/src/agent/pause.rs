//! An agent gets no new work for a while.

use super::Presence;
use crate::kernel::Draft;
use crate::{AgentId, Answer, Event, Refusal};

pub(crate) fn pause(draft: &mut Draft<'_>, agent: AgentId) -> Result<Answer, Refusal> {
    if presence(draft, agent)? == Presence::Active {
        draft.record(Event::AgentPaused { agent });
    }
    Ok(Answer::Done)
}

pub(crate) fn unpause(draft: &mut Draft<'_>, agent: AgentId) -> Result<Answer, Refusal> {
    if matches!(presence(draft, agent)?, Presence::Paused | Presence::Draining) {
        draft.record(Event::AgentUnpaused { agent });
    }
    Ok(Answer::Done)
}

/// How present it is; one that left is unknown.
pub(super) fn presence(draft: &Draft<'_>, agent: AgentId) -> Result<Presence, Refusal> {
    let known = draft.agent(agent).map(|agent| agent.presence);
    known.filter(|it| *it != Presence::Left).ok_or(Refusal::UnknownAgent(agent))
}
