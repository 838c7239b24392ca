//! Deadlines, all derived from the facts: nothing is ever "sent" to a timer.

use super::Index;
use crate::{AgentId, TaskId, Text, Time, Token};

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
    /// A task asked to be woken.
    Sleep(TaskId, Text),
    /// An agent whose breaker is open for a capability is to be tried again.
    Breaker(AgentId, Text),
}

impl Index {
    pub(crate) fn add_timer(&mut self, at: Time, timer: Timer) {
        if at != Time::NEVER {
            self.timers.insert((at, timer));
        }
    }

    pub(crate) fn drop_timer(&mut self, at: Time, timer: Timer) {
        if at != Time::NEVER {
            self.timers.remove(&(at, timer));
        }
    }

    /// The moment of the next timer, or of the next task that becomes ready.
    pub(crate) fn next_timer(&self) -> Option<Time> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let ready = self.ready.first().map(|(at, _)| *at);
        timer.into_iter().chain(ready).min()
    }

    /// The first timer that is due; it stays until the facts it derives from change.
    pub(crate) fn due(&self, now: Time) -> Option<Timer> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, timer)| timer.clone())
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

    /// The timers that the facts alone imply; when leases and shares of work end is soft.
    pub(super) fn hard_timers(&self) -> Vec<(Time, Timer)> {
        let hard = |(_, timer): &&(Time, Timer)| match timer {
            Timer::Lease(_) | Timer::Work(_) => false,
            Timer::Deadline(_) | Timer::Timeout(_) | Timer::Sleep(..) | Timer::Breaker(..) => true,
        };
        self.timers.iter().filter(hard).cloned().collect()
    }

    /// How many leases, and how many attempts' shares of work, are timed.
    pub(super) fn soft_timers(&self) -> (usize, usize) {
        let count = |wanted: fn(&Timer) -> bool| {
            self.timers.iter().filter(|(_, timer)| wanted(timer)).count()
        };
        let leases = count(|timer| matches!(timer, Timer::Lease(_)));
        (leases, count(|timer| matches!(timer, Timer::Work(_))))
    }
}
