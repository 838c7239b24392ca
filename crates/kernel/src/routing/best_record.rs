//! Whoever has done best lately, by its decayed record: success and working time.
//!
//! The score is success² ÷ working time. An agent that fails half the time costs twice its time and
//! half the task's attempts as well, hence the square. Whoever is best would get everything, and
//! nothing would be learned of the others; so a share of the grants, drawn from the seed, goes to
//! whoever has the fewest results. A new agent is tried that way, and a bad one is never given up:
//! while it gets nothing, the others' results grow past its own.

use super::decision::{Candidate, Decision, PolicyKind, Reason};
use super::preferred;
use crate::index::Able;
use crate::mutant::{Mutant, planted};
use crate::{Agent, AgentId, Record, State, Task};

/// `plain` is what the lowest load would give, with the counts of whoever is out of the question.
pub(super) fn pick(
    state: &State,
    task: &Task,
    explore_percent: u32,
    draw: u64,
    plain: (AgentId, Decision),
) -> (AgentId, Decision) {
    let policy = PolicyKind::BestRecord;
    let able = preferred(state, task, draw);
    let (agent, mut decision) = plain;
    if able.len() < 2 {
        return (agent, Decision { policy, ..decision });
    }
    let record =
        |it: &Able| state.agent(it.free.agent).map_or_else(Record::default, |it| it.record);
    let slowest_ms = able.iter().map(|it| record(it).work_ms()).max().unwrap_or(0);
    let scored = able.iter().map(|it| (score(&record(it), slowest_ms), *it));
    let mut scored: Vec<(u64, Able)> = scored.collect();
    scored.sort_by_key(|(score, it)| (std::cmp::Reverse(*score), it.free));
    let results = |it: &Able| state.agent(it.free.agent).map_or(0, Agent::results);
    let explores = draw % 100 < u64::from(explore_percent) && !planted(Mutant::ExploresNever);
    let (chosen, reason) = if explores {
        let least = scored.iter().min_by_key(|(_, it)| (results(it), it.free));
        (least.map_or(agent, |(_, it)| it.free.agent), Reason::Explored)
    } else {
        (scored[0].1.free.agent, Reason::BestRecord)
    };
    scored.truncate(Decision::CANDIDATES_MAX);
    let candidates = scored.iter().map(|(score, it)| Candidate::of(it, Some(*score)));
    decision.candidates = candidates.collect();
    (chosen, Decision { policy, reason, ..decision })
}

/// Millionths of a success a second, squared in success. Whoever has completed nothing yet is taken
/// to be as slow as the slowest: what it can do is for exploration to find out.
fn score(record: &Record, slowest_ms: u64) -> u64 {
    let success = u128::from(record.success()) * 1_000_000 / u128::from(Record::ONE);
    let work_ms = if record.work_ms() == 0 { slowest_ms } else { record.work_ms() };
    let score = success * success / 1_000 / u128::from(work_ms.max(1));
    u64::try_from(score).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(results: &[(bool, u64)]) -> Record {
        let mut record = Record::default();
        for (good, ms) in results {
            if *good { record.completed(*ms) } else { record.failed() }
        }
        record
    }

    #[test]
    fn fast_beats_slow_and_sound_beats_fast() {
        let fast = record(&[(true, 100)]);
        let slow = record(&[(true, 200)]);
        let failing = record(&[(true, 100), (false, 0), (false, 0), (false, 0), (false, 0)]);
        assert!(score(&fast, 200) > score(&slow, 200));
        assert!(score(&fast, 200) > score(&failing, 200));
        assert!(score(&failing, 200) > score(&slow, 200)); // (15/16)⁸ ≈ 0.6, at half the time.
        let blank = Record::default();
        assert_eq!(score(&blank, 200), score(&slow, 200));
    }
}
