//! An agent goes.

use super::{Presence, supervise};
use crate::kernel::Draft;
use crate::{AgentId, Answer, Event, Loss, Refusal, TaskId, Time, Token, task};

/// What it holds is stopped and given to others; nobody is charged.
pub(crate) fn leave(draft: &mut Draft<'_>, agent: AgentId) -> Result<Answer, Refusal> {
    let present = draft.agent(agent).filter(|agent| agent.presence != Presence::Left);
    present.ok_or(Refusal::UnknownAgent(agent))?;
    let held: Vec<(TaskId, Token)> = draft
        .tasks()
        .filter_map(|task| task.status.lease().map(|lease| (task.id, *lease)))
        .filter(|(_, lease)| lease.agent == agent)
        .map(|(task, lease)| (task, lease.token))
        .collect();
    draft.record(Event::AgentLeft { agent });
    for (id, token) in held {
        task::attempt_lost(draft, id, token, Loss::AgentLeft, Time(0));
    }
    supervise::advance(draft, agent); // A restart it was part of goes on without it.
    Ok(Answer::Done)
}
