//! Rows of `agents` and of what is counted for each: results, times, breakers, slot time.

use super::filled;
use crate::views::change::{Agent, Changes, Restarts, Turn, bucket_ms};
use crate::views::memory::Memory;
use crate::views::names;
use crate::views::schema::int;
use kernel::{AgentSpec, Forced};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

pub(super) fn write(connection: &Connection, agent: &Agent<'_>) -> rusqlite::Result<()> {
    match agent {
        Agent::Joined { id, spec, at_ms } => connection
            .prepare_cached(
                "insert into agents (id, name, kind, team, serves, slots, prefer, remote, presence,
                   life, joined_ms, completed, failed, restarts, labels, timed_out, faults,
                   money_micros, tokens)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', 'up', ?9, 0, 0, 0, ?10, 0, 0, 0,
                   0)
                 on conflict (id) do update set name = excluded.name, kind = excluded.kind,
                   team = excluded.team, serves = excluded.serves, slots = excluded.slots,
                   prefer = excluded.prefer, remote = excluded.remote,
                   presence = excluded.presence, life = excluded.life,
                   joined_ms = excluded.joined_ms, labels = excluded.labels",
            )?
            .execute(params![
                id.0,
                &*spec.name,
                &*spec.kind,
                filled(&spec.team),
                serves(spec),
                spec.slots,
                spec.prefer,
                spec.remote,
                at_ms,
                serde_json::to_string(&spec.labels).unwrap_or_else(|_| "{}".to_owned()),
            ])?,
        Agent::Available { id, since } => connection
            .prepare_cached("update agents set available_since = ?2 where id = ?1")?
            .execute(params![id.0, since])?,
        Agent::Presence { id, presence } => connection
            .prepare_cached("update agents set presence = ?2 where id = ?1")?
            .execute(params![id.0, names::presence(*presence)])?,
        Agent::Resized { id, slots } => connection
            .prepare_cached("update agents set slots = ?2 where id = ?1")?
            .execute(params![id.0, slots])?,
        Agent::Exited { id, reason } => connection
            .prepare_cached("update agents set last_exit = ?2 where id = ?1")?
            .execute(params![id.0, reason])?,
        Agent::Breaker { id, capability, at_ms, now } => {
            breaker(connection, id.0, capability, *at_ms, now)?
        }
        Agent::Restarted { id } => connection
            .prepare_cached("update agents set restarts = restarts + 1 where id = ?1")?
            .execute(params![id.0])?,
        Agent::Life { id, life } => connection
            .prepare_cached("update agents set life = ?2 where id = ?1")?
            .execute(params![id.0, life])?,
    };
    Ok(())
}

fn breaker(
    connection: &Connection,
    agent: u32,
    capability: &str,
    at_ms: i64,
    now: &Turn,
) -> rusqlite::Result<usize> {
    let (state, until_ms, why, opened) = match now {
        Turn::Opened { until_ms, why } => ("open", Some(*until_ms), Some(*why), 1),
        Turn::HalfOpened => ("half_open", None, None, 0),
        Turn::Closed | Turn::Forced(None) => ("closed", None, None, 0),
        Turn::Forced(Some(Forced::Open)) => ("forced_open", None, None, 0),
        Turn::Forced(Some(Forced::Closed)) => ("forced_closed", None, None, 0),
    };
    connection
        .prepare_cached(
            "insert into breakers values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (agent, capability) do update set state = excluded.state,
               since_ms = excluded.since_ms, until_ms = excluded.until_ms,
               why = coalesce(excluded.why, why), opened = opened + excluded.opened",
        )?
        .execute(params![agent, capability, state, at_ms, until_ms, why, opened])
}

fn serves(spec: &AgentSpec) -> String {
    let name = |it: &kernel::Serves| match it.version {
        0 => it.capability.to_string(),
        version => format!("{}@{version}", it.capability),
    };
    serde_json::Value::from_iter(spec.serves.iter().map(name)).to_string()
}

pub(super) fn scores(
    connection: &Connection,
    memory: &Memory,
    changes: &Changes<'_>,
) -> rusqlite::Result<()> {
    for (id, score) in &changes.scores {
        connection
            .prepare_cached(
                "update agents set completed = completed + ?2, failed = failed + ?3,
                   timed_out = timed_out + ?4, faults = faults + ?5,
                   money_micros = money_micros + ?6, tokens = tokens + ?7
                 where id = ?1",
            )?
            .execute(params![
                id,
                int(score.completed),
                int(score.failed),
                int(score.timed_out),
                int(score.faults),
                int(score.money_micros),
                int(score.tokens),
            ])?;
        let name = memory.agent(*id);
        count(
            connection,
            "insert into work_times values (?1, ?2, ?3)
             on conflict (agent, work_ms) do update set count = count + excluded.count",
            &name,
            &score.times,
        )?;
        count(
            connection,
            "insert into queue_times values (?1, ?2, ?3)
             on conflict (agent, wait_ms) do update set count = count + excluded.count",
            &name,
            &score.waits,
        )?;
    }
    late_costs(connection, changes)
}

/// What was spent, by day, run, agent and model.
pub(super) fn costs(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "insert into costs values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (day_ms, run, agent, model) do update set
           reports = reports + excluded.reports,
           money_micros = money_micros + excluded.money_micros,
           tokens = tokens + excluded.tokens",
    )?;
    for ((day_ms, run, agent, model), spent) in &changes.spent {
        add.execute(params![
            day_ms,
            int(*run),
            &**agent,
            &**model,
            int(spent.reports),
            int(spent.cost.money_micros),
            int(spent.cost.tokens),
        ])?;
        let tenant = tenant_of(connection, *run)?;
        spent_on(connection, *day_ms, &tenant, &spent.cost)?;
    }
    Ok(())
}

/// The tenant of a run; empty if it has none, or is not known any more.
fn tenant_of(connection: &Connection, run: u64) -> rusqlite::Result<String> {
    let mut tenant = connection.prepare_cached("select tenant from task_rows where id = ?1")?;
    let mut rows = tenant.query([int(run)])?;
    let found = rows.next()?.map(|row| row.get::<_, Option<String>>(0)).transpose()?;
    Ok(found.flatten().unwrap_or_default())
}

/// What a tenant has spent on a day. Days of over a year ago are forgotten.
pub(in crate::views) fn spent_on(
    connection: &Connection,
    day_ms: i64,
    tenant: &str,
    cost: &kernel::Cost,
) -> rusqlite::Result<()> {
    const KEPT_MS: i64 = 400 * 86_400_000;
    let mut forget = connection.prepare_cached("delete from spent_days where day_ms < ?1")?;
    forget.execute([day_ms - KEPT_MS])?;
    let mut add = connection.prepare_cached(
        "insert into spent_days values (?1, ?2, ?3, ?4, ?5)
         on conflict (day_ms, tenant) do update set
           money_micros = money_micros + excluded.money_micros,
           tokens = tokens + excluded.tokens,
           calls = calls + excluded.calls",
    )?;
    let (money, tokens, calls) = (int(cost.money_micros), int(cost.tokens), int(cost.calls));
    add.execute(params![day_ms, tenant, money, tokens, calls])?;
    Ok(())
}

/// Adds to a histogram.
fn count(
    connection: &Connection,
    sql: &str,
    agent: &str,
    times: &BTreeMap<i64, u64>,
) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(sql)?;
    for (ms, count) in times {
        add.execute(params![agent, ms, int(*count)])?;
    }
    Ok(())
}

/// What an attempt cost that is no longer remembered; its row knows whose it was.
fn late_costs(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    for (task, token, cost) in &changes.late_costs {
        connection
            .prepare_cached(
                "update agents set money_micros = money_micros + ?3, tokens = tokens + ?4
                 where name = (select agent from attempt_rows where task = ?1 and token = ?2)",
            )?
            .execute(params![int(*task), int(token.0), int(cost.money_micros), int(cost.tokens)])?;
    }
    Ok(())
}

/// Looks up how long those had waited that were queued before this batch. Their rows still say so:
/// what this batch changes in them is written after.
pub(super) fn queue_times(
    connection: &Connection,
    changes: &mut Changes<'_>,
) -> rusqlite::Result<()> {
    let mut since = connection.prepare_cached("select queued_ms from task_rows where id = ?1")?;
    for (agent, task, at_ms) in std::mem::take(&mut changes.waited) {
        let mut rows = since.query([int(task)])?;
        let queued_ms: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?.flatten();
        let wait_ms = bucket_ms(at_ms - queued_ms.unwrap_or(at_ms));
        let score = changes.scores.entry(agent).or_default();
        *score.waits.entry(wait_ms).or_default() += 1;
    }
    Ok(())
}

/// All that a level counts counts for as long as the latest says, as in the kernel's window.
pub(super) fn restarts(connection: &Connection, what: &Restarts<'_>) -> rusqlite::Result<()> {
    let (Restarts::One { level, .. } | Restarts::Forgotten(level)) = what;
    let (team, tier, name) = (&*level.team, names::tier(level.tier), &*level.name);
    let Restarts::One { moment, period_ms, .. } = what else {
        connection
            .prepare_cached("delete from restarts where team = ?1 and tier = ?2 and name = ?3")?
            .execute([team, tier, name])?;
        return Ok(());
    };
    connection
        .prepare_cached(
            "update restarts set period_ms = ?4 where team = ?1 and tier = ?2 and name = ?3",
        )?
        .execute(params![team, tier, name, period_ms])?;
    connection
        .prepare_cached("insert into restarts values (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![team, tier, name, moment, period_ms])?;
    Ok(())
}

/// Slot time by minute.
pub(super) fn minutes(connection: &Connection, changes: &Changes<'_>) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "insert into agent_minutes values (?1, ?2, ?3, ?4)
         on conflict (minute, agent) do update set busy_ms = busy_ms + excluded.busy_ms,
           available_ms = available_ms + excluded.available_ms",
    )?;
    for ((minute, agent), it) in &changes.minutes {
        add.execute(params![minute, agent, it.busy_ms, it.available_ms])?;
    }
    Ok(())
}
