//! A running task asks for something under a step key: a child, a side effect, a timer.
//!
//! (task, step) is unique. Asked again, by a later attempt that runs from its first line, the same
//! step gives the same child and its recorded outcome. That one rule makes delegation durable.

use super::loops::check_loop;
use super::{StepKind, StepRecord, submit};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{
    Answer, AttemptId, Budget, Event, Outcome, Parent, Part, Refusal, Submit, Task, TaskId, Terms,
    Text,
};
use std::sync::Arc;

/// Delegates: a child task named (this task, step).
pub(crate) fn ask(
    draft: &mut Draft<'_>,
    by: AttemptId,
    step: Text,
    mut submit: Submit,
) -> Result<Answer, Refusal> {
    let parent = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    if let Some(record) = parent.step(&step).filter(|_| !planted(Mutant::StepRunsTwice)) {
        return same_child(&step, record, &submit);
    }
    check_step(draft, parent, &step)?;
    submit::check_size(draft, &submit)?;
    check_tree(draft, parent, &submit)?;
    let budget = child_budget(draft, parent, submit.budget)?;
    submit.terms = narrowed(parent, submit.terms)?;
    submit::address(draft, &mut submit)?;
    submit.key = None; // (parent, step) is its key.
    submit::accept(draft, submit, Some(Parent { task: by.task, step }), budget, None);
    Ok(Answer::Pending)
}

/// The step is recorded: it must be the same question.
fn same_child(step: &Text, record: &StepRecord, submit: &Submit) -> Result<Answer, Refusal> {
    let (asked, digest) = (&submit.terms.capability, submit.input.digest);
    match &record.kind {
        kind if kind.asks(asked, digest) => Ok(recorded(record)),
        StepKind::Child { capability, input, .. } => Err(Refusal::Drift {
            step: step.clone(),
            recorded: format!("{capability} with input {input:?}").into(),
            asked: format!("{asked} with input {digest:?}").into(),
        }),
        StepKind::Once { .. } | StepKind::Timer { .. } => Err(drift(step, record, asked)),
    }
}

fn recorded(record: &StepRecord) -> Answer {
    record.outcome.as_ref().map_or(Answer::Pending, |(_, it)| Answer::Recorded(it.clone()))
}

fn drift(step: &Text, record: &StepRecord, asked: &str) -> Refusal {
    let recorded = match &record.kind {
        StepKind::Child { capability, .. } => capability.clone(),
        StepKind::Once { .. } => "once".into(),
        StepKind::Timer { .. } => "sleep".into(),
    };
    Refusal::Drift { step: step.clone(), recorded, asked: asked.into() }
}

/// Room for one more step under this task, and a key of sane length.
fn check_step(draft: &Draft<'_>, task: &Task, step: &Text) -> Result<(), Refusal> {
    let limits = &draft.limits;
    if step.len() > limits.name_max_bytes {
        return Err(Refusal::TooLarge { max: limits.name_max_bytes as u64 });
    }
    let steps = task.past.as_ref().map_or(0, |past| past.steps.len());
    if steps as u64 >= u64::from(limits.steps_max) {
        return Err(Refusal::TooMany { max: u64::from(limits.steps_max) });
    }
    Ok(())
}

/// Every tree ends: its depth, its size and its purse have limits, and no question repeats itself.
fn check_tree(draft: &Draft<'_>, parent: &Task, submit: &Submit) -> Result<(), Refusal> {
    let depth_max = draft.limits.depth_max;
    if parent.depth >= depth_max {
        return Err(Refusal::TooDeep { depth_max });
    }
    for part in Part::ALL {
        if is_used_up(draft, parent.purse, part) {
            return Err(match part {
                Part::Tasks => {
                    Refusal::TooMany { max: draft.limit(parent.purse, part).unwrap_or(u64::MAX) }
                }
                Part::Money | Part::Tokens | Part::Work | Part::Calls => {
                    Refusal::OverBudget { what: part.name().into() }
                }
            });
        }
    }
    check_loop(draft, parent, submit)
}

/// Whether a part leaves nothing to go on with. A limit of no money or no tokens forbids spending
/// them, not working for nothing; and whoever has made so many calls as may be made has not made
/// too many.
pub(super) fn is_used_up(draft: &Draft<'_>, purse: TaskId, part: Part) -> bool {
    match part {
        Part::Calls => draft.is_overdrawn(purse, part),
        Part::Money | Part::Tokens => {
            draft.left(purse, part) == 0 && draft.limit(purse, part) != Some(0)
        }
        Part::Work | Part::Tasks => draft.left(purse, part) == 0,
    }
}

/// A child's purse must fit into what its parent's has left.
fn child_budget(
    draft: &Draft<'_>,
    parent: &Task,
    asked: Option<Budget>,
) -> Result<Option<Budget>, Refusal> {
    let Some(budget) = asked else { return Ok(None) };
    let purse = crate::rule::budget::Purse::new(&budget);
    for part in Part::ALL {
        let wanted = purse.limit(part).unwrap_or(0);
        // The child itself is one of the parent's tasks.
        let spare = draft.left(parent.purse, part).saturating_sub(u64::from(part == Part::Tasks));
        if wanted > spare && !planted(Mutant::ChildBudgetLargerThanParents) {
            return Err(Refusal::OverBudget { what: part.name().into() });
        }
    }
    Ok(Some(budget))
}

/// Terms under this parent: in its team and tenant, with no capability that it may not use itself.
fn narrowed(parent: &Task, terms: Arc<Terms>) -> Result<Arc<Terms>, Refusal> {
    let above = &parent.terms;
    if let Some(may) = &above.may
        && !may.contains(&terms.capability)
        && !planted(Mutant::CapabilityWidened)
    {
        return Err(Refusal::NotPermitted { capability: terms.capability.clone() });
    }
    let may = match (&above.may, &terms.may) {
        (_, own) if planted(Mutant::CapabilityWidened) => own.clone(),
        (None, own) => own.clone(),
        (Some(all), None) => Some(all.clone()),
        (Some(all), Some(own)) => Some(Arc::new(all.intersection(own).cloned().collect())),
    };
    if terms.team == above.team && terms.tenant == above.tenant && terms.may == may {
        return Ok(terms);
    }
    let mut narrowed = Terms::clone(&terms);
    (narrowed.team, narrowed.tenant, narrowed.may) =
        (above.team.clone(), above.tenant.clone(), may);
    Ok(Arc::new(narrowed))
}

/// Records that a side effect is about to be performed, unless it was before.
///
/// A begin without an end is *unknown*, whoever began it: an attempt may have given its own step up
/// half way, as at a timeout. That two at once do not begin it is for the attempt to see to, which
/// alone knows what of it is still going on.
pub(crate) fn once(
    draft: &mut Draft<'_>,
    by: AttemptId,
    step: Text,
    again: bool,
) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    if let Some(record) = task.step(&step).filter(|_| !planted(Mutant::StepRunsTwice)) {
        let StepKind::Once { .. } = record.kind else {
            return Err(drift(&step, record, "once"));
        };
        if let Some((_, outcome)) = &record.outcome {
            if !may_repeat(outcome) {
                return Ok(recorded(record));
            }
        } else if !again && !planted(Mutant::OnceRepeatedUnasked) {
            return Ok(Answer::Unknown);
        }
    } else {
        check_step(draft, task, &step)?;
    }
    draft.record(Event::OnceStarted { task: by.task, step, token: by.token });
    Ok(Answer::Perform)
}

/// A side effect that is known to have failed, in a way that may pass, is neither done nor unknown.
fn may_repeat(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(failure) => failure.kind.is_retryable(),
        Outcome::Completed(_) | Outcome::Cancelled(_) | Outcome::Dead(_) => false,
    }
}

/// Records what the side effect gave. Saying it twice is harmless.
pub(crate) fn once_done(
    draft: &mut Draft<'_>,
    by: AttemptId,
    step: Text,
    outcome: Outcome,
) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    let max = draft.limits.payload_one_max_bytes;
    if outcome.output().is_some_and(|output| output.len > max) {
        return Err(Refusal::TooLarge { max: u64::from(max) });
    }
    let Some(record) = task.step(&step) else { return Err(Refusal::StepNotBegun(step)) };
    match (&record.kind, &record.outcome) {
        (StepKind::Once { .. }, Some(_)) => Ok(recorded(record)),
        (StepKind::Once { .. }, None) => {
            draft.record(Event::OnceDone { task: by.task, step, outcome });
            Ok(Answer::Done)
        }
        (StepKind::Child { .. } | StepKind::Timer { .. }, _) => Err(drift(&step, record, "once")),
    }
}

/// Sets a timer, counted from the first time it was asked for.
pub(crate) fn sleep(
    draft: &mut Draft<'_>,
    by: AttemptId,
    step: Text,
    ms: u64,
) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    if let Some(record) = task.step(&step) {
        return match record.kind {
            StepKind::Timer { .. } => Ok(recorded(record)),
            StepKind::Child { .. } | StepKind::Once { .. } => Err(drift(&step, record, "sleep")),
        };
    }
    check_step(draft, task, &step)?;
    if ms > draft.limits.delay_max_ms {
        return Err(Refusal::TooLarge { max: draft.limits.delay_max_ms });
    }
    let due = draft.now.after(ms);
    draft.record(Event::TimerSet { task: by.task, step, due });
    Ok(Answer::Pending)
}
