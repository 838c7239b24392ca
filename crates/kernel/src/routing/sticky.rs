//! The same agent for the same key, while it may have work.
//!
//! The owner of a key is found by rendezvous hashing over the most preferred agents that may have
//! the work, busy or not ([`crate::rule::rendezvous`]). If the owner is busy the task waits for it,
//! in a queue of the owner's own, for at most `wait_ms`; then whoever is free and next in the key's
//! order gets it. A retry goes to the owner as well: what makes an agent worth sticking to, it has
//! not lost by one failure. Tasks without a key are routed plainly.

use super::Route;
use super::decision::{Candidate, Decision, Fallback, PolicyKind, Reason};
use crate::index::Able;
use crate::mutant::{Mutant, planted};
use crate::rule::rendezvous::{hash, weight};
use crate::state::Deliberation;
use crate::{AgentId, Event, Routing, State, Task, Time};
use std::cmp::Reverse;

/// `plain` is what the lowest load would give, with the counts of whoever is out of the question.
pub(super) fn route(
    state: &State,
    now: Time,
    task: &Task,
    wait_ms: u64,
    plain: (AgentId, Decision),
) -> Option<Route> {
    let (agent, decision) = plain;
    let policy = PolicyKind::Sticky;
    let Some(key) = task.affinity.as_deref() else {
        let fallback = Some(Fallback::NoKey);
        return Some(Route::To(agent, Decision { policy, fallback, ..decision }));
    };
    let key = if planted(Mutant::StickyIgnoresKey) { task.id.0 } else { hash(key) };
    let (index, shape, wish) = (&state.index, task.shape, task.terms.wish.as_deref());
    let mut order: Vec<(bool, i32, AgentId)> = index.eligible(shape, wish).collect();
    order.sort_by_cached_key(|it| Reverse((it.0, it.1, weight(key, it.2))));
    let (.., owner) = *order.first()?;
    let held = state.deliberations.get(&task.id);
    let waited = matches!(held, Some(Deliberation::Held { over: true, .. }));
    if index.free_place(owner, shape).is_none() && !waited && wait_ms > 0 {
        let step = Routing::Held { agent: owner, until: now.after(wait_ms) };
        return Some(Route::Later(Event::Routing { task: task.id, step }));
    }
    let able = |(wished, prefer, agent): &(bool, i32, AgentId)| {
        let free = index.free_place(*agent, shape)?;
        Some(Able { wished: *wished, prefer: *prefer, free })
    };
    let free: Vec<Able> = order.iter().filter_map(able).collect();
    let chosen = free.first().map_or(agent, |it| it.free.agent);
    let reason = if chosen == owner { Reason::OwnsKey } else { Reason::NextForKey };
    let candidates = free.iter().take(Decision::CANDIDATES_MAX);
    let candidates = candidates.map(|it| Candidate::of(it, None)).collect();
    Some(Route::To(chosen, Decision { policy, reason, candidates, ..decision }))
}

/// The decision for a task that waited for one agent: the owner of its key, or, where the policy
/// has changed since, whoever had bid best.
pub(super) fn kept(state: &State, task: &Task) -> Decision {
    debug_assert!(state.deliberations.contains_key(&task.id));
    let (policy, reason) = (PolicyKind::Sticky, Reason::OwnsKey);
    Decision { policy, reason, ..Decision::default() }
}
