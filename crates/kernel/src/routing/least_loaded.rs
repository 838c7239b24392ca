//! Those that the task wishes first, then the preferred agents, among them the one with the lowest
//! load, among equals the one that has been without new work for longest.
//!
//! Load is slots in use over slots, so a large agent and a small one fill evenly; an agent that has
//! just come counts as smaller than it is until it has completed as much as it has slots, so that
//! it is not flooded. The last rule spreads work over an idle fleet instead of always waking the
//! first.

use super::{Candidate, Decision, Reason};
use crate::index::{Able, Index, Miss, ShapeId};
use crate::{AgentId, Constraint};

/// Chooses among the free agents of a shape. `shun` failed this task last: any other goes before
/// it. `wish` is what the task would like.
pub(crate) fn pick(
    index: &Index,
    shape: ShapeId,
    shun: Option<AgentId>,
    wish: Option<&Constraint>,
) -> Option<(AgentId, Decision)> {
    let weight = index.shapes[shape.0 as usize].key.weight;
    let mut best: [Option<Able>; Decision::CANDIDATES_MAX] = [None; 8];
    for profile in index.profiles_of(shape) {
        let wished = wish.is_some_and(|wish| wish.is_met_by(&profile.key.labels));
        let prefer = profile.key.prefer;
        for free in profile.free_for(weight).take(best.len()) {
            insert(&mut best, Able { wished, prefer, free: *free });
        }
    }
    let first = best[0]?;
    let mut decision = excluded(index, shape, weight);
    let spared = best[1].filter(|_| shun == Some(first.free.agent));
    let chosen = spared.unwrap_or(first).free;
    decision.reason = match (spared, best[1]) {
        (Some(_), _) => Reason::AnotherThanLast,
        (None, None) => Reason::Only,
        (None, Some(next)) if next.wished != first.wished => Reason::Wished,
        (None, Some(next)) if next.prefer < first.prefer => Reason::Preferred,
        (None, Some(next)) if next.free.load > chosen.load => Reason::LeastLoaded,
        (None, Some(_)) => Reason::LongestIdle,
    };
    if best[1].is_some() {
        decision.candidates = best.iter().flatten().map(|it| Candidate::of(it, None)).collect();
    }
    Some((chosen.agent, decision))
}

/// Counts the agents that cannot have a task of this shape now, by why.
pub(crate) fn excluded(index: &Index, shape: ShapeId, weight: u32) -> Decision {
    let mut decision = Decision::default();
    let mut free = 0;
    for profile in index.profiles_of(shape) {
        let (has_room, too_small) = (profile.count_free(weight), profile.too_small(weight));
        let available = profile.available();
        decision.paused += profile.members - available - profile.down;
        decision.down += profile.down;
        decision.too_small += too_small;
        decision.busy += available - has_room - too_small;
        free += has_room;
    }
    for (members, miss) in index.misses_of(shape) {
        match miss {
            Miss::Version => decision.version += members,
            Miss::Labels => decision.labels += members,
            Miss::Barred => decision.breaker_open += members,
        }
    }
    let Decision { busy, paused, down, breaker_open, version, labels, too_small, .. } = decision;
    let known = busy + paused + down + breaker_open + version + labels + too_small + free;
    decision.not_serving = index.present_in(shape).saturating_sub(known);
    decision
}

/// Keeps the best few in order; what does not fit falls off the end.
fn insert(best: &mut [Option<Able>], mut candidate: Able) {
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

fn better(a: &Able, b: &Able) -> bool {
    (b.wished, b.prefer, a.free) < (a.wished, a.prefer, b.free)
}
