//! The preferred agents first, among them the one with the lowest load, among equals the one that
//! has been without new work for longest.
//!
//! Load is slots in use over slots, so a large agent and a small one fill evenly. The last rule
//! spreads work over an idle fleet instead of always waking the first.

use super::{Candidate, Decision, Reason};
use crate::AgentId;
use crate::index::{Free, Index, ShapeId};

/// Chooses among the free agents of a shape. `shun` failed this task last: any other goes before
/// it.
pub(crate) fn pick(
    index: &Index,
    shape: ShapeId,
    shun: Option<AgentId>,
) -> Option<(AgentId, Decision)> {
    let mut best: [Option<(i32, Free)>; Decision::CANDIDATES_MAX] = [None; 8];
    let mut decision = Decision::default();
    for profile in index.profiles_of(shape) {
        decision.paused += profile.members - profile.available;
        decision.busy += profile.available - profile.free.len() as u32;
        let prefer = profile.key.prefer;
        for free in profile.free.iter().take(best.len()) {
            insert(&mut best, (prefer, *free));
        }
    }
    decision.breaker_open = index.barred_from(shape);
    decision.not_serving = index.present_in(shape) - decision.busy - decision.paused;
    decision.not_serving = decision.not_serving.saturating_sub(decision.breaker_open);
    let free: u32 = index.profiles_of(shape).map(|profile| profile.free.len() as u32).sum();
    decision.not_serving = decision.not_serving.saturating_sub(free);
    let first = best[0]?;
    let spared = best[1].filter(|_| shun == Some(first.1.agent));
    let (_, chosen) = spared.unwrap_or(first);
    decision.reason = match (spared, best[1]) {
        (Some(_), _) => Reason::AnotherThanLast,
        (None, None) => Reason::Only,
        (None, Some((prefer, _))) if prefer < first.0 => Reason::Preferred,
        (None, Some((_, next))) if next.load > chosen.load => Reason::LeastLoaded,
        (None, Some(_)) => Reason::LongestIdle,
    };
    if best[1].is_some() {
        let candidate = |(prefer, free): &(i32, Free)| Candidate {
            agent: free.agent,
            prefer: *prefer,
            load: free.load,
        };
        decision.candidates = best.iter().flatten().map(candidate).collect();
    }
    Some((chosen.agent, decision))
}

/// Keeps the best few in order; what does not fit falls off the end.
fn insert(best: &mut [Option<(i32, Free)>], mut candidate: (i32, Free)) {
    for place in best {
        match place {
            None => {
                *place = Some(candidate);
                return;
            }
            Some(held) if better(&candidate, held) => std::mem::swap(held, &mut candidate),
            Some(_) => {}
        }
    }
}

fn better(a: &(i32, Free), b: &(i32, Free)) -> bool {
    (b.0, a.1) < (a.0, b.1)
}
