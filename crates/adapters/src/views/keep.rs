//! What is kept and for how long: the latest entries, the latest runs, the latest minutes of
//! agents, the latest lines of logs; and what is erased on request.
//!
//! What has to go depends on the number of entries applied and on kernel time, which never falls,
//! so views that are built in one go keep the same rows as those that grew.

use super::memory::Memory;
use super::schema::int;
use rusqlite::{Connection, params};

/// Entries kept in `events`.
pub const EVENTS_KEPT: u64 = 1_000_000;
/// Minutes of kernel time over which the use of agents is told.
pub const MINUTES_KEPT: i64 = 15;
/// Milliseconds of one.
pub(super) const MINUTE_MS: i64 = 60_000;
/// A run that ended this many entries ago leaves the views with all its tasks.
pub const RUNS_KEPT_ENTRIES: u64 = 10_000_000;
/// Lines kept in `logs`.
pub const LOGS_KEPT: u64 = 1_000_000;

/// The minute of a kernel time.
pub(super) fn minute_of(kernel_ms: i64) -> i64 {
    kernel_ms.div_euclid(MINUTE_MS)
}

/// Drops what has grown too old.
pub(super) fn prune(connection: &Connection, memory: &Memory) -> rusqlite::Result<()> {
    let applied = memory.applied;
    connection
        .prepare_cached("delete from agent_minutes where minute <= ?1")?
        .execute([minute_of(memory.kernel_ms) - MINUTES_KEPT])?;
    connection
        .prepare_cached("delete from restarts where moment + period_ms < ?1")?
        .execute([memory.kernel_ms])?;
    connection
        .prepare_cached("delete from event_rows where seq <= ?1")?
        .execute([int(applied) - int(EVENTS_KEPT)])?;
    prune_runs(connection, int(applied) - int(RUNS_KEPT_ENTRIES))
}

/// Drops runs that ended at or before an entry. Tasks are numbered in the order in which they were
/// accepted, so only the old end of the table is looked at.
fn prune_runs(connection: &Connection, ended_seq: i64) -> rusqlite::Result<()> {
    if ended_seq <= 0 {
        return Ok(());
    }
    let mut select = connection.prepare_cached(
        "select accepted_seq, id, parent is null and ended_seq <= ?1 and not exists
           (select 1 from dead_letters d where d.task = task_rows.id and d.closed_ms is null)
         from task_rows order by id",
    )?;
    let mut old = Vec::new();
    let mut rows = select.query([ended_seq])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? > ended_seq {
            break;
        }
        if row.get::<_, Option<bool>>(2)? == Some(true) {
            old.push(row.get::<_, i64>(1)?);
        }
    }
    drop(rows);
    for run in old {
        for sql in [
            "delete from attempt_rows where task in (select id from tasks where run = ?1)",
            "delete from waits where task in (select id from tasks where run = ?1)",
            "delete from steps where task in (select id from tasks where run = ?1)",
            "delete from logs where task in (select id from tasks where run = ?1)",
            "delete from pins where run = ?1",
            "delete from costs where run = ?1",
            "delete from task_rows where run = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([run])?;
        }
    }
    Ok(())
}

/// Erases the contents of a run: inputs, outputs, logs. That it happened stays.
pub(super) fn forget(connection: &Connection, run: u64) -> rusqlite::Result<()> {
    for sql in [
        "update task_rows set input = null, output = null where run = ?1",
        "update steps set output = null where task in (select id from tasks where run = ?1)",
        "delete from logs where task in (select id from tasks where run = ?1)",
    ] {
        connection.execute(sql, params![int(run)])?;
    }
    Ok(())
}
