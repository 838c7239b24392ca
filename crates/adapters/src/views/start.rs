//! A process takes the journal over: wall time is fixed anew, and what was local is gone.

use super::memory::Memory;
use super::schema::int;
use kernel::{Entry, Event};
use rusqlite::{Connection, params};

/// Handles a start before it is folded in; every change before it has been written.
///
/// Kernel time stood still while no process ran. Moments that lie ahead (deadlines, delays, timers)
/// are kernel times, so they move by as much as wall time has run ahead of kernel time.
pub(super) fn started(
    connection: &Connection,
    memory: &mut Memory,
    seq: u64,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let Event::RuntimeStarted { incarnation, generation, wall_ms, .. } = entry.event else {
        return Ok(());
    };
    let at_ms = int(wall_ms);
    let offset_ms = at_ms.saturating_sub(int(entry.at.0));
    let moved_ms = offset_ms.saturating_sub(memory.offset_ms);
    let is_first = memory.applied == 0;
    let why = match (is_first, memory.draining) {
        (true, _) => "first",
        (false, true) => "drain",
        (false, false) => "crash",
    };
    let down_ms = (!is_first).then_some(memory.applied_ms);
    connection
        .prepare_cached(
            "insert or replace into starts (incarnation, seq, down_ms, at_ms, generation, why)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![int(incarnation), int(seq), down_ms, at_ms, generation, why])?;
    if !is_first && moved_ms != 0 {
        shift(connection, moved_ms, memory.applied_ms)?;
    }
    connection.execute(
        "update agents set presence = 'left' where remote = 0 and presence <> 'left'",
        [],
    )?;
    connection.execute("delete from restarts", [])?; // Each process counts anew.
    stop_local(connection, memory, at_ms)?;
    (memory.offset_ms, memory.incarnation, memory.draining) = (offset_ms, incarnation, false);
    memory.down_ms = down_ms.unwrap_or(0);
    Ok(())
}

/// Moves what lies ahead of the last sign of life.
fn shift(connection: &Connection, by_ms: i64, last_ms: i64) -> rusqlite::Result<()> {
    connection.execute(
        "update task_rows set deadline_ms = deadline_ms + ?1,
           ready_ms = case when ready_ms > ?2 then ready_ms + ?1 else ready_ms end,
           queued_ms = case when queued_ms > ?2 then queued_ms + ?1 else queued_ms end
         where ended_ms is null and (deadline_ms is not null or ready_ms > ?2)",
        params![by_ms, last_ms],
    )?;
    connection.execute(
        "update steps set due_ms = due_ms + ?1
         where kind = 'timer' and ended_ms is null
           and task in (select id from tasks where ended_ms is null)",
        params![by_ms],
    )?;
    Ok(())
}

/// Work that local agents were told to stop went with their process.
fn stop_local(connection: &Connection, memory: &mut Memory, at_ms: i64) -> rusqlite::Result<()> {
    let Memory { agents, stopping, .. } = memory;
    let is_remote = |id: &u32| agents.get(id).is_some_and(|it| it.remote);
    let gone: Vec<(u64, u64)> = stopping
        .iter()
        .filter(|(_, halted)| !is_remote(&halted.agent))
        .map(|(token, halted)| (*token, halted.task))
        .collect();
    for (token, task) in gone {
        stopping.remove(&token);
        connection
            .prepare_cached(
                "update attempt_rows set work_ended_ms = ?3 where task = ?1 and token = ?2",
            )?
            .execute(params![int(task), int(token), at_ms])?;
    }
    Ok(())
}
