//! An agent gets other slots.

use super::pause::presence;
use crate::kernel::Draft;
use crate::{AgentId, Answer, Event, Refusal};

/// What runs beyond the new number may finish; nothing new begins until there is room again. It
/// holds until the agent joins anew and says how many it has.
pub(crate) fn resize(draft: &mut Draft<'_>, agent: AgentId, slots: u32) -> Result<Answer, Refusal> {
    presence(draft, agent)?;
    if draft.agent(agent).is_some_and(|agent| agent.spec.slots != slots) {
        draft.record(Event::AgentResized { agent, slots });
    }
    Ok(Answer::Done)
}
