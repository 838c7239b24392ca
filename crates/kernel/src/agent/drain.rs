//! An agent is to go, and nothing it has begun is to be lost.

use super::Presence;
use super::pause::presence;
use crate::kernel::Draft;
use crate::{AgentId, Answer, Event, Refusal};

/// It gets no new work. What it has begun it finishes, what waits for steps too, and then it
/// leaves. Unpausing calls that off.
pub(crate) fn drain(draft: &mut Draft<'_>, agent: AgentId) -> Result<Answer, Refusal> {
    if presence(draft, agent)? != Presence::Draining {
        draft.record(Event::AgentDraining { agent });
    }
    Ok(Answer::Done)
}

/// Those who were to finish what they had, and have, leave.
pub(crate) fn dismiss(draft: &mut Draft<'_>) {
    while let Some(agent) = draft.index.next_drained() {
        draft.record(Event::AgentLeft { agent });
    }
}
