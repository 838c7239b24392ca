//! Breakers open, are tried again and close; and never is everyone shut out.
//!
//! Of the agents of a team that could get work of a capability, at most half are out by their
//! breakers at any time, and so one that is alone is never out: work that may fail is better than
//! none. (Envoy may always shut out one; ours may not when it is the last.) Where agents leave and
//! too many of those left are out, the one that would have come back first is tried at once.

use super::Presence;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::rule::breaker::{Phase, Verdict};
use crate::{AgentId, Answer, Event, Forced, Refusal, Text, Time};

/// An attempt of this agent has ended: what follows for its breaker.
pub(crate) fn judge(draft: &mut Draft<'_>, agent: AgentId, capability: &Text) {
    let Some(breaker) = draft.breakers.get(&(agent, capability.clone())) else { return };
    let policy = draft.breaker_policy(agent, capability);
    let capability = capability.clone();
    match breaker.verdict(&policy) {
        Verdict::Stay => {}
        Verdict::Close => draft.record(Event::BreakerClosed { agent, capability }),
        Verdict::Open(why) if may_open(draft, agent, &capability) => {
            let until = draft.now.after(breaker.open_ms(&policy));
            draft.record(Event::BreakerOpened { agent, capability, until, why });
        }
        // It cannot be spared: it is tried on and on, so many attempts at a time.
        Verdict::Open(_) if matches!(breaker.phase(), Phase::HalfOpen { .. }) => {
            draft.record(Event::BreakerHalfOpened { agent, capability });
        }
        Verdict::Open(_) => {}
    }
}

/// Whether one more may be out. One that gets no work anyway is not missed.
fn may_open(draft: &Draft<'_>, agent: AgentId, capability: &Text) -> bool {
    let Some(agent) = draft.agent(agent) else { return false };
    if agent.presence != Presence::Active || planted(Mutant::EjectEveryone) {
        return true;
    }
    let team = &agent.spec.team;
    let out = draft.index.out_of(team, capability);
    (out.open + out.forced + 1) * 2 <= draft.index.active_in(team, capability)
}

/// Where somebody came or went: if more than half are out, some are tried at once.
pub(crate) fn let_back(draft: &mut Draft<'_>) {
    while let Some((team, capability)) = draft.next_doubt() {
        if planted(Mutant::EjectEveryone) {
            continue;
        }
        let active = draft.index.active_in(&team, &capability);
        let out = draft.index.out_of(&team, &capability);
        if (out.open + out.forced) * 2 <= active {
            continue;
        }
        if let Some(agent) = first_back(draft, &team, &capability) {
            // This is doubtful again then, and asked once more.
            draft.record(Event::BreakerHalfOpened { agent, capability });
        }
    }
}

/// The one that would be tried first, of those who would get work.
fn first_back(draft: &Draft<'_>, team: &Text, capability: &Text) -> Option<AgentId> {
    let open = draft.breakers.iter().filter(|((_, it), _)| it == capability);
    let open = open.filter_map(|((id, _), breaker)| {
        let agent = draft.agent(*id)?;
        let counts = agent.presence == Presence::Active && agent.spec.team == *team;
        match breaker.phase() {
            Phase::Open { until } if counts => Some((*until, *id)),
            Phase::Open { .. } | Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    });
    open.min().map(|(_, agent): (Time, AgentId)| agent)
}

/// An operator opens or closes breakers of an agent, or lets its results decide again: that of one
/// capability, or of all that it serves.
pub(crate) fn force(
    draft: &mut Draft<'_>,
    id: AgentId,
    capability: Option<Text>,
    forced: Option<Forced>,
) -> Result<Answer, Refusal> {
    let agent = draft.agent(id).filter(|agent| agent.presence != Presence::Left);
    let agent = agent.ok_or(Refusal::UnknownAgent(id))?;
    let mut names: Vec<Text> = agent.spec.serves.iter().map(|it| it.capability.clone()).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(capability) = capability {
        if !names.contains(&capability) {
            return Err(Refusal::NotServed { agent: id, capability });
        }
        names = vec![capability];
    }
    for capability in names {
        let breaker = draft.breakers.get(&(id, capability.clone()));
        let same = match (breaker, forced) {
            (Some(breaker), Some(_)) => breaker.forced() == forced,
            (None, Some(_)) | (Some(_), None) => false,
            (None, None) => true,
        };
        if !same {
            draft.record(Event::BreakerForced { agent: id, capability, forced });
        }
    }
    Ok(Answer::Done)
}
