//! A client hands over a task: once, and only if there is room.

use super::shed;
use crate::index::serves;
use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::{
    Accepted, Answer, Budget, Event, Parent, Receipt, Refusal, Submit, Task, TaskId, Terms,
};
use std::sync::Arc;

/// Accepts a root task, or says which task the key already names.
pub(crate) fn submit(draft: &mut Draft<'_>, mut submit: Submit) -> Result<Answer, Refusal> {
    if let Some(receipt) = known(draft, &submit)? {
        return Ok(Answer::Accepted(receipt));
    }
    if draft.draining {
        return Err(Refusal::Draining);
    }
    check_size(draft, &submit)?;
    address(draft, &mut submit)?;
    if let Err(refusal) = check_room(draft, &submit.terms, None) {
        let instead = shed::instead_of(draft, &submit.terms, &refusal).ok_or(refusal)?;
        shed::shed(draft, instead);
    }
    let budget = root_budget(draft, submit.budget);
    let (team, definition) = (submit.terms.team.clone(), submit.definition);
    let task = accept(draft, submit, None, Some(budget), None);
    if let Some(definition) = definition {
        draft.record(Event::RunStarted { run: task, team, definition });
    }
    Ok(Answer::Accepted(Receipt { task, fresh: true, outcome: None }))
}

/// What the key already stands for.
fn known(draft: &Draft<'_>, submit: &Submit) -> Result<Option<Receipt>, Refusal> {
    let Some(key) = &submit.key else { return Ok(None) };
    let id = (submit.terms.tenant.clone(), key.clone());
    let Some(record) = draft.keys.get(&id).filter(|_| !planted(Mutant::IdempotencyDropped)) else {
        return Ok(None);
    };
    if record.capability != submit.terms.capability || record.input != submit.input.digest {
        return Err(Refusal::KeyReused { task: record.task });
    }
    let outcome = record.outcome.clone();
    Ok(Some(Receipt { task: record.task, fresh: false, outcome }))
}

/// Names and payload within bounds; for roots and children alike.
pub(crate) fn check_size(draft: &Draft<'_>, submit: &Submit) -> Result<(), Refusal> {
    let limits = &draft.limits;
    let terms = &submit.terms;
    let names = [
        Some(&terms.capability),
        Some(&terms.tenant),
        Some(&terms.team),
        submit.key.as_ref(),
        submit.affinity.as_ref(),
    ];
    if names.into_iter().flatten().any(|name| name.len() > limits.name_max_bytes) {
        return Err(Refusal::TooLarge { max: limits.name_max_bytes as u64 });
    }
    if submit.delay_ms > limits.delay_max_ms {
        return Err(Refusal::TooLarge { max: limits.delay_max_ms });
    }
    let constraints = [&terms.require, &terms.wish].into_iter().flatten();
    if !constraints.into_iter().all(|it| it.is_within(limits)) {
        let (size, depth) = (limits.constraint_size_max, limits.constraint_depth_max);
        let what = format!("a requirement has more than {size} parts or is over {depth} deep");
        return Err(Refusal::BadTerms { what: what.into() });
    }
    if terms.weight == 0 || terms.weight > limits.weight_max {
        let what = format!("its weight is {}, not 1 to {}", terms.weight, limits.weight_max);
        return Err(Refusal::BadTerms { what: what.into() });
    }
    if submit.input.len > limits.payload_one_max_bytes {
        return Err(Refusal::TooLarge { max: u64::from(limits.payload_one_max_bytes) });
    }
    Ok(())
}

/// What is asked of one agent by name is for nobody else. It must have joined, and serve it; it
/// need not be here now.
pub(super) fn address(draft: &Draft<'_>, submit: &mut Submit) -> Result<(), Refusal> {
    if let Some(id) = submit.terms.only
        && draft.agent(id).is_none()
    {
        return Err(Refusal::UnknownAgent(id));
    }
    let Some(name) = submit.to.take() else { return Ok(()) };
    let in_team = |agent: &&crate::Agent| agent.spec.team == submit.terms.team;
    let Some(agent) = draft.agent_named(&name).filter(in_team) else {
        return Err(Refusal::UnknownName(name));
    };
    if !serves(&agent.spec, &submit.terms) {
        let capability = submit.terms.capability.clone();
        return Err(Refusal::NotServed { agent: agent.id, capability });
    }
    let id = agent.id;
    Arc::make_mut(&mut submit.terms).only = Some(id);
    Ok(())
}

/// Room for one more root: in the whole, and under the quotas of its team; as it would be once a
/// queued task has gone.
pub(super) fn check_room(
    draft: &Draft<'_>,
    terms: &Terms,
    without: Option<&Task>,
) -> Result<(), Refusal> {
    let limits = &draft.limits;
    let max = limits.queue_max + u64::from(planted(Mutant::QueueBoundOffByOne));
    let retry_after_ms = limits.retry_after_ms;
    let open = draft.open() as u64 - u64::from(without.is_some());
    let inline = without.and_then(|task| task.input.inline.as_ref());
    let bytes = draft.payload_bytes() - inline.map_or(0, |bytes| bytes.len() as u64);
    if open >= max || bytes >= limits.payload_max_bytes {
        return Err(Refusal::Overloaded { retry_after_ms });
    }
    match draft.index.queue_full(terms, without.map(|task| &*task.terms)) {
        Some((quota, max)) => Err(Refusal::OverQuota { quota: quota.clone(), max, retry_after_ms }),
        None => Ok(()),
    }
}

/// A root always has a purse that limits every part but calls, which money and tokens limit.
pub(super) fn root_budget(draft: &Draft<'_>, asked: Option<Budget>) -> Budget {
    let limits = &draft.limits;
    let asked = asked.unwrap_or_default();
    Budget {
        money_micros: Some(asked.money_micros.unwrap_or(limits.tree_money_micros)),
        tokens: Some(asked.tokens.unwrap_or(limits.tree_tokens)),
        work_ms: Some(asked.work_ms.unwrap_or(limits.tree_work_ms)),
        tasks: Some(asked.tasks.unwrap_or(limits.tree_tasks_max)),
        calls: asked.calls,
    }
}

/// Records the acceptance; all checks are done.
pub(crate) fn accept(
    draft: &mut Draft<'_>,
    submit: Submit,
    parent: Option<Parent>,
    budget: Option<Budget>,
    released_from: Option<TaskId>,
) -> TaskId {
    let accepted = accepted(draft, submit, parent, budget);
    let task = accepted.task;
    draft.record(Event::TaskAccepted(Box::new(Accepted { released_from, ..accepted })));
    task
}

/// The same of a task that asks for a bid.
pub(super) fn accept_bid(draft: &mut Draft<'_>, submit: Submit, parent: Parent) {
    let accepted = accepted(draft, submit, Some(parent), None);
    draft.record(Event::TaskAccepted(Box::new(Accepted { is_bid: true, ..accepted })));
}

/// The same of a task that asks for advice.
pub(super) fn accept_advice(draft: &mut Draft<'_>, submit: Submit, parent: Parent) -> TaskId {
    let accepted = accepted(draft, submit, Some(parent), None);
    let task = accepted.task;
    draft.record(Event::TaskAccepted(Box::new(Accepted { is_advice: true, ..accepted })));
    task
}

fn accepted(
    draft: &Draft<'_>,
    submit: Submit,
    parent: Option<Parent>,
    budget: Option<Budget>,
) -> Accepted {
    let now = draft.now;
    Accepted {
        task: TaskId(draft.last_task.0 + 1),
        terms: submit.terms,
        input: submit.input,
        key: submit.key,
        parent,
        deadline: submit.deadline_ms.map(|ms| now.after(ms)),
        ready_at: (submit.delay_ms > 0).then(|| now.after(submit.delay_ms)),
        budget,
        affinity: submit.affinity,
        released_from: None,
        is_bid: false,
        is_advice: false,
    }
}
