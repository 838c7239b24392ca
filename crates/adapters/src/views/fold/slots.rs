//! Slot time: how much of it there was, and how much of it was used, minute by minute.
//!
//! Minutes are of kernel time, so that neither a clock that is set nor a night without a process
//! makes an agent look idle. Only the latest minutes are kept, so a long stretch costs no more rows
//! than they are. What an agent still works on while it could take no work is in neither number: it
//! would make one that is paused look fully used.

use super::super::change::{Agent, Changes, Minute};
use super::super::keep::{MINUTE_MS, MINUTES_KEPT, minute_of};
use super::super::memory::{Member, Memory};
use super::super::schema::int;
use super::Fold;
use kernel::{AgentId, Time};

impl Fold<'_, '_> {
    /// So many slots of an agent were in use for the last `ms`.
    pub(super) fn busy(&mut self, agent: u32, ms: i64, slots: u32) {
        busy(self.memory, self.changes, agent, ms, slots, self.at);
    }

    /// Something about an agent changes: what was available and in use until now is counted, and
    /// what is from now on begins.
    pub(super) fn member(&mut self, id: AgentId, change: impl FnOnce(&mut Member)) {
        let Some(before) = self.memory.agents.get(&id.0) else { return };
        let mut member = before.clone();
        change(&mut member);
        if member == *before {
            return;
        }
        if before.available_since.is_some() {
            available(self.changes, id.0, before, self.at);
            for (agent, since_ms, slots) in at_work(self.memory).filter(|it| it.0 == id.0) {
                let ms = self.at_ms - since_ms;
                busy(self.memory, self.changes, agent, ms, slots, self.at);
            }
        }
        let works = member.is_active && member.is_up;
        member.available_since = works.then_some(int(self.at.0));
        let since = member.available_since;
        self.memory.agents.insert(id.0, member);
        self.changes.agents.push(Agent::Available { id, since });
    }
}

/// The process has ended: its agents are gone, and with them the work that they were at.
pub(in super::super) fn process_ended(memory: &mut Memory, changes: &mut Changes<'_>, at: Time) {
    for (agent, since_ms, slots) in at_work(memory) {
        if memory.agents.get(&agent).is_some_and(|member| !member.remote) {
            busy(memory, changes, agent, memory.applied_ms - since_ms, slots, at);
        }
    }
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
}

/// Stretches that go on, of work and of its end: whose, since when by wall time, and in how many
/// slots.
fn at_work(memory: &Memory) -> impl Iterator<Item = (u32, i64, u32)> {
    let leases = memory.open.iter().filter_map(|(task, open)| {
        let lease = open.lease.as_ref().filter(|it| it.wait.is_none())?;
        Some((lease.agent, lease.since_ms, memory.weight_of(*task)))
    });
    let halted = memory.stopping.values().map(|it| (it.agent, it.since_ms, it.slots));
    leases.chain(halted)
}

/// Counts so many slots of an agent as in use for the last `ms`, as far as it could take work; what
/// was before it last could is counted already.
fn busy(memory: &Memory, changes: &mut Changes<'_>, agent: u32, ms: i64, slots: u32, at: Time) {
    let member = memory.agents.get(&agent);
    let Some(since) = member.and_then(|it| it.available_since) else { return };
    let until = int(at.0);
    spread(since.max(until - ms), until, |minute, ms| {
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
