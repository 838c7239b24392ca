//! An adviser is asked who should get a task, and says so.

use super::step::is_used_up;
use super::submit::{accept_advice, check_room, check_size};
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::routing::{Decision, external};
use crate::state::Deliberation;
use crate::{
    AgentId, Answer, Event, Parent, Part, Payload, Receipt, Refusal, Routing, Submit, Task, TaskId,
    Text, Time,
};

/// Names of agents that are recorded are cut at this length: they may be anything.
const NAME_MAX_BYTES: usize = 64;

/// Asks by a child of the task that is no step of it: it spends from the same purse, ends with the
/// task, and is the same one however often the question is asked, so that an answer that was paid
/// for is not paid for again after a crash.
pub(crate) fn consult(
    draft: &mut Draft<'_>,
    id: TaskId,
    until: Time,
    input: Payload,
) -> Result<Answer, Refusal> {
    let task = draft.task(id).ok_or(Refusal::UnknownTask(id))?;
    let step = external::question_key(id, task.grants, until);
    if let Some(known) = draft.keys.get(&(task.terms.tenant.clone(), step.clone())) {
        let (task, outcome) = (known.task, known.outcome.clone());
        return Ok(Answer::Accepted(Receipt { task, fresh: false, outcome }));
    }
    // Keys may be forgotten while the question is open: then what came of it is unknown, and it is
    // not paid for again.
    if asked(draft, id) != Some((until, None)) || draft.now >= until {
        return Err(Refusal::NotAsked(id));
    }
    let terms = external::advised_by(draft, &task.terms);
    let deadline_ms = Some(until.since(draft.now));
    let submit = Submit { key: Some(step.clone()), deadline_ms, ..Submit::new(terms, input) };
    check(draft, task, &submit)?;
    let task = accept_advice(draft, submit, Parent { task: id, step });
    Ok(Answer::Accepted(Receipt { task, fresh: true, outcome: None }))
}

/// Whether there is room for one more task: in the whole as for any root, as nobody's step waits
/// for it, and in the tree of the task that it is about.
fn check(draft: &Draft<'_>, task: &Task, submit: &Submit) -> Result<(), Refusal> {
    if draft.draining {
        return Err(Refusal::Draining);
    }
    check_size(draft, submit)?;
    check_room(draft, &submit.terms, None)?;
    if task.depth >= draft.limits.depth_max {
        return Err(Refusal::TooDeep { depth_max: draft.limits.depth_max });
    }
    match Part::ALL.into_iter().find(|part| is_used_up(draft, task.purse, *part)) {
        Some(part) => Err(Refusal::OverBudget { what: part.name().into() }),
        None => Ok(()),
    }
}

/// Until when it is waited for advice that has not come, and the task by which it was asked for.
fn asked(draft: &Draft<'_>, task: TaskId) -> Option<(Time, Option<TaskId>)> {
    match draft.deliberations.get(&task) {
        Some(Deliberation::Asked { until, advice: None, by }) => Some((*until, *by)),
        Some(Deliberation::Asked { .. } | Deliberation::Held { .. }) | None => None,
    }
}

/// Heard once, and only while it was asked for: what it names is looked up now, and held against
/// the agents of the moment when the task is granted. Names of nobody are only recorded.
pub(crate) fn advice(
    draft: &mut Draft<'_>,
    task: TaskId,
    until: Time,
    ranking: &[Text],
    words: &str,
) -> Result<Answer, Refusal> {
    draft.task(task).ok_or(Refusal::UnknownTask(task))?;
    let (asked, _) = asked(draft, task).ok_or(Refusal::NotAsked(task))?;
    let late = draft.now >= until || asked != until;
    if late && !planted(Mutant::AdviceTakenLate) {
        return Err(Refusal::NotAsked(task));
    }
    let (mut known, mut nobody) = (Vec::<AgentId>::new(), Vec::new());
    for name in ranking.iter().take(Decision::CANDIDATES_MAX) {
        match draft.agent_named(name) {
            Some(agent) => known.push(agent.id),
            None => nobody.push(shortened(name, NAME_MAX_BYTES)),
        }
    }
    let words = shortened(words, draft.limits.words_max_bytes);
    let step = Routing::Advised { ranking: known, nobody, words };
    draft.record(Event::Routing { task, step });
    Ok(Answer::Done)
}

/// As many whole characters as fit.
pub(crate) fn shortened(words: &str, max: usize) -> Text {
    words[..words.floor_char_boundary(max)].into()
}
