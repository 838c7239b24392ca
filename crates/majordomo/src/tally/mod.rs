//! The figures of a run, counted from what is durable: who did how much, how long it took, how it
//! ended.
//!
//! A listener of the journal. It hears an entry once it is durable and before anybody is told of
//! what it says, so whoever knows that a run has ended finds it here. Runs that began before this
//! process are counted from the oldest record that is kept.

mod times;

pub use times::Times;

use kernel::{
    Accepted, AgentId, Cost, Entry, Event, Failure, Granted, Payload, Supervised, TaskId, Time,
};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs that have ended and are still remembered.
const ENDED_MAX: usize = 1_000;

/// Counts what happens, run by run.
#[derive(Default)]
pub struct Tally {
    books: Mutex<Books>,
    /// Some run was open when this process began: what came before matters.
    hears_all: bool,
}

#[derive(Default)]
struct Books {
    applied: u64,
    runs: BTreeMap<TaskId, Figures>,
    ended: VecDeque<TaskId>,
    open: HashMap<TaskId, Open>,
    agents: HashMap<AgentId, String>,
    /// Only this run is counted.
    only: Option<TaskId>,
}

/// An open task: its run, and the attempt that is at it.
struct Open {
    run: TaskId,
    attempt: Option<Attempt>,
}

struct Attempt {
    agent: AgentId,
    /// When the present stretch of work began; none while it waits for others.
    since: Option<Time>,
    worked_ms: u64,
}

/// What is known of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// When its root was accepted.
    pub began: Time,
    /// When and how it ended, if it has.
    pub ended: Option<(Time, Ending)>,
    /// Its tasks, the root among them.
    pub tasks: Tasks,
    /// Those who worked on it, by name.
    pub agents: BTreeMap<String, Worker>,
    /// Attempts that began.
    pub attempts: u64,
    /// Attempts that were lost or stopped by no fault of theirs, and charged to nobody.
    pub attempts_lost: u64,
    /// Times an agent of the team was started again while it was under way.
    pub restarts: u64,
    /// What it has cost.
    pub spent: Cost,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this output.
    Completed(Payload),
    /// It cannot be done.
    Failed(Failure),
    /// Somebody called it off; the reason.
    Cancelled(String),
    /// Its attempts were used up.
    Dead(Failure),
}

/// How many tasks of a run ended in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tasks {
    /// Accepted, ended or not.
    pub accepted: u64,
    /// Did what was asked.
    pub completed: u64,
    /// Cannot be done.
    pub failed: u64,
    /// Called off.
    pub cancelled: u64,
    /// Used up their attempts.
    pub dead: u64,
}

/// What one agent did in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// Tasks it completed.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// How long its completed attempts worked, waiting apart.
    pub times: Times,
}

impl Tally {
    /// Counts from now on; where tasks are open (each with its run), also what was before.
    #[must_use]
    pub fn new(open: impl IntoIterator<Item = (TaskId, TaskId)>) -> Tally {
        let mut books = Books::default();
        for (task, run) in open {
            books.open.insert(task, Open { run, attempt: None });
            books.runs.entry(run).or_default();
        }
        let hears_all = !books.open.is_empty();
        Tally { books: Mutex::new(books), hears_all }
    }

    /// Counts one run alone.
    #[must_use]
    pub fn of(run: TaskId) -> Tally {
        let books = Books { only: Some(run), ..Books::default() };
        Tally { books: Mutex::new(books), hears_all: true }
    }

    /// What is known of a run; `None` for one that nothing was heard of, or that ended long ago.
    #[must_use]
    pub fn figures(&self, run: TaskId) -> Option<Figures> {
        self.books().runs.get(&run).cloned()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Tally {
    fn durable(&self, first: Seq, entries: &Arc<[Entry]>) {
        let mut books = self.books();
        for (seq, entry) in (first.0..).zip(entries.iter()) {
            if seq > books.applied {
                books.applied = seq;
                books.take_in(entry);
            }
        }
    }

    fn applied(&self) -> Option<Seq> {
        self.hears_all.then(|| Seq(self.books().applied))
    }

    fn note(&self, _: &Note) {}

    fn watches(&self) -> bool {
        false
    }
}

impl Books {
    fn take_in(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.event {
            Event::AgentJoined { agent, spec } => self.joined(*agent, &spec.name),
            Event::TaskAccepted(accepted) => self.accepted(at, accepted),
            Event::LeaseGranted(granted) => self.granted(at, granted),
            Event::TaskWaiting { task } => self.paused(at, *task),
            Event::TaskResumed { task, .. } => self.resumed(at, *task),
            Event::AttemptFailed { task, .. } => {
                if let Some((run, worker, _)) = self.release(at, *task) {
                    self.worker(run, worker, |it| it.failed += 1);
                }
            }
            Event::AttemptLost { task, .. } => {
                if let Some((run, ..)) = self.release(at, *task)
                    && let Some(figures) = self.runs.get_mut(&run)
                {
                    figures.attempts_lost += 1;
                }
            }
            Event::Supervised(what) => self.supervised(what),
            Event::Spent { task, cost, .. } => self.spent(*task, *cost),
            Event::TaskCompleted { task, output, .. } => {
                if let Some((run, agent, worked_ms)) = self.release(at, *task) {
                    self.worker(run, agent, |it| {
                        it.completed += 1;
                        it.times.add(worked_ms);
                    });
                }
                self.settle(at, *task, Ending::Completed(output.clone()));
            }
            Event::TaskFailed { task, failure } => {
                self.settle(at, *task, Ending::Failed(failure.clone()));
            }
            Event::TaskCancelled { task, reason } => {
                self.settle(at, *task, Ending::Cancelled(reason.to_string()));
            }
            Event::TaskDied { task, failure } => {
                self.settle(at, *task, Ending::Dead(failure.clone()));
            }
            Event::RuntimeStarted { .. }
            | Event::DrainStarted
            | Event::RunStarted { .. }
            | Event::Routing { .. }
            | Event::TaskStarted { .. }
            | Event::OnceStarted { .. }
            | Event::OnceDone { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::WorkEnded { .. }
            | Event::DeadReleased { .. }
            | Event::DeadDiscarded { .. }
            | Event::KeyForgotten { .. }
            | Event::Configured { .. }
            | Event::AgentLeft { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentResized { .. }
            | Event::AgentDraining { .. }
            | Event::AgentRestarted { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. }
            | Event::Schedule { .. }
            | Event::Topic { .. }
            | Event::WallClockMoved { .. } => {}
        }
    }

    /// An agent that was started again: it may have held up any run that was under way.
    fn supervised(&mut self, what: &Supervised) {
        if matches!(what, Supervised::Started { .. }) {
            let under_way = self.runs.values_mut().filter(|run| run.ended.is_none());
            under_way.for_each(|run| run.restarts += 1);
        }
    }

    fn spent(&mut self, task: TaskId, cost: Cost) {
        let run = self.open.get(&task).map(|open| open.run);
        if let Some(figures) = run.and_then(|run| self.runs.get_mut(&run)) {
            let spent = &mut figures.spent;
            spent.money_micros = spent.money_micros.saturating_add(cost.money_micros);
            spent.tokens = spent.tokens.saturating_add(cost.tokens);
            spent.calls = spent.calls.saturating_add(cost.calls);
        }
    }

    fn joined(&mut self, agent: AgentId, name: &str) {
        self.agents.insert(agent, name.to_string());
    }

    fn accepted(&mut self, at: Time, accepted: &Accepted) {
        let run = match &accepted.parent {
            None if self.only.is_some_and(|only| only != accepted.task) => return,
            None => accepted.task,
            Some(parent) => match self.open.get(&parent.task) {
                Some(parent) => parent.run,
                None => return, // Its run began before the oldest record that is kept.
            },
        };
        let figures = self.runs.entry(run).or_default();
        figures.tasks.accepted += 1;
        if run == accepted.task {
            figures.began = at;
        }
        self.open.insert(accepted.task, Open { run, attempt: None });
    }

    fn granted(&mut self, at: Time, granted: &Granted) {
        let Some(open) = self.open.get_mut(&granted.task) else { return };
        let (agent, since) = (granted.agent, Some(at));
        open.attempt = Some(Attempt { agent, since, worked_ms: 0 });
        if let Some(figures) = self.runs.get_mut(&open.run) {
            figures.attempts += 1;
        }
    }

    fn paused(&mut self, at: Time, task: TaskId) {
        let attempt = self.open.get_mut(&task).and_then(|open| open.attempt.as_mut());
        if let Some(attempt) = attempt {
            attempt.worked_ms += attempt.since.take().map_or(0, |since| at.since(since));
        }
    }

    fn resumed(&mut self, at: Time, task: TaskId) {
        let attempt = self.open.get_mut(&task).and_then(|open| open.attempt.as_mut());
        if let Some(attempt) = attempt {
            attempt.since = Some(at);
        }
    }

    /// The attempt at a task is over: its run, who it was, and how long it worked.
    fn release(&mut self, at: Time, task: TaskId) -> Option<(TaskId, AgentId, u64)> {
        self.paused(at, task);
        let open = self.open.get_mut(&task)?;
        let attempt = open.attempt.take()?;
        Some((open.run, attempt.agent, attempt.worked_ms))
    }

    fn worker(&mut self, run: TaskId, agent: AgentId, count: impl FnOnce(&mut Worker)) {
        let Some(figures) = self.runs.get_mut(&run) else { return };
        let name = self.agents.get(&agent).cloned().unwrap_or_else(|| agent.to_string());
        count(figures.agents.entry(name).or_default());
    }

    fn settle(&mut self, at: Time, task: TaskId, ending: Ending) {
        let Some(open) = self.open.remove(&task) else { return };
        let Some(figures) = self.runs.get_mut(&open.run) else { return };
        match &ending {
            Ending::Completed(_) => figures.tasks.completed += 1,
            Ending::Failed(_) => figures.tasks.failed += 1,
            Ending::Cancelled(_) => figures.tasks.cancelled += 1,
            Ending::Dead(_) => figures.tasks.dead += 1,
        }
        if open.run != task {
            return;
        }
        figures.ended = Some((at, ending));
        self.ended.push_back(task);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.runs.remove(&oldest);
        }
    }
}
