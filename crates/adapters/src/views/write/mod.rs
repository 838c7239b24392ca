//! Changes become rows: prepared statements, run row by row inside the caller's transaction.

mod agent;
mod attempt;
mod schedule;
mod task;

use crate::views::change::{Changes, Dead, Step, StepChange};
use crate::views::fold::ending;
use crate::views::memory::Memory;
use crate::views::names;
use crate::views::schema::int;
pub(super) use agent::spent_on;
use kernel::Payload;
use runtime::record::INLINE_MAX_BYTES;
use rusqlite::{Connection, params};
use std::borrow::Cow;

/// Writes everything gathered so far and leaves the changes empty.
pub(super) fn flush(
    connection: &Connection,
    memory: &Memory,
    changes: &mut Changes<'_>,
) -> rusqlite::Result<()> {
    let mut changes = std::mem::take(changes);
    agent::queue_times(connection, &mut changes)?;
    task::write(connection, &changes)?;
    attempt::write(connection, memory, &changes)?;
    waits(connection, &changes)?;
    changes.steps.iter().try_for_each(|it| step(connection, it))?;
    changes.agents.iter().try_for_each(|it| agent::write(connection, it))?;
    changes.restarts.iter().try_for_each(|it| agent::restarts(connection, it))?;
    agent::scores(connection, memory, &changes)?;
    agent::minutes(connection, &changes)?;
    agent::costs(connection, &changes)?;
    policies(connection, &changes)?;
    changes.dead.iter().try_for_each(|it| dead(connection, it))?;
    changes.schedules.iter().try_for_each(|it| schedule::write(connection, it))?;
    for (run, team, definition) in &changes.pins {
        connection
            .prepare_cached("insert or replace into pins values (?1, ?2, ?3)")?
            .execute(params![int(*run), filled(team), definition])?;
    }
    events(connection, &changes)
}

fn waits(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    for ((task, seq), wait) in changes.waits.iter() {
        match wait.begun {
            Some((token, since_ms)) => connection
                .prepare_cached("insert into waits values (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![int(*task), seq, int(token), since_ms, wait.until_ms])?,
            None => connection
                .prepare_cached("update waits set until_ms = ?3 where task = ?1 and seq = ?2")?
                .execute(params![int(*task), seq, wait.until_ms])?,
        };
    }
    Ok(())
}

fn step(connection: &Connection, step: &Step<'_>) -> rusqlite::Result<()> {
    let begin = "insert into steps (task, step, kind, child, token, tries, due_ms, started_ms)
         values (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)
         on conflict (task, step) do update set token = excluded.token, tries = tries + 1";
    let (kind, child, token, due_ms) = match &step.what {
        StepChange::Child { child, token } => ("child", Some(int(*child)), *token, None),
        StepChange::Once { token } => ("once", None, Some(*token), None),
        StepChange::Timer { due_ms, token } => ("timer", None, *token, Some(*due_ms)),
        StepChange::Ended(outcome) => {
            let (outcome, failure, output) = ending(*outcome);
            let content = output.map(Content::of).unwrap_or_default();
            let mut end = connection.prepare_cached(
                "update steps set ended_ms = ?3, outcome = ?4, failure = ?5, output_bytes = ?6,
                   output_blob = ?7, output = ?8
                 where task = ?1 and step = ?2",
            )?;
            let bytes = output.map(|it| it.len);
            end.execute(params![
                int(step.task),
                step.step,
                step.at_ms,
                outcome,
                failure,
                bytes,
                content.blob,
                content.text,
            ])?;
            return Ok(());
        }
    };
    connection.prepare_cached(begin)?.execute(params![
        int(step.task),
        step.step,
        kind,
        child,
        token.map(int),
        due_ms,
        step.at_ms,
    ])?;
    Ok(())
}

fn policies(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    for (team, policies) in &changes.policies {
        let policies = serde_json::to_string(policies).unwrap_or_else(|_| "{}".to_owned());
        connection
            .prepare_cached("insert or replace into policies values (?1, ?2)")?
            .execute(params![team, policies])?;
    }
    Ok(())
}

fn dead(connection: &Connection, dead: &Dead<'_>) -> rusqlite::Result<()> {
    match dead {
        Dead::Died { task, at_ms, failure } => connection
            .prepare_cached(
                "insert or replace into dead_letters
                   (task, capability, at_ms, failure_kind, failure)
                 values (?1, (select capability from tasks where id = ?1), ?2, ?3, ?4)",
            )?
            .execute(params![int(*task), at_ms, names::failure(failure.kind), &*failure.message])?,
        Dead::Closed { task, at_ms, into } => connection
            .prepare_cached(
                "update dead_letters set closed_ms = ?2, released_into = ?3 where task = ?1",
            )?
            .execute(params![int(*task), at_ms, into.map(int)])?,
    };
    Ok(())
}

fn events(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "insert into event_rows (seq, at_ms, kind, task, token, agent, step, note)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for line in &changes.events {
        insert.execute(params![
            line.seq,
            line.at_ms,
            line.kind,
            line.task.map(int),
            line.token.map(int),
            line.agent.as_deref(),
            line.step,
            line.note,
        ])?;
    }
    Ok(())
}

/// A payload as columns: its text if it is small, the digest of its blob if it is not.
#[derive(Default)]
struct Content<'e> {
    blob: Option<String>,
    text: Option<Cow<'e, str>>,
}

impl Content<'_> {
    fn of(payload: &Payload) -> Content<'_> {
        if payload.len as usize > INLINE_MAX_BYTES {
            return Content { blob: Some(payload.digest.to_string()), text: None };
        }
        let bytes = payload.inline.as_deref().filter(|bytes| !bytes.is_empty());
        Content { blob: None, text: bytes.map(text) }
    }
}

/// What is valid, as nearly all of it is, is seen to be so in one pass and not copied.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Empty text means "none" in the kernel.
fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
