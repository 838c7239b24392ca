//! `agents`: who is here, how busy, how fast, how reliable, and what keeps them from work.

use super::restarts::Counted;
use super::{Reader, maybe_number, number};
use crate::views::Error;
use crate::views::keep::{MINUTE_MS, MINUTES_KEPT, minute_of};
use kernel::Labels;
use rusqlite::Row;
use serde::Serialize;
use std::collections::HashMap;

/// One agent and its record, from events alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Unique.
    pub name: String,
    /// `native`, `command`, `builtin`, …
    pub kind: String,
    /// Serves this team only.
    pub team: Option<String>,
    /// Capabilities with versions, `code.review@1`.
    pub serves: Vec<String>,
    /// What it says of itself, for requirements.
    pub labels: Labels,
    /// How many tasks it works on at once, if each takes one slot.
    pub slots: u64,
    /// Slots in use, by work that was told to stop too.
    pub busy: u64,
    /// Its tasks that wait without a slot.
    pub waiting: u64,
    /// `active`, `paused`, `draining`, `left`.
    pub presence: String,
    /// `up`, `stopping`, `down`, `starting`, `suspected`, `given up`, `ended`.
    pub life: String,
    /// Wall time, milliseconds since 1970.
    pub joined_ms: i64,
    /// Tasks it completed.
    pub completed: u64,
    /// Attempts that failed under it, for whatever reason.
    pub failed: u64,
    /// Of these: it worked too long, or fell silent until its lease ran out.
    pub timed_out: u64,
    /// Of these: its own fault, not that of the task. Only these count in its breakers.
    pub faults: u64,
    /// Completed ones among its attempts that completed or failed, in hundredths, rounded down.
    pub success_percent: Option<u64>,
    /// Half of its completed attempts worked no longer, milliseconds; within 2%.
    pub p50_ms: Option<u64>,
    /// 19 of 20 worked no longer, milliseconds; within 2%.
    pub p95_ms: Option<u64>,
    /// 99 of 100 worked no longer, milliseconds; within 2%.
    pub p99_ms: Option<u64>,
    /// Half of the work that it was given had waited no longer for it, milliseconds; within 2%.
    pub queued_p50_ms: Option<u64>,
    /// 19 of 20 had waited no longer, milliseconds; within 2%.
    pub queued_p95_ms: Option<u64>,
    /// Slot time in use among the slot time that was there for work, over the latest quarter of an
    /// hour of kernel time, in hundredths; none if there was none. What it works on while it is
    /// paused is in neither.
    pub used_percent: Option<u64>,
    /// Times it was started again.
    pub restarts: u64,
    /// Restarts that count now against it or its supervisor; none: nothing counts.
    pub counted: Option<Counted>,
    /// How its last life ended, or why it was given up.
    pub last_exit: Option<String>,
    /// Millionths of a dollar, of all its attempts.
    pub money_micros: u64,
    /// Model tokens, of all its attempts.
    pub tokens: u64,
    /// Those of its breakers that ever opened or that an operator touched.
    pub breakers: Vec<Breaker>,
}

impl Agent {
    fn read(row: &Row<'_>, moment: Moment) -> rusqlite::Result<Agent> {
        let (serves, labels): (String, String) = (row.get("serves")?, row.get("labels")?);
        let (completed, failed) = (number(row, "completed")?, number(row, "failed")?);
        Ok(Agent {
            name: row.get("name")?,
            kind: row.get("kind")?,
            team: row.get("team")?,
            serves: serde_json::from_str(&serves).unwrap_or_default(),
            labels: serde_json::from_str(&labels).unwrap_or_default(),
            slots: number(row, "slots")?,
            busy: number(row, "busy")?,
            waiting: number(row, "waiting")?,
            presence: row.get("presence")?,
            life: row.get("life")?,
            joined_ms: row.get("joined_ms")?,
            completed,
            failed,
            timed_out: number(row, "timed_out")?,
            faults: number(row, "faults")?,
            success_percent: (completed * 100).checked_div(completed + failed),
            p50_ms: maybe_number(row, "p50_ms")?,
            p95_ms: maybe_number(row, "p95_ms")?,
            p99_ms: maybe_number(row, "p99_ms")?,
            queued_p50_ms: maybe_number(row, "queued_p50_ms")?,
            queued_p95_ms: maybe_number(row, "queued_p95_ms")?,
            used_percent: used_percent(row, moment)?,
            restarts: number(row, "restarts")?,
            counted: None,
            last_exit: row.get("last_exit")?,
            money_micros: number(row, "money_micros")?,
            tokens: number(row, "tokens")?,
            breakers: Vec::new(),
        })
    }

    /// Whether it is here: it joined and has not left.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.presence != "left"
    }

    /// Whether it gets new work as far as its presence and its life go.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.presence == "active" && self.life == "up"
    }

    /// The breaker that keeps it from a capability now, if one does.
    #[must_use]
    pub fn barred_from(&self, capability: &str) -> Option<&Breaker> {
        self.breakers.iter().find(|it| it.capability == capability && it.is_shut())
    }

    /// Whether it serves a capability at a version that will do.
    #[must_use]
    pub fn serves(&self, capability: &str, version: Option<&str>) -> bool {
        self.serves.iter().any(|it| {
            let (name, number) = it.rsplit_once('@').unwrap_or((it, "0"));
            name == capability && version.is_none_or(|range| fits(range, number))
        })
    }
}

impl Agent {
    /// The versions of a capability that it serves, in words.
    pub(super) fn versions_of(&self, capability: &str) -> String {
        let version = |it: &String| match it.rsplit_once('@') {
            Some((name, version)) if name == capability => Some(format!("version {version}")),
            _ => (it == capability).then(|| "no version".to_owned()),
        };
        let versions: Vec<String> = self.serves.iter().filter_map(version).collect();
        versions.join(", ")
    }
}

/// Whether a version lies in a range such as `1`, `1-3` or `2-`.
fn fits(range: &str, version: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    let (min, max) = range.split_once('-').unwrap_or((range, range));
    let (min, max) = (number(min).unwrap_or(0), number(max).unwrap_or(u32::MAX));
    number(version).is_some_and(|it| (min..=max).contains(&it))
}

/// What became of one breaker, of those that ever opened or that an operator touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// Whose.
    pub agent: String,
    /// For which capability.
    pub capability: String,
    /// `closed`, `open`, `half_open`, `forced_open`, `forced_closed`.
    pub state: String,
    /// Wall time, milliseconds since 1970.
    pub since_ms: i64,
    /// Open: when it is tried again.
    pub until_ms: Option<i64>,
    /// Why it opened last: `failed`, `slow`, `probe`.
    pub why: Option<String>,
    /// How often it has opened.
    pub opened: u64,
}

impl Breaker {
    /// Whether it keeps its agent from the capability.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        matches!(&*self.state, "open" | "forced_open")
    }
}

/// When it is asked, and from when on slot time counts.
#[derive(Clone, Copy)]
struct Moment {
    /// Wall time.
    now_ms: i64,
    /// Wall time minus kernel time.
    offset_ms: i64,
    /// The first minute that counts.
    first: i64,
}

impl Moment {
    /// Where the first minute begins, in kernel time.
    fn begins(self) -> i64 {
        self.first * MINUTE_MS
    }
}

/// What is used among what is there: whole minutes as they stand in the table, and what goes on.
fn used_percent(row: &Row<'_>, moment: Moment) -> rusqlite::Result<Option<u64>> {
    let now = moment.now_ms - moment.offset_ms;
    let since: Option<i64> = row.get("available_since")?;
    let open = since.map_or(0, |since| (now - since.max(moment.begins())).max(0));
    let available = row.get::<_, i64>("available_ms")? + open * row.get::<_, i64>("slots")?;
    let busy = row.get::<_, i64>("busy_ms")? + row.get::<_, i64>("open_ms")?;
    Ok((available > 0).then(|| (busy * 100 / available).clamp(0, 100) as u64))
}

impl Reader {
    /// Every breaker that ever opened or that an operator touched.
    pub fn breakers(&self) -> Result<Vec<Breaker>, Error> {
        self.all(
            "select a.name, b.* from breakers b join agents a on a.id = b.agent
             order by a.name, b.capability",
            [],
            |row| {
                Ok(Breaker {
                    agent: row.get("name")?,
                    capability: row.get("capability")?,
                    state: row.get("state")?,
                    since_ms: row.get("since_ms")?,
                    until_ms: row.get("until_ms")?,
                    why: row.get("why")?,
                    opened: number(row, "opened")?,
                })
            },
        )
    }

    /// Everyone who ever joined; those present first, then by name. As of the last entry.
    pub fn agents(&self) -> Result<Vec<Agent>, Error> {
        self.agents_at(self.applied_ms()?)
    }

    /// The same as of a later moment, wall time: what goes on has gone on until then.
    pub fn agents_at(&self, now_ms: i64) -> Result<Vec<Agent>, Error> {
        let offset_ms = self.meta("offset_ms")?;
        let first = minute_of(now_ms - offset_ms) - MINUTES_KEPT + 1;
        let moment = Moment { now_ms, offset_ms, first };
        let params = (now_ms, moment.begins() + offset_ms, first, offset_ms);
        let mut agents = self.all(AGENTS, params, |row| Agent::read(row, moment))?;
        self.count_restarts(&mut agents, now_ms - offset_ms)?;
        let mut breakers: HashMap<String, Vec<Breaker>> = HashMap::new();
        for breaker in self.breakers()? {
            breakers.entry(breaker.agent.clone()).or_default().push(breaker);
        }
        for agent in &mut agents {
            agent.breakers = breakers.remove(&agent.name).unwrap_or_default();
        }
        Ok(agents)
    }
}

/// ?1: now; ?2: where the first minute that counts begins; both wall time. ?3: that minute.
/// ?4: wall time minus kernel time. Slots are in use where they are there for work.
const AGENTS: &str = "
with working as (
  select t.agent, t.weight, coalesce(
      (select max(w.until_ms) from waits w where w.task = t.id and w.token = t.token),
      a.granted_ms) as since_ms
  from task_rows t join attempt_rows a on a.task = t.id and a.token = t.token
  where t.ended_ms is null and t.status in ('assigned', 'running')
  union all
  select agent, coalesce(kept_slots, 0), ended_ms
  from attempt_rows indexed by attempts_stopping where fenced = 1 and work_ended_ms is null
), slots as (
  select w.agent, sum(w.weight) as busy,
    sum(w.weight * max(0, ?1 - max(w.since_ms, ?2, here.available_since + ?4))) as open_ms
  from working w left join agents here on here.name = w.agent group by w.agent
), idle as (
  select agent, count(*) as waiting
  from task_rows where ended_ms is null and status = 'waiting' group by agent
), minutes as (
  select agent, sum(busy_ms) as busy_ms, sum(available_ms) as available_ms
  from agent_minutes where minute >= ?3 group by agent
)
select a.*, coalesce(o.busy, 0) as busy, coalesce(o.open_ms, 0) as open_ms,
  coalesce(i.waiting, 0) as waiting, coalesce(m.busy_ms, 0) as busy_ms,
  coalesce(m.available_ms, 0) as available_ms, s.p50_ms, s.p95_ms, s.p99_ms,
  q.p50_ms as queued_p50_ms, q.p95_ms as queued_p95_ms
from agents a
left join slots o on o.agent = a.name
left join idle i on i.agent = a.name
left join minutes m on m.agent = a.id
left join agent_speeds s on s.agent = a.name
left join agent_waits q on q.agent = a.name
order by a.presence = 'left', a.name";

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn versions_fit_their_ranges() {
        for (range, version, expected) in
            [("1", "1", true), ("1", "2", false), ("1-3", "3", true), ("2-", "1", false)]
        {
            assert_eq!(fits(range, version), expected, "{version} in {range}");
        }
        assert!(fits("2-", "9"));
    }
}
