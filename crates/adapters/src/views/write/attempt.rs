//! Rows of `attempts`: a lease, and why its agent was chosen.

use crate::views::change::{Attempt, Changes, NewAttempt};
use crate::views::memory::Memory;
use crate::views::names;
use crate::views::schema::int;
use kernel::{Decision, PolicyKind};
use rusqlite::{Connection, params};
use serde_json::json;

pub(super) fn write(
    connection: &Connection,
    memory: &Memory,
    changes: &Changes<'_>,
) -> rusqlite::Result<()> {
    let mut added = connection.prepare_cached(
        "insert into attempt_rows (task, token, number, agent, granted_seq, granted_ms, started_ms,
           ended_ms, worked_ms, outcome, failure_kind, failure, retry_ms, fenced, work_ended_ms,
           money_micros, tokens, reason, candidates, busy, paused, breaker_open, not_serving,
           routing, wrong_version, wrong_labels, too_small, down, kept_slots, late)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
           ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)",
    )?;
    let mut plain = connection.prepare_cached(
        "insert into attempt_rows (task, token, number, agent, granted_seq, granted_ms, ended_ms,
           worked_ms, outcome, fenced, money_micros, tokens, reason, busy, paused, breaker_open,
           not_serving)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0, ?10, ?11, ?12, 0, ?13)",
    )?;
    let mut changed = connection.prepare_cached(
        "update attempt_rows set started_ms = coalesce(?3, started_ms),
           ended_ms = coalesce(?4, ended_ms), worked_ms = worked_ms + ?5,
           outcome = coalesce(?6, outcome), failure_kind = coalesce(?7, failure_kind),
           failure = coalesce(?8, failure), retry_ms = coalesce(?9, retry_ms),
           fenced = fenced | ?10, work_ended_ms = coalesce(?11, work_ended_ms),
           money_micros = money_micros + ?12, tokens = tokens + ?13,
           kept_slots = coalesce(?14, kept_slots), late = late | ?15
         where task = ?1 and token = ?2",
    )?;
    for ((task, token), attempt) in changes.attempts.iter() {
        match &attempt.new {
            Some(new) if is_plain(new, attempt) => insert_plain(&mut plain, new, attempt)?,
            Some(new) => insert(&mut added, memory, new, attempt)?,
            None => {
                changed.execute(params![
                    int(*task),
                    int(*token),
                    attempt.started_ms,
                    attempt.ended_ms,
                    attempt.worked_ms,
                    attempt.outcome,
                    attempt.failure.as_ref().map(|it| it.0),
                    attempt.failure.as_ref().and_then(|it| it.1.as_deref()),
                    attempt.retry_ms,
                    attempt.fenced,
                    attempt.work_ended_ms,
                    int(attempt.money_micros),
                    int(attempt.tokens),
                    attempt.kept_slots,
                    attempt.late,
                ])?;
            }
        }
    }
    Ok(())
}

/// Whether the row has nothing in the columns that a plain one leaves out; see `tasks`. Whoever
/// adds a field says here whether a plain row has it.
fn is_plain(new: &NewAttempt<'_>, attempt: &Attempt<'_>) -> bool {
    let NewAttempt { granted, agent: _, number: _, seq: _, at_ms: _ } = new;
    let Decision {
        policy: PolicyKind::LeastLoaded,
        candidates,
        busy: _,
        paused: _,
        breaker_open: 0,
        not_serving: _,
        version: 0,
        labels: 0,
        too_small: 0,
        down: 0,
        reason: _,
        fallback: None,
        round: 0,
        passed_over: _,
        words: None,
        dismissed: _, // Whom an adviser named: then it is another policy.
    } = &granted.why
    else {
        return false;
    };
    let Attempt {
        new: _,
        started_ms: None,
        ended_ms: _,
        worked_ms: _,
        outcome: _,
        failure: None,
        retry_ms: None,
        fenced: false,
        work_ended_ms: None,
        late: false,
        kept_slots: None,
        money_micros: 0,
        tokens: 0,
    } = attempt
    else {
        return false;
    };
    candidates.is_empty()
}

fn insert_plain(
    insert: &mut rusqlite::CachedStatement<'_>,
    new: &NewAttempt<'_>,
    attempt: &Attempt<'_>,
) -> rusqlite::Result<()> {
    let why = &new.granted.why;
    insert.execute(params![
        int(new.granted.task.0),
        int(new.granted.token.0),
        new.number,
        &*new.agent,
        new.seq,
        new.at_ms,
        attempt.ended_ms,
        attempt.worked_ms,
        attempt.outcome,
        names::reason(why.reason),
        why.busy,
        why.paused,
        why.not_serving,
    ])?;
    Ok(())
}

fn insert(
    insert: &mut rusqlite::CachedStatement<'_>,
    memory: &Memory,
    new: &NewAttempt<'_>,
    attempt: &Attempt<'_>,
) -> rusqlite::Result<()> {
    let why = &new.granted.why;
    let candidate = |it: &kernel::Candidate| {
        let name = memory.agent(it.agent.0);
        let mut said = json!({ "agent": &*name, "prefer": it.prefer, "load": it.load });
        if let Some(score) = it.score {
            said["score"] = score.into();
        }
        if it.wished {
            said["wished"] = true.into();
        }
        if let Some(offer) = &it.offer {
            said["offer"] = json!({
                "price_micros": offer.bid.price_micros,
                "time_ms": offer.bid.time_ms,
                "confidence": offer.bid.confidence,
                "expected_ms": offer.expected.time_ms,
                "expected_success": offer.expected.success,
                "results": offer.results,
                "shown_ms": offer.shown_ms,
            });
        }
        said
    };
    let candidates = (!why.candidates.is_empty())
        .then(|| serde_json::Value::from_iter(why.candidates.iter().map(candidate)).to_string());
    insert.execute(params![
        int(new.granted.task.0),
        int(new.granted.token.0),
        new.number,
        &*new.agent,
        new.seq,
        new.at_ms,
        attempt.started_ms,
        attempt.ended_ms,
        attempt.worked_ms,
        attempt.outcome,
        attempt.failure.as_ref().map(|it| it.0),
        attempt.failure.as_ref().and_then(|it| it.1.as_deref()),
        attempt.retry_ms,
        attempt.fenced,
        attempt.work_ended_ms,
        int(attempt.money_micros),
        int(attempt.tokens),
        names::reason(why.reason),
        candidates,
        why.busy,
        why.paused,
        why.breaker_open,
        why.not_serving,
        routing(memory, why),
        why.version,
        why.labels,
        why.too_small,
        why.down,
        attempt.kept_slots,
        attempt.late,
    ])?;
    Ok(())
}

/// What there is to say of a choice by another policy than the plain one.
fn routing(memory: &Memory, why: &kernel::Decision) -> Option<String> {
    let is_plain = why.policy == PolicyKind::LeastLoaded;
    (!is_plain).then(|| {
        let mut routing = json!({
            "policy": why.policy,
            "fallback": why.fallback,
            "words": why.words.as_deref(),
        });
        if why.round > 0 {
            let passed_over = why.passed_over.iter().map(
                |it| json!({ "agent": &*memory.agent(it.agent.0), "why": names::no_bid(it.why) }),
            );
            routing["passed_over"] = passed_over.collect();
            routing["round"] = why.round.into();
        }
        if !why.dismissed.is_empty() {
            let dismissed = why.dismissed.iter();
            let dismissed = dismissed.map(|it| json!({ "name": &*it.name, "why": it.why }));
            routing["dismissed"] = dismissed.collect();
        }
        routing.to_string()
    })
}
