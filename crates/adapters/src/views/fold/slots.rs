//! Slot time: how much of it there was, and how much of it was used, minute by minute.
//!
//! Minutes are of kernel time, so that neither a clock that is set nor a night without a process
//! makes an agent look idle. Only the latest minutes are kept, so a long stretch costs no more rows
//! than they are.

use super::super::change::{Agent, Changes, Minute};
use super::super::keep::{MINUTE_MS, MINUTES_KEPT, minute_of};
use super::super::memory::{Member, Memory};
use super::super::schema::int;
use super::Fold;
use kernel::{AgentId, Time};

impl Fold<'_, '_> {
    /// So many slots of an agent were in use for the last `ms`.
    pub(super) fn busy(&mut self, agent: u32, ms: i64, slots: u32) {
        busy(self.changes, agent, ms, slots, self.at);
    }

    /// Something about an agent changes: what was available until now is counted, and what is from
    /// now on begins.
    pub(super) fn member(&mut self, id: AgentId, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.memory.agents.get_mut(&id.0) else { return };
        let before = member.clone();
        change(member);
        if *member == before {
            return;
        }
        available(self.changes, id.0, &before, self.at);
        let works = member.is_active && member.is_up;
        member.available_since = works.then_some(int(self.at.0));
        let since = member.available_since;
        self.changes.agents.push(Agent::Available { id, since });
    }
}

/// The process has ended: its agents are gone, and with them the work that they were ending.
pub(in super::super) fn process_ended(memory: &mut Memory, changes: &mut Changes<'_>, at: Time) {
    for (id, member) in &mut memory.agents {
        if member.remote {
            continue;
        }
        available(changes, *id, member, at);
        member.is_active = false;
        if member.available_since.take().is_some() {
            changes.agents.push(Agent::Available { id: AgentId(*id), since: None });
        }
    }
    for halted in memory.stopping.values() {
        if memory.agents.get(&halted.agent).is_none_or(|member| member.remote) {
            continue;
        }
        busy(changes, halted.agent, memory.applied_ms - halted.since_ms, halted.slots, at);
    }
}

/// Counts so many slots of an agent as in use for the last `ms`.
fn busy(changes: &mut Changes<'_>, agent: u32, ms: i64, slots: u32, at: Time) {
    let until = int(at.0);
    spread(until - ms, until, |minute, ms| {
        let row: &mut Minute = changes.minutes.entry((minute, agent)).or_default();
        row.busy_ms += ms * i64::from(slots);
    });
}

/// Counts the time that an agent was there for work, up to now.
fn available(changes: &mut Changes<'_>, id: u32, member: &Member, at: Time) {
    let Some(since) = member.available_since else { return };
    spread(since, int(at.0), |minute, ms| {
        let row = changes.minutes.entry((minute, id)).or_default();
        row.available_ms += ms * i64::from(member.slots);
    });
}

/// A stretch of kernel time by minute; of a long one the latest minutes.
fn spread(since: i64, until: i64, mut of: impl FnMut(i64, i64)) {
    let last = minute_of(until);
    let first = minute_of(since).max(last - MINUTES_KEPT + 1);
    for minute in first..=last {
        let begin = since.max(minute * MINUTE_MS);
        let end = until.min((minute + 1) * MINUTE_MS);
        if end > begin {
            of(minute, end - begin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    fn spread_of(since: i64, until: i64) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        spread(since, until, |minute, ms| all.push((minute, ms)));
        all
    }

    #[test]
    fn a_stretch_falls_into_its_minutes_and_a_long_one_into_the_latest() {
        assert_eq!(spread_of(59_000, 61_500), [(0, 1_000), (1, 1_500)]);
        assert_eq!(spread_of(5, 5), []);
        assert_eq!(spread_of(120_000, 60_000), [], "time that ran backwards counts nothing");
        let day = spread_of(0, 86_400_000);
        assert_eq!((day.len(), day[0].0), (14, 1_426), "the minute that begins has nothing yet");
    }
}
