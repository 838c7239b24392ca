//! `agents`: who is here, how busy, how fast.

use super::{Reader, maybe_number, number};
use crate::views::Error;
use rusqlite::Row;
use serde::Serialize;

/// One agent.
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
    /// How many tasks it works on at once.
    pub slots: u64,
    /// Slots in use, by work that was told to stop too.
    pub busy: u64,
    /// Its tasks that wait without a slot.
    pub waiting: u64,
    /// `active`, `paused`, `draining`, `left`.
    pub presence: String,
    /// Wall time, milliseconds since 1970.
    pub joined_ms: i64,
    /// Tasks it completed.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// `up`, `stopping`, `down`, `starting`, `suspected`, `given up`, `ended`.
    pub life: String,
    /// How its last life ended, or why it was given up.
    pub last_exit: Option<String>,
    /// Half of its completed attempts worked no longer, milliseconds; within 2%.
    pub p50_ms: Option<u64>,
    /// 19 of 20 worked no longer, milliseconds; within 2%.
    pub p95_ms: Option<u64>,
}

impl Agent {
    fn read(row: &Row<'_>) -> rusqlite::Result<Agent> {
        let serves: String = row.get("serves")?;
        Ok(Agent {
            name: row.get("name")?,
            kind: row.get("kind")?,
            team: row.get("team")?,
            serves: serde_json::from_str(&serves).unwrap_or_default(),
            slots: number(row, "slots")?,
            busy: number(row, "busy")? + number(row, "stopping")?,
            waiting: number(row, "waiting")?,
            presence: row.get("presence")?,
            joined_ms: row.get("joined_ms")?,
            completed: number(row, "completed")?,
            failed: number(row, "failed")?,
            restarts: number(row, "restarts")?,
            life: row.get("life")?,
            last_exit: row.get("last_exit")?,
            p50_ms: maybe_number(row, "p50_ms")?,
            p95_ms: maybe_number(row, "p95_ms")?,
        })
    }

    /// Whether it serves a capability at a version that will do.
    pub(super) fn serves(&self, capability: &str, version: Option<&str>) -> bool {
        self.serves.iter().any(|it| {
            let (name, number) = it.rsplit_once('@').unwrap_or((it, "0"));
            name == capability && version.is_none_or(|range| fits(range, number))
        })
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

    /// Everyone who ever joined; those present first, then by name.
    pub fn agents(&self) -> Result<Vec<Agent>, Error> {
        self.all(
            "with open as (
               select agent, sum(status in ('assigned', 'running')) as busy,
                 sum(status = 'waiting') as waiting
               from tasks where ended_ms is null and status <> 'queued' group by agent
             ), halted as (
               select agent, count(*) as stopping from attempt_rows indexed by attempts_stopping
               where fenced = 1 and work_ended_ms is null group by agent
             )
             select a.*, coalesce(o.busy, 0) as busy, coalesce(o.waiting, 0) as waiting,
               coalesce(h.stopping, 0) as stopping, s.p50_ms, s.p95_ms
             from agents a
             left join open o on o.agent = a.name
             left join halted h on h.agent = a.name
             left join agent_speeds s on s.agent = a.name
             order by a.presence = 'left', a.name",
            [],
            Agent::read,
        )
    }
}

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
