//! A restart goes on: stop the next, then start the next, one at a time.

use super::exit::{living, lose};
use crate::agent::{Next, Stage};
use crate::kernel::Draft;
use crate::{AgentId, Answer, Refusal, Supervised};

/// Does what the restart that this agent is part of wants next. Stopping is one after the other, in
/// reverse start order, and starting in start order, for later children may depend on earlier ones.
pub(crate) fn advance(draft: &mut Draft<'_>, agent: AgentId) {
    if let Some(number) = draft.agent(agent).and_then(|it| it.life.plan) {
        go_on(draft, number);
    }
}

/// The same, by the number of the restart: its moment has come.
pub(crate) fn go_on(draft: &mut Draft<'_>, number: u64) {
    let Some(plan) = draft.supervision.plans.get(&number) else { return };
    match draft.next_of(plan) {
        Next::Stop(agent) => {
            lose(draft, agent, true);
            let life = draft.agent(agent).map_or(0, |it| it.life.number);
            draft.supervise(Supervised::Stopping { agent, life });
        }
        Next::Start(agent) if plan.at <= draft.now => {
            let life = draft.agent(agent).map_or(0, |it| it.life.number) + 1;
            draft.supervise(Supervised::Starting { agent, life });
        }
        Next::Start(_) | Next::Wait | Next::Done => {}
    }
}

/// It runs.
pub(crate) fn started(draft: &mut Draft<'_>, agent: AgentId, life: u64) -> Result<Answer, Refusal> {
    let known = living(draft, agent, life)?;
    if known.life.stage == Stage::Starting {
        let plan = known.life.plan;
        draft.supervise(Supervised::Started { agent, life });
        if let Some(number) = plan {
            go_on(draft, number);
        }
    }
    Ok(Answer::Done)
}
