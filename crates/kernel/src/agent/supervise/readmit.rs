//! A person has an agent started again, whatever became of it.

use super::restart::{ids, plan};
use super::tree::supervisors_of;
use crate::agent::Presence;
use crate::kernel::Draft;
use crate::{AgentId, Answer, Planned, Refusal, Supervised};

/// One that runs is stopped and started; one that was given up comes back with everybody who was
/// given up with it, and what was counted against them is forgotten. Counts for nothing.
pub(crate) fn restart_agent(draft: &mut Draft<'_>, agent: AgentId) -> Result<Answer, Refusal> {
    let known = draft.agent(agent).filter(|it| it.presence != Presence::Left && !it.spec.remote);
    let known = known.ok_or(Refusal::UnknownAgent(agent))?;
    let (team, name) = (known.spec.team.clone(), known.spec.name.clone());
    let policies = supervisors_of(draft, &team);
    let tree = &policies.supervisors;
    let rungs = tree.climb(&team, &name).rungs;
    let mut members = vec![agent];
    let mut forgets = Vec::new();
    if known.life.given_up.is_some() {
        let top = rungs.last().map_or(&name, |rung| &rung.child);
        let is_given_up =
            |id: &AgentId| draft.agent(*id).is_some_and(|it| it.life.given_up.is_some());
        members = ids(draft, &tree.agents_below(top)).into_iter().filter(is_given_up).collect();
        forgets = rungs.into_iter().map(|rung| rung.level).collect();
    }
    for id in &members {
        let given_up = draft.agent(*id).is_some_and(|it| it.life.given_up.is_some());
        if given_up {
            draft.supervise(Supervised::Readmitted { agent: *id });
        }
    }
    let stop = members.iter().rev().copied().collect();
    let (counted, at) = (None, draft.now);
    plan(draft, Planned { agent, counted, forgets, stop, start: members, at });
    Ok(Answer::Done)
}
