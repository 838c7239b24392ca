//! Signs of life stay out, and come again.
//!
//! Why not take its work away at once? The slow are not to be murdered: a missed heartbeat costs
//! new work only, and its leases decide about the work it has.

use super::exit::living;
use crate::kernel::Draft;
use crate::{AgentId, Answer, Refusal, Supervised};

/// It has missed its heartbeats.
pub(crate) fn suspect(draft: &mut Draft<'_>, agent: AgentId, life: u64) -> Result<Answer, Refusal> {
    if !living(draft, agent, life)?.life.suspected {
        draft.supervise(Supervised::Suspected { agent });
    }
    Ok(Answer::Done)
}

/// There is a sign of life again.
pub(crate) fn trust(draft: &mut Draft<'_>, agent: AgentId, life: u64) -> Result<Answer, Refusal> {
    if living(draft, agent, life)?.life.suspected {
        draft.supervise(Supervised::Trusted { agent });
    }
    Ok(Answer::Done)
}
