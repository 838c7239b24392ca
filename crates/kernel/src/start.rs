//! A process takes the journal over, and gives it up in order.

use crate::kernel::Draft;
use crate::{Answer, Begin, Event, Loss, Refusal, TaskId, Time, Token, task, topic};

/// Closes what the process before left open. Its local agents are gone and so is their work: those
/// leases end now, nobody is charged, and nobody waits for them to run out. Remote agents keep
/// theirs.
pub(crate) fn begin(draft: &mut Draft<'_>, begin: Begin) -> Result<Answer, Refusal> {
    let is_local = |id| draft.agent(id).is_none_or(|agent| !agent.spec.remote);
    let lost: Vec<(TaskId, Token)> = draft
        .tasks()
        .filter_map(|task| task.status.lease().map(|lease| (task.id, *lease)))
        .filter(|(_, lease)| is_local(lease.agent))
        .map(|(task, lease)| (task, lease.token))
        .collect();
    let generation = draft.token.generation() + u16::from(begin.restored);
    draft.record(Event::RuntimeStarted {
        incarnation: draft.incarnation + 1,
        generation,
        seed: begin.seed,
        wall_ms: begin.wall_ms,
        leases_until: draft.now.after(draft.limits.lease_ms),
        journal: (draft.incarnation == 0).then(|| name_of(begin.seed)),
    });
    for (id, token) in lost {
        task::attempt_lost(draft, id, token, Loss::RuntimeEnded, Time(0));
    }
    topic::runtime_ended(draft);
    Ok(Answer::Done)
}

/// A journal's name: as random as the first seed, which it does not give away. The finaliser of
/// splitmix64 (Steele, Lea and Flood 2014) is a bijection, so two seeds never give one name.
fn name_of(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// No new roots and no new grants from now on. What runs may finish.
pub(crate) fn drain(draft: &mut Draft<'_>) -> Result<Answer, Refusal> {
    if !draft.draining {
        draft.record(Event::DrainStarted);
    }
    Ok(Answer::Done)
}
