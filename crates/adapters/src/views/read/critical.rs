//! What the length of a run is made of: the chain of work and waiting that decided when it ended.
//!
//! The walk goes backwards from the end. Where an attempt worked, it goes to where that stretch of
//! work began. Where it had waited, it goes to the child or timer that woke it, and through the
//! child to where its parent asked for it. Where it was queued, it goes to the failure or crash
//! that put it back, or to where it was accepted. So every millisecond has exactly one cause.

use super::{Start, Stretch, TimelineTask};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The decisive chain, first to last, without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CriticalPath {
    /// Its pieces; their lengths add up to the run's.
    pub pieces: Vec<Piece>,
    /// Milliseconds by part; parts that are none are left out.
    pub parts: BTreeMap<Part, i64>,
    /// The run's length, milliseconds.
    pub total_ms: i64,
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Whose time it was.
    pub task: u64,
    /// What kind of time.
    pub part: Part,
    /// From when on.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
}

/// What time can be spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An agent worked, and what it did counted.
    Work,
    /// The task was ready and no slot was free, or none that serves it.
    Queue,
    /// An attempt that failed or was lost, and the delay after it.
    Retry,
    /// No process ran.
    Restart,
    /// A timer, or a start that was not to be before a certain time.
    Timer,
    /// It waited for something else.
    Wait,
}

impl Part {
    /// Its name in the sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Work => "work",
            Part::Queue => "queue",
            Part::Retry => "retry",
            Part::Restart => "restart",
            Part::Timer => "timer",
            Part::Wait => "wait",
        }
    }
}

impl CriticalPath {
    /// Walks back from the end of the first task. Pure.
    #[must_use]
    pub fn of(tasks: &[TimelineTask], starts: &[Start], end_ms: i64) -> CriticalPath {
        let Some(root) = tasks.first() else { return CriticalPath::default() };
        let mut walk = Walk::new(tasks, end_ms);
        walk.back(root);
        walk.pieces.reverse();
        let pieces = without_downtime(walk.pieces, starts);
        let mut parts = BTreeMap::new();
        for piece in &pieces {
            *parts.entry(piece.part).or_insert(0) += piece.to_ms - piece.from_ms;
        }
        CriticalPath { pieces, parts, total_ms: (end_ms - root.accepted_ms).max(0) }
    }

    /// "4.8 s = 3.1 work + 1.2 queue + 0.5 restart"; the rounded parts add up to the rounded total.
    #[must_use]
    pub fn sentence(&self) -> String {
        // (milliseconds in a tenth of the unit, decimals shown, its name)
        let (tenth, unit) = match self.total_ms {
            ..1_000 => return self.in_ms(),
            1_000..600_000 => (100, "s"),
            600_000..36_000_000 => (6_000, "min"),
            36_000_000.. => (360_000, "h"),
        };
        let total = (self.total_ms + tenth / 2) / tenth;
        let mut shares: Vec<(Part, i64, i64)> =
            self.parts.iter().map(|(part, ms)| (*part, ms / tenth, ms % tenth)).collect();
        let mut missing = total - shares.iter().map(|share| share.1).sum::<i64>();
        shares.sort_by_key(|share| -share.2);
        for share in &mut shares {
            let add = missing.clamp(0, 1);
            share.1 += add;
            missing -= add;
        }
        shares.sort_by_key(|share| share.0);
        let decimal = |tenths: i64| format!("{}.{}", tenths / 10, tenths % 10);
        let shown = shares.iter().filter(|share| share.1 > 0);
        let shown: Vec<String> = shown
            .map(|(part, tenths, _)| format!("{} {}", decimal(*tenths), part.name()))
            .collect();
        format!("{} {unit} = {}", decimal(total), shown.join(" + "))
    }

    fn in_ms(&self) -> String {
        let shown = self.parts.iter().filter(|(_, ms)| **ms > 0);
        let shown: Vec<String> = shown.map(|(part, ms)| format!("{ms} {}", part.name())).collect();
        match shown.is_empty() {
            true => format!("{} ms", self.total_ms),
            false => format!("{} ms = {}", self.total_ms, shown.join(" + ")),
        }
    }
}

/// The walk: where it is, and what it has seen.
struct Walk<'t> {
    tasks: HashMap<u64, &'t TimelineTask>,
    children: HashMap<u64, Vec<&'t TimelineTask>>,
    now_ms: i64,
    /// The present end of the chain.
    at_ms: i64,
    /// Stretches of a task from this one on lie behind.
    bound: HashMap<u64, usize>,
    /// Children that the chain has led to.
    seen: HashSet<u64>,
    /// The next stretch of work was in vain: its attempt had to be repeated.
    vain: bool,
    pieces: Vec<Piece>,
}

impl<'t> Walk<'t> {
    fn new(tasks: &'t [TimelineTask], now_ms: i64) -> Walk<'t> {
        let mut children: HashMap<u64, Vec<&TimelineTask>> = HashMap::new();
        for task in tasks {
            if let Some(parent) = task.parent {
                children.entry(parent).or_default().push(task);
            }
        }
        let tasks = tasks.iter().map(|task| (task.id, task)).collect();
        let (bound, seen, pieces) = (HashMap::new(), HashSet::new(), Vec::new());
        Walk { tasks, children, now_ms, at_ms: now_ms, bound, seen, vain: false, pieces }
    }

    /// From the end of a task, task by task, to where the root was accepted.
    fn back(&mut self, root: &'t TimelineTask) {
        let mut next = Some(root);
        while let Some(task) = next {
            next = self.leave(task);
        }
    }

    /// Goes back within one task until the chain leads to another, which is given.
    fn leave(&mut self, task: &'t TimelineTask) -> Option<&'t TimelineTask> {
        let stretches = task.stretches(self.now_ms);
        loop {
            let bound = self.bound.get(&task.id).copied().unwrap_or(stretches.len());
            let mut before = stretches[..bound].iter();
            let Some(at) = before.rposition(|it| it.from_ms <= self.at_ms) else {
                self.queued(task, None, task.accepted_ms);
                return task.parent.and_then(|parent| self.tasks.get(&parent).copied());
            };
            let stretch = stretches[at];
            let it = &task.tries[stretch.attempt];
            // Between this stretch and where we stand, it waited or was queued again.
            if stretch.to_ms < self.at_ms {
                self.bound.insert(task.id, at + 1);
                match it.waits.get(stretch.waits) {
                    Some(wait) => {
                        let ended_ms = it.ended_ms.unwrap_or(i64::MAX);
                        if ended_ms < self.at_ms {
                            self.queued(task, Some(stretch.attempt), ended_ms);
                        }
                        self.vain = false;
                        if let Some(child) = self.woken(task, wait.since_ms) {
                            return Some(child);
                        }
                    }
                    None => self.queued(task, Some(stretch.attempt), stretch.to_ms),
                }
                continue;
            }
            let part = if std::mem::take(&mut self.vain) { Part::Retry } else { Part::Work };
            self.push(task.id, part, stretch.from_ms);
            self.bound.insert(task.id, at);
            if let Some(child) = self.before(task, &stretch) {
                return Some(child);
            }
        }
    }

    /// What led to a stretch of work: a wait, or a grant.
    fn before(&mut self, task: &'t TimelineTask, stretch: &Stretch) -> Option<&'t TimelineTask> {
        let it = &task.tries[stretch.attempt];
        if let Some(last) = stretch.waits.checked_sub(1) {
            return self.woken(task, it.waits[last].since_ms);
        }
        if let Some(earlier) = stretch.attempt.checked_sub(1) {
            let ended_ms = task.tries[earlier].ended_ms.unwrap_or(self.at_ms);
            self.queued(task, Some(earlier), ended_ms);
            self.vain = true;
        }
        None
    }

    /// It had waited since then: the step that ended last before it went on decided. A child is
    /// given; a timer is walked past.
    fn woken(&mut self, task: &'t TimelineTask, since_ms: i64) -> Option<&'t TimelineTask> {
        let until_ms = self.at_ms;
        let within = |at_ms: &i64| (since_ms..=until_ms).contains(at_ms);
        let children = self.children.get(&task.id).map_or(&[][..], |it| &it[..]);
        let unseen = children.iter().filter(|child| !self.seen.contains(&child.id));
        let child = unseen
            .clone()
            .filter_map(|child| Some((child.ended_ms.filter(within)?, *child)))
            .max_by_key(|(ended_ms, child)| (*ended_ms, child.id));
        let timer = task
            .timers
            .iter()
            .filter_map(|(_, set_ms, fired_ms)| Some((fired_ms.filter(within)?, *set_ms)))
            .max();
        let fired_ms = timer.map(|(fired_ms, _)| fired_ms);
        if let Some((ended_ms, child)) = child.filter(|it| Some(it.0) >= fired_ms) {
            self.push(task.id, Part::Queue, ended_ms);
            self.seen.insert(child.id);
            return Some(child);
        }
        if let Some((fired_ms, set_ms)) = timer {
            self.push(task.id, Part::Queue, fired_ms);
            self.push(task.id, Part::Timer, set_ms.min(since_ms));
            return None;
        }
        let is_open = |child: &&&TimelineTask| {
            child.accepted_ms <= until_ms && child.ended_ms.is_none_or(|ended| ended > until_ms)
        };
        if let Some(child) = unseen.clone().find(is_open).copied() {
            self.seen.insert(child.id);
            return Some(child);
        }
        let timer_open = task.timers.iter().any(|(.., fired_ms)| fired_ms.is_none());
        self.push(task.id, if timer_open { Part::Timer } else { Part::Wait }, since_ms);
        None
    }

    /// It was queued since then: after an attempt, or after it was accepted.
    fn queued(&mut self, task: &TimelineTask, after: Option<usize>, since_ms: i64) {
        let retried = task.tries.iter().any(|it| it.retry_ms.is_some());
        let (ready_ms, part) = match after {
            Some(attempt) => (task.tries[attempt].retry_ms, Part::Retry),
            None => (task.ready_ms.filter(|_| !retried), Part::Timer),
        };
        let ready_ms = ready_ms.unwrap_or(since_ms).clamp(since_ms, self.at_ms.max(since_ms));
        self.push(task.id, Part::Queue, ready_ms);
        self.push(task.id, part, since_ms);
    }

    /// Lengthens the chain backwards.
    fn push(&mut self, task: u64, part: Part, from_ms: i64) {
        let to_ms = self.at_ms;
        if from_ms < to_ms {
            self.pieces.push(Piece { task, part, from_ms, to_ms });
            self.at_ms = from_ms;
        }
    }
}

/// Cuts the time in which no process ran out of every piece.
fn without_downtime(pieces: Vec<Piece>, starts: &[Start]) -> Vec<Piece> {
    let down: Vec<(i64, i64)> =
        starts.iter().filter_map(|it| Some((it.down_ms?, it.at_ms))).collect();
    let mut cut = Vec::new();
    for piece in pieces {
        let mut from_ms = piece.from_ms;
        for (down_ms, up_ms) in &down {
            let (down_ms, up_ms) = ((*down_ms).max(from_ms), (*up_ms).min(piece.to_ms));
            if down_ms < up_ms {
                cut.push(Piece { from_ms, to_ms: down_ms, ..piece });
                cut.push(Piece { from_ms: down_ms, to_ms: up_ms, part: Part::Restart, ..piece });
                from_ms = up_ms;
            }
        }
        cut.push(Piece { from_ms, ..piece });
    }
    cut.retain(|piece| piece.from_ms < piece.to_ms);
    cut
}

#[cfg(test)]
mod tests;
