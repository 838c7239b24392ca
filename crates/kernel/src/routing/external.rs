//! Whoever an adviser names: an agent that serves `route`, so a model can route with no special
//! feature. What it says is data: it is held against the agents of the moment in which the task is
//! granted, and where it does not fit, comes late or not at all, the lowest load decides.

use super::Route;
use super::decision::{Decision, Fallback, PolicyKind, Reason};
use crate::mutant::{Mutant, planted};
use crate::state::{Advice, Deliberation};
use crate::{AgentId, Event, Payload, Record, Routing, Serves, State, Task, TaskId, Text, Time};

/// What an adviser is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which task is to be routed.
    pub task: TaskId,
    /// Its advice counts until then; also which question it is, of several about one task.
    pub until: Time,
    /// What is asked of the agent.
    pub capability: Text,
    /// The team that the task belongs to.
    pub team: Text,
    /// Whose work it is.
    pub tenant: Text,
    /// With what.
    pub input: Payload,
    /// Who could have it now, at most [`Decision::CANDIDATES_MAX`].
    pub candidates: Vec<Advisable>,
}

/// One agent that an adviser may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisable {
    /// Its name.
    pub agent: Text,
    /// What it serves.
    pub serves: Vec<Serves>,
    /// Slots in use, in 1/1024 of its slots; of fewer while it is new and has completed little.
    pub load: u32,
    /// Its declared preference.
    pub prefer: i32,
    /// How well it has done lately.
    pub record: Record,
}

/// Asks first, then takes the first one named that may have the task now. With nobody to choose
/// from, nobody is asked.
pub(super) fn route(
    state: &State,
    now: Time,
    task: &Task,
    wait_ms: u64,
    plain: (AgentId, Decision),
) -> Route {
    let policy = PolicyKind::External;
    let (agent, decision) = plain;
    let (advice, until) = match state.deliberations.get(&task.id) {
        Some(Deliberation::Asked { until, advice }) => (advice, *until),
        Some(Deliberation::Held { .. }) | None if decision.candidates.len() < 2 => {
            return Route::To(agent, Decision { policy, ..decision });
        }
        Some(Deliberation::Held { .. }) | None => {
            let step = Routing::AdviceAsked { until: now.after(wait_ms) };
            return Route::Later(Event::Routing { task: task.id, step });
        }
    };
    let fits = |agent: &&AgentId| {
        state.index.is_free_for(**agent, task.shape) || planted(Mutant::AdviceUnchecked)
    };
    let words = advice.as_ref().map(|it| it.words.clone()).filter(|it| !it.is_empty());
    let named = advice.as_ref().and_then(|it| it.ranking.iter().find(fits)).copied();
    let fallback = match advice {
        Some(_) if named.is_some() => None,
        Some(Advice { ranking, .. }) if ranking.is_empty() => Some(Fallback::NoOpinion),
        Some(_) => Some(Fallback::AdviceUnfit),
        None => Some(Fallback::NoAdvice),
    };
    debug_assert!(advice.is_some() || until <= now);
    let reason = if named.is_some() { Reason::Advised } else { decision.reason };
    let decision = Decision { policy, reason, fallback, words, ..decision };
    Route::To(named.unwrap_or(agent), decision)
}

/// What to ask about a task, as things are now.
pub(crate) fn question(state: &State, task: &Task, until: Time) -> Question {
    let turn = until.0;
    let able = state.index.candidates(task.shape, task.terms.wish.as_deref(), turn);
    let advisable = |it: &crate::index::Able| {
        let agent = state.agent(it.free.agent)?;
        Some(Advisable {
            agent: agent.spec.name.clone(),
            serves: agent.spec.serves.clone(),
            load: it.free.load,
            prefer: it.prefer,
            record: agent.record,
        })
    };
    let candidates = able.iter().filter_map(advisable).take(Decision::CANDIDATES_MAX);
    Question {
        task: task.id,
        until,
        capability: task.terms.capability.clone(),
        team: task.terms.team.clone(),
        tenant: task.terms.tenant.clone(),
        input: task.input.clone(),
        candidates: candidates.collect(),
    }
}
