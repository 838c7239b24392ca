//! Rows of `schedules`.

use super::{Content, filled};
use crate::views::change::{Schedule, ScheduleChange};
use crate::views::names;
use crate::views::schema::int;
use kernel::{Came, Next, Recurrence, ScheduleSpec};
use rusqlite::{Connection, params};

pub(super) fn write(connection: &Connection, change: &Schedule<'_>) -> rusqlite::Result<()> {
    let name = change.name;
    match &change.what {
        ScheduleChange::Set { spec, next } => return set(connection, spec, *next),
        ScheduleChange::Removed => {
            connection.prepare_cached("delete from schedules where name = ?1")?.execute([name])?
        }
        ScheduleChange::Paused(paused) => connection
            .prepare_cached("update schedules set paused = ?2 where name = ?1")?
            .execute(params![name, paused])?,
        ScheduleChange::Next { next, why } => connection
            .prepare_cached("update schedules set next_ms = ?2, why_never = ?3 where name = ?1")?
            .execute(params![name, next_ms(*next), filled(why)])?,
        ScheduleChange::Held { until_ms } => connection
            .prepare_cached("update schedules set held_ms = ?2 where name = ?1")?
            .execute(params![name, until_ms])?,
        ScheduleChange::Fired { due, came, next } => {
            let task = match came {
                Came::Task(task) | Came::Overlap(task) => Some(int(task.0)),
                Came::Waits | Came::Missed | Came::Refused(_) => None,
            };
            let note = match came {
                Came::Refused(why) => Some(&**why),
                Came::Task(_) | Came::Waits | Came::Missed | Came::Overlap(_) => None,
            };
            let started = matches!(came, Came::Task(_));
            let waits = matches!(came, Came::Waits);
            connection
                .prepare_cached(
                    "update schedules set last_ms = ?2, last_came = ?3, last_task = ?4,
                       last_note = ?5, next_ms = ?6, started = started + ?7,
                       skipped = skipped + ?8, held_ms = null,
                       waits_ms = case when ?9 then ?2 when waits_ms = ?2 then null
                         else waits_ms end
                     where name = ?1",
                )?
                .execute(params![
                    name,
                    int(*due),
                    names::came(came),
                    task,
                    note,
                    next_ms(*next),
                    started,
                    !started && !waits,
                    waits,
                ])?
        }
    };
    Ok(())
}

fn set(connection: &Connection, spec: &ScheduleSpec, next: Next) -> rusqlite::Result<()> {
    let (every_ms, cron, zone) = match &spec.recurs {
        Recurrence::Every { ms } => (Some(int(*ms)), None, None),
        Recurrence::Calendar { cron, zone } => (None, Some(&**cron), Some(&**zone)),
    };
    let input = Content::of(&spec.input);
    connection
        .prepare_cached(
            "insert into schedules (name, origin, cron, zone, every_ms, capability, version, team,
               class, missed, overlap, within_ms, paused, next_ms, started, skipped,
               input_bytes, input_blob, input)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13, 0, 0, ?14, ?15, ?16)
             on conflict (name) do update set origin = excluded.origin, cron = excluded.cron,
               zone = excluded.zone, every_ms = excluded.every_ms,
               capability = excluded.capability, version = excluded.version,
               team = excluded.team, class = excluded.class, missed = excluded.missed,
               overlap = excluded.overlap, within_ms = excluded.within_ms,
               next_ms = excluded.next_ms, why_never = null, input_bytes = excluded.input_bytes,
               input_blob = excluded.input_blob, input = excluded.input",
        )?
        .execute(params![
            &*spec.name,
            filled(&spec.origin),
            cron,
            zone,
            every_ms,
            &*spec.terms.capability,
            names::versions(spec.terms.versions),
            filled(&spec.terms.team),
            names::class(spec.terms.class),
            names::missed(spec.missed),
            names::overlap(spec.overlap),
            spec.deadline_ms.map(int),
            next_ms(next),
            spec.input.len,
            input.blob,
            input.text,
        ])?;
    Ok(())
}

fn next_ms(next: Next) -> Option<i64> {
    match next {
        Next::At(due) => Some(int(due)),
        Next::Reckon { .. } | Next::Never => None,
    }
}
