//! Two are drawn, and the less loaded gets it.
//!
//! Why not always the least loaded? Where loads are known late, everybody sends to the same idle
//! agent at once. Two choices keep the longest queue at log log n (Mitzenmacher, 2001) and spread
//! work that comes in bursts.

use super::decision::{Candidate, Decision, PolicyKind, Reason};
use super::preferred;
use crate::{AgentId, State, Task};

/// `plain` is what the lowest load would give, with the counts of whoever is out of the question.
pub(super) fn pick(
    state: &State,
    task: &Task,
    draw: u64,
    plain: (AgentId, Decision),
) -> (AgentId, Decision) {
    let candidates = preferred(state, task, draw);
    let policy = PolicyKind::PowerOfTwo;
    let (agent, mut decision) = plain;
    let Some((one, other)) = two(candidates.len(), draw) else {
        return (agent, Decision { policy, ..decision });
    };
    let mut drawn = [candidates[one], candidates[other]];
    drawn.sort_by_key(|it| it.free);
    decision.candidates = drawn.iter().map(|it| Candidate::of(it, None)).collect();
    (drawn[0].free.agent, Decision { policy, reason: Reason::TwoDrawn, ..decision })
}

/// Two different places out of so many.
fn two(count: usize, draw: u64) -> Option<(usize, usize)> {
    let count = u64::try_from(count).ok().filter(|count| *count >= 2)?;
    let (one, step) = ((draw & 0xffff_ffff) % count, 1 + (draw >> 32) % (count - 1));
    Some((one as usize, ((one + step) % count) as usize))
}

#[cfg(test)]
mod tests {
    use super::two;
    use crate::rule::backoff::draw;

    #[test]
    fn two_are_different_and_everybody_is_drawn() {
        let mut counts = [0u32; 5];
        let mut seed = 3;
        for _ in 0..10_000 {
            let (drawn, next) = draw(seed);
            seed = next;
            let (one, other) = two(5, drawn).unwrap();
            assert_ne!(one, other);
            counts[one] += 1;
            counts[other] += 1;
        }
        assert!(counts.iter().all(|it| (3_800..4_200).contains(it)), "{counts:?}");
        assert_eq!(two(1, 9), None);
    }
}
