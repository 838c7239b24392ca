//! Rows of `tasks`. Most say little: nothing failed, nobody set a limit, no parent. Those are
//! written without naming what is null or zero in them, which is half of the columns.

use super::{Content, filled};
use crate::views::change::{Changes, NewTask, Task};
use crate::views::names;
use crate::views::schema::int;
use kernel::{Accepted, Payload, Terms, Versions};
use runtime::record::INLINE_MAX_BYTES;
use rusqlite::{Connection, params};
use serde_json::json;

pub(super) fn write(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    let mut added = connection.prepare_cached(
        "insert into task_rows (id, run, parent, step, capability, version, class, tenant, team,
           status, agent, token, attempts, failed, lost, attempts_max, timeout_ms, key,
           released_from, accepted_seq, accepted_ms, ready_ms, deadline_ms, started_ms, ended_ms,
           ended_seq, worked_ms, money_micros, tokens, failure_kind, failure,
           input_bytes, input_blob, input, output_bytes, output_blob, output, awaits, queued_ms,
           weight, requires, wishes, addressed, affinity, terms)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
           ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36,
           ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45)",
    )?;
    let mut plain = connection.prepare_cached(
        "insert into task_rows (id, run, capability, class, status, agent, token, attempts, failed,
           lost, attempts_max, accepted_seq, accepted_ms, started_ms, ended_ms, ended_seq,
           worked_ms, money_micros, tokens, input_bytes, input, output_bytes, output, queued_ms)
         values (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0, 0, ?15,
           ?16, ?17, ?18, ?10)",
    )?;
    let mut changed = connection.prepare_cached(
        "update task_rows set status = coalesce(?2, status), agent = coalesce(?3, agent),
           token = coalesce(?4, token), attempts = attempts + ?5, failed = failed + ?6,
           lost = lost + ?7, ready_ms = coalesce(?8, ready_ms),
           started_ms = coalesce(started_ms, ?9), ended_ms = coalesce(?10, ended_ms),
           ended_seq = coalesce(?11, ended_seq), worked_ms = worked_ms + ?12,
           money_micros = money_micros + ?13, tokens = tokens + ?14,
           failure_kind = coalesce(?15, failure_kind), failure = coalesce(?16, failure),
           output_bytes = coalesce(?17, output_bytes), output_blob = coalesce(?18, output_blob),
           output = coalesce(?19, output), awaits = coalesce(?20, awaits),
           queued_ms = coalesce(?21, queued_ms)
         where id = ?1",
    )?;
    for (id, task) in changes.tasks.iter() {
        match &task.new {
            Some(new) if is_plain(*id, new, task) => {
                insert_plain(&mut plain, int(*id), new, task)?;
            }
            Some(new) => insert(&mut added, int(*id), new, task)?,
            None => update(&mut changed, int(*id), task)?,
        }
    }
    Ok(())
}

/// Whether the row has nothing in the columns that a plain one leaves out. Whoever adds a field
/// says here whether a plain row has it.
fn is_plain(id: u64, new: &NewTask<'_>, task: &Task<'_>) -> bool {
    let Task {
        new: _,
        status: _,
        agent: _,
        token: _,
        attempts: _,
        failed: 0,
        lost: 0,
        ready_ms: None,
        awaits: None,
        queued_ms,
        started_ms: _,
        ended_ms: _,
        ended_seq: _,
        worked_ms: _,
        money_micros: 0,
        tokens: 0,
        failure: None,
        output,
    } = task
    else {
        return false;
    };
    let Accepted {
        terms, input, key: None, parent: None, released_from: None, affinity: None, ..
    } = new.accepted
    else {
        return false;
    };
    let is_inline = |payload: &Payload| payload.len as usize <= INLINE_MAX_BYTES;
    new.run == id
        && *queued_ms == Some(new.at_ms)
        && new.deadline_ms.is_none()
        && new.addressed.is_none()
        && terms.weight == 1
        && terms.require.is_none()
        && terms.wish.is_none()
        && terms.versions == Versions::ANY
        && terms.tenant.is_empty()
        && terms.team.is_empty()
        && terms.timeout_ms.is_none()
        && is_inline(input)
        && output.is_none_or(is_inline)
}

fn insert_plain(
    insert: &mut rusqlite::CachedStatement<'_>,
    id: i64,
    new: &NewTask<'_>,
    task: &Task<'_>,
) -> rusqlite::Result<()> {
    let Accepted { terms, input, .. } = new.accepted;
    insert.execute(params![
        id,
        &*terms.capability,
        names::class(terms.class),
        task.status,
        task.agent.as_deref(),
        task.token.map(int),
        task.attempts,
        terms.retry.attempts_max,
        new.seq,
        new.at_ms,
        task.started_ms,
        task.ended_ms,
        task.ended_seq,
        task.worked_ms,
        input.len,
        Content::of(input).text,
        task.output.map(|it| it.len),
        task.output.and_then(|it| Content::of(it).text),
    ])?;
    Ok(())
}

fn insert(
    insert: &mut rusqlite::CachedStatement<'_>,
    id: i64,
    new: &NewTask<'_>,
    task: &Task<'_>,
) -> rusqlite::Result<()> {
    let (accepted, terms) = (new.accepted, &new.accepted.terms);
    let parent = accepted.parent.as_ref();
    let input = Content::of(&accepted.input);
    let output = task.output.map(Content::of).unwrap_or_default();
    insert.execute(params![
        id,
        int(new.run),
        parent.map(|it| int(it.task.0)),
        parent.map(|it| &*it.step),
        &*terms.capability,
        names::versions(terms.versions),
        names::class(terms.class),
        filled(&terms.tenant),
        filled(&terms.team),
        task.status,
        task.agent.as_deref(),
        task.token.map(int),
        task.attempts,
        task.failed,
        task.lost,
        terms.retry.attempts_max,
        terms.timeout_ms.map(int),
        accepted.key.as_deref(),
        accepted.released_from.map(|it| int(it.0)),
        new.seq,
        new.at_ms,
        task.ready_ms,
        new.deadline_ms,
        task.started_ms,
        task.ended_ms,
        task.ended_seq,
        task.worked_ms,
        int(task.money_micros),
        int(task.tokens),
        task.failure.map(|it| it.0),
        task.failure.map(|it| it.1),
        accepted.input.len,
        input.blob,
        input.text,
        task.output.map(|it| it.len),
        output.blob,
        output.text,
        task.awaits.as_deref(),
        task.queued_ms,
        terms.weight,
        terms.require.as_ref().map(ToString::to_string),
        terms.wish.as_ref().map(ToString::to_string),
        new.addressed.as_deref(),
        accepted.affinity.as_deref(),
        asked_of_labels(terms),
    ])?;
    Ok(())
}

/// What is required and wished of labels, as the journal has it; the text beside it is for people.
fn asked_of_labels(terms: &Terms) -> Option<String> {
    let asks = terms.require.is_some() || terms.wish.is_some();
    asks.then(|| json!({ "require": terms.require, "wish": terms.wish }).to_string())
}

fn update(
    update: &mut rusqlite::CachedStatement<'_>,
    id: i64,
    task: &Task<'_>,
) -> rusqlite::Result<()> {
    let output = task.output.map(Content::of).unwrap_or_default();
    update.execute(params![
        id,
        task.status,
        task.agent.as_deref(),
        task.token.map(int),
        task.attempts,
        task.failed,
        task.lost,
        task.ready_ms,
        task.started_ms,
        task.ended_ms,
        task.ended_seq,
        task.worked_ms,
        int(task.money_micros),
        int(task.tokens),
        task.failure.map(|it| it.0),
        task.failure.map(|it| it.1),
        task.output.map(|it| it.len),
        output.blob,
        output.text,
        task.awaits.as_deref(),
        task.queued_ms,
    ])?;
    Ok(())
}
