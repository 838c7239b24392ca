//! Something has died, or says so.

use super::restart::restart;
use super::{Exit, advance};
use crate::agent::{Agent, Presence, Stage};
use crate::command::{Exited, Extent};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{
    AgentId, Answer, AttemptId, Failure, FailureKind, Lease, Loss, Refusal, Restart, Status,
    Supervised, Task, Time, task,
};

/// Hears that a life has ended: ends what it held, and decides what is started again.
pub(crate) fn exited(draft: &mut Draft<'_>, exited: Exited) -> Result<Answer, Refusal> {
    let Exited { agent, life, reason, extent } = exited;
    let known = living(draft, agent, life)?;
    if known.spec.remote {
        return crate::agent::leave(draft, agent); // Whoever runs it starts it again.
    }
    let stage = known.life.stage;
    let told = matches!(stage, Stage::Condemned | Stage::Stopping);
    let again = if told { is_to_start(draft, agent) } else { comes_back(draft, known, &reason) };
    let rest = !again;
    draft.supervise(Supervised::Exited { agent, life, reason: reason.clone(), rest });
    let whole = extent == Extent::Whole;
    match (&reason, told) {
        (Exit::Abnormal(why), false) if whole => charge(draft, agent, why),
        (_, _) => lose(draft, agent, whole || told),
    }
    if told || !again {
        advance(draft, agent);
    } else {
        restart(draft, agent, extent);
    }
    Ok(Answer::Done)
}

/// The agent, if this is its present life and that has not ended.
pub(super) fn living<'d>(
    draft: &'d Draft<'_>,
    agent: AgentId,
    life: u64,
) -> Result<&'d Agent, Refusal> {
    let known = draft.agent(agent).filter(|it| it.presence != Presence::Left);
    let known = known.ok_or(Refusal::UnknownAgent(agent))?;
    if known.life.number != life || !known.life.stage.is_alive() {
        return Err(Refusal::StaleToken);
    }
    Ok(known)
}

/// Whether the restart that stops it starts it too.
fn is_to_start(draft: &Draft<'_>, agent: AgentId) -> bool {
    let plan = draft.agent(agent).and_then(|it| it.life.plan);
    let plan = plan.and_then(|number| draft.supervision.plans.get(&number));
    plan.is_some_and(|plan| plan.start.contains(&agent))
}

/// Whether it is started again of itself.
fn comes_back(draft: &Draft<'_>, agent: &Agent, reason: &Exit) -> bool {
    if draft.draining || agent.life.given_up.is_some() {
        return false;
    }
    match agent.spec.restart {
        Restart::Permanent => true,
        Restart::Transient => matches!(reason, Exit::Abnormal(_)),
        Restart::Temporary => planted(Mutant::TemporaryRestarted),
    }
}

/// What it still held died with it, which is the attempts' failure.
fn charge(draft: &mut Draft<'_>, agent: AgentId, why: &str) {
    for (by, _) in held(draft, agent) {
        let failure = Failure::new(FailureKind::Crash, format!("its agent died: {why}"));
        task::attempt_failed(draft, by, failure, true);
    }
}

/// What it held goes to others, and nobody is charged: all of it, or what it has not begun.
pub(super) fn lose(draft: &mut Draft<'_>, agent: AgentId, all: bool) {
    for (by, begun) in held(draft, agent) {
        if all || !begun {
            task::attempt_lost(draft, by.task, by.token, Loss::AgentRestarted, Time(0));
        }
    }
}

/// The attempts that an agent holds, and whether it has begun them.
fn held(draft: &Draft<'_>, agent: AgentId) -> Vec<(AttemptId, bool)> {
    let begun = |status: &Status| !matches!(status, Status::Assigned(_));
    let of = |task: &Task| {
        let lease: &Lease = task.status.lease().filter(|lease| lease.agent == agent)?;
        Some((AttemptId { task: task.id, token: lease.token }, begun(&task.status)))
    };
    draft.tasks().filter_map(of).collect()
}
