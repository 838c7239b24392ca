//! No run goes round and round: the three ways in which questions repeat themselves.
//!
//! A question that stands above itself would never end. Two capabilities that hand one on to each
//! other may change it on the way, and so are counted. And an agent that asks the same again,
//! knowing what it was told, and is told the same, gets nowhere: what differs is its step key
//! alone. Asking again under the *same* key is no repetition but how work goes on after a crash.

use super::{Past, StepKind, StepRecord};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{Outcome, Refusal, Submit, Task, TaskId, Text};
use serde::{Deserialize, Serialize};

/// Calls in a row that were told the same. A timer between them is patience, and begins anew; side
/// effects have no input to compare, and are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// The latest of them; its record says what was asked and told.
    pub step: Text,
    /// How many.
    pub count: u32,
    /// The highest task number when that was known: what was asked earlier was asked beside it.
    pub known_at: TaskId,
}

/// Refuses the question that would go round.
pub(super) fn check_loop(draft: &Draft<'_>, parent: &Task, submit: &Submit) -> Result<(), Refusal> {
    if planted(Mutant::LoopUnnoticed) {
        return Ok(());
    }
    above_itself(draft, parent, submit)?;
    to_and_fro(draft, parent, submit)?;
    again_and_again(draft, parent, submit)
}

/// No question stands above itself.
fn above_itself(draft: &Draft<'_>, parent: &Task, submit: &Submit) -> Result<(), Refusal> {
    let same = |task: &&Task| {
        let asked = task.terms.capability == submit.terms.capability;
        asked && task.input.digest == submit.input.digest
    };
    match draft.upwards(parent).find(same) {
        Some(task) => Err(Refusal::Loop { ancestor: task.id }),
        None => Ok(()),
    }
}

/// No two capabilities hand a question on to each other for ever, whatever they change in it on the
/// way; hand-offs count while nobody else stands between them.
fn to_and_fro(draft: &Draft<'_>, parent: &Task, submit: &Submit) -> Result<(), Refusal> {
    let (asked, by) = (&submit.terms.capability, &parent.terms.capability);
    let turns = [asked, by].into_iter().cycle();
    let above = draft.upwards(parent).skip(1).zip(turns);
    let handed = above.take_while(|(task, next)| task.terms.capability == **next).count();
    if asked != by && handed as u64 + 1 > u64::from(draft.limits.hand_offs_max) {
        let (asked, by) = (asked.clone(), by.clone());
        return Err(Refusal::PingPong { asked, by, max: draft.limits.hand_offs_max });
    }
    Ok(())
}

/// Nobody asks the same again and again to be told the same.
fn again_and_again(draft: &Draft<'_>, parent: &Task, submit: &Submit) -> Result<(), Refusal> {
    let max = draft.limits.repeats_max;
    let past = parent.past.as_ref();
    let streak = past.and_then(|past| past.streak.as_ref()).filter(|it| it.count >= max);
    let Some(streak) = streak.filter(|_| !planted(Mutant::RepeatUnnoticed)) else {
        return Ok(());
    };
    let latest = parent.step(&streak.step);
    if latest.is_some_and(|it| it.kind.asks(&submit.terms.capability, submit.input.digest)) {
        let (asked, latest) = (submit.terms.capability.clone(), streak.step.clone());
        return Err(Refusal::Repeats { asked, latest, max });
    }
    Ok(())
}

impl Past {
    /// A step was settled: it goes on with the row of calls that were told the same, or begins one.
    pub(crate) fn note_call(&mut self, step: &Text, last_task: TaskId) {
        let Some(StepRecord { kind, outcome: Some((_, told)) }) = self.steps.get(step) else {
            return;
        };
        let (asked, capability, input) = match kind {
            StepKind::Child { task, capability, input } => (*task, capability, input),
            StepKind::Timer { .. } => return self.streak = None,
            StepKind::Once { .. } => return,
        };
        let same = self.streak.as_ref().filter(|it| {
            let latest = self.steps.get(&it.step);
            latest.is_some_and(|it| it.kind.asks(capability, *input) && it.was_told(told))
        });
        let count = match same {
            Some(streak) if asked <= streak.known_at => return, // It was asked beside it.
            Some(streak) => streak.count.saturating_add(1),
            None => 1,
        };
        let (step, known_at) = (step.clone(), last_task);
        self.streak = Some(Box::new(Streak { step, count, known_at }));
    }
}

impl StepRecord {
    fn was_told(&self, told: &Outcome) -> bool {
        self.outcome.as_ref().is_some_and(|(_, it)| **it == *told)
    }
}
