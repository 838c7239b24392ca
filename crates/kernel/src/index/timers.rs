//! Deadlines, all derived from the facts: nothing is ever "sent" to a timer.

use super::Index;
use crate::{AgentId, TaskId, Text, Time, Token};
use std::collections::BTreeSet;

/// What is due at a moment, and why it matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A task must have ended: its client no longer wants it.
    Deadline(TaskId),
    /// A lease runs out: its holder has been silent too long.
    Lease(TaskId),
    /// An attempt has worked for as long as it may.
    Timeout(TaskId),
    /// An attempt has used up what its tree may work.
    Work(TaskId),
    /// A task has waited long enough for one agent.
    Hold(TaskId),
    /// A task asked to be woken.
    Sleep(TaskId, Text),
    /// An agent whose breaker is open for a capability is to be tried again.
    Breaker(AgentId, Text),
    /// A schedule is due, or what it waited for has ended.
    Schedule(Text),
    /// A restart was put off until then.
    Restart(u64),
}

/// Timers by moment. Every attempt sets several and takes them back, so those that name a task and
/// nothing else stand in a set of pairs of numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    plain: BTreeSet<(Time, Plain)>,
    other: BTreeSet<(Time, Timer)>,
}

/// A kind in the highest bits and a task below: in the order of [`Timer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plain(u64);

impl Plain {
    const TASK_BITS: u32 = 62;

    fn of(timer: &Timer) -> Option<Plain> {
        let (kind, task) = match timer {
            Timer::Deadline(task) => (0, task),
            Timer::Lease(task) => (1, task),
            Timer::Timeout(task) => (2, task),
            Timer::Work(task) => (3, task),
            Timer::Hold(_)
            | Timer::Sleep(..)
            | Timer::Breaker(..)
            | Timer::Schedule(_)
            | Timer::Restart(_) => {
                return None;
            }
        };
        (task.0 >> Self::TASK_BITS == 0).then_some(Plain(kind << Self::TASK_BITS | task.0))
    }

    fn timer(self) -> Timer {
        let task = TaskId(self.0 & ((1 << Self::TASK_BITS) - 1));
        match self.0 >> Self::TASK_BITS {
            0 => Timer::Deadline(task),
            1 => Timer::Lease(task),
            2 => Timer::Timeout(task),
            3.. => Timer::Work(task),
        }
    }
}

impl Timers {
    fn insert(&mut self, at: Time, timer: Timer) {
        match Plain::of(&timer) {
            Some(plain) => self.plain.insert((at, plain)),
            None => self.other.insert((at, timer)),
        };
    }

    fn remove(&mut self, at: Time, timer: Timer) {
        match Plain::of(&timer) {
            Some(plain) => self.plain.remove(&(at, plain)),
            None => self.other.remove(&(at, timer)),
        };
    }

    fn next(&self) -> Option<Time> {
        let (plain, other) = (self.plain.first(), self.other.first());
        plain.map(|it| it.0).into_iter().chain(other.map(|it| it.0)).min()
    }

    /// The first that is due; of two at one moment, as [`Timer`] orders them.
    fn due(&self, now: Time) -> Option<Timer> {
        let plain = self.plain.first().filter(|(at, _)| *at <= now);
        let other = self.other.first().filter(|(at, _)| *at <= now);
        match (plain, other) {
            (Some((at, plain)), other) if other.is_none_or(|(later, _)| at <= later) => {
                Some(plain.timer())
            }
            (_, other) => other.map(|(_, timer)| timer.clone()),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Time, Timer)> + '_ {
        let plain = self.plain.iter().map(|(at, plain)| (*at, plain.timer()));
        plain.chain(self.other.iter().cloned())
    }
}

impl Index {
    pub(crate) fn add_timer(&mut self, at: Time, timer: Timer) {
        if at != Time::NEVER {
            self.timers.insert(at, timer);
        }
    }

    pub(crate) fn drop_timer(&mut self, at: Time, timer: Timer) {
        if at != Time::NEVER {
            self.timers.remove(at, timer);
        }
    }

    /// The moment of the next timer, or of the next task that becomes ready.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        let ready = self.ready.first().map(|(at, _)| *at);
        self.timers.next().into_iter().chain(ready).min()
    }

    /// The first timer that is due; it stays until the facts it derives from change.
    pub(crate) fn due(&self, now: Time) -> Option<Timer> {
        self.timers.due(now)
    }

    /// The first queued task whose delay is over.
    pub(crate) fn due_ready(&self) -> Option<TaskId> {
        self.ready.first().filter(|(at, _)| *at <= self.now).map(|(_, task)| *task)
    }

    /// Moves the end of a lease. Soft: forgotten by a replay, which can only make it end earlier.
    pub(crate) fn renew(&mut self, task: TaskId, token: Token, from: Time, to: Time) {
        let from = self.renewed.get(&token).copied().unwrap_or(from);
        if to > from {
            self.drop_timer(from, Timer::Lease(task));
            self.add_timer(to, Timer::Lease(task));
            self.renewed.insert(token, to);
        }
    }

    /// Moves the moment at which an attempt has used up what its tree may work: some was given back
    /// meanwhile. Soft, as a renewal is.
    pub(crate) fn postpone(&mut self, task: TaskId, token: Token, from: Time, to: Time) {
        let from = self.postponed.insert(token, to).unwrap_or(from);
        self.drop_timer(from, Timer::Work(task));
        self.add_timer(to, Timer::Work(task));
    }

    /// Moves the moment at which an attempt has worked too long: nobody was at work for a while.
    /// Soft, as a renewal is.
    pub(crate) fn put_off(&mut self, task: TaskId, token: Token, from: Time, ms: u64) {
        let from = self.put_off.get(&token).copied().unwrap_or(from);
        if from != Time::NEVER {
            let to = from.after(ms);
            self.drop_timer(from, Timer::Timeout(task));
            self.add_timer(to, Timer::Timeout(task));
            self.put_off.insert(token, to);
        }
    }

    /// The same of its share of what its tree may work.
    pub(crate) fn put_off_share(&mut self, task: TaskId, token: Token, from: Time, ms: u64) {
        let from = self.postponed.get(&token).copied().unwrap_or(from);
        if from != Time::NEVER {
            self.postpone(task, token, from, from.after(ms));
        }
    }

    /// The timers that the facts alone imply; when leases, patience and shares of work end is soft.
    pub(super) fn hard_timers(&self) -> Vec<(Time, Timer)> {
        let hard = |(_, timer): &(Time, Timer)| match timer {
            Timer::Lease(_) | Timer::Work(_) | Timer::Timeout(_) => false,
            Timer::Deadline(_)
            | Timer::Hold(_)
            | Timer::Sleep(..)
            | Timer::Breaker(..)
            | Timer::Schedule(_)
            | Timer::Restart(_) => true,
        };
        self.timers.iter().filter(hard).collect()
    }

    /// How many leases, attempts, and attempts' shares of work are timed.
    pub(super) fn soft_timers(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Timer) -> bool| {
            self.timers.iter().filter(|(_, timer)| wanted(timer)).count()
        };
        let leases = count(|timer| matches!(timer, Timer::Lease(_)));
        let attempts = count(|timer| matches!(timer, Timer::Timeout(_)));
        (leases, attempts, count(|timer| matches!(timer, Timer::Work(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_is_what_the_order_of_timers_says() {
        let (task, late) = (TaskId(7), TaskId(u64::MAX));
        let mut all = vec![
            (Time(2), Timer::Breaker(AgentId(0), "a".into())),
            (Time(2), Timer::Sleep(task, "s".into())),
            (Time(2), Timer::Work(task)),
            (Time(2), Timer::Timeout(TaskId(1))),
            (Time(2), Timer::Lease(task)),
            (Time(1), Timer::Sleep(TaskId(1), "s".into())),
            (Time(1), Timer::Deadline(late)),
        ];
        let mut timers = Timers::default();
        all.iter().for_each(|(at, timer)| timers.insert(*at, timer.clone()));
        assert_eq!(timers.iter().count(), all.len());
        all.sort();
        for (at, timer) in all {
            assert_eq!(timers.next(), Some(at));
            assert_eq!(timers.due(Time(at.0 - 1)), None);
            assert_eq!(timers.due(at), Some(timer.clone()));
            timers.remove(at, timer);
        }
        assert_eq!(timers.next(), None);
    }
}
