//! The state of a team, folded from durable entries: who is busy, what is done, what waits.

use kernel::{AgentId, Entry, Event, Loss, TaskId, Text, Token};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Said};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hears entries, and tells how things stand at any moment.
#[derive(Default)]
pub struct Board(Mutex<Standing>);

/// How things stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Agents by number.
    pub agents: BTreeMap<AgentId, AgentLine>,
    /// Capabilities with their tasks.
    pub work: BTreeMap<Text, Work>,
    /// What was decided or said last.
    pub latest: String,
    /// Processes that have held the journal.
    pub incarnations: u64,
    open: HashMap<TaskId, Open>,
    tokens: HashMap<Token, TaskId>,
}

/// One agent.
#[derive(Clone, Debug, Default)]
pub struct AgentLine {
    /// Its name.
    pub name: Text,
    /// Tasks it works on now.
    pub busy: u32,
    /// Tasks it can work on at once.
    pub slots: u32,
    /// Tasks it completed in this process's time.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// Times it was started again.
    pub restarts: u64,
}

/// The tasks of one capability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Accepted so far.
    pub accepted: u64,
    /// Ended, however.
    pub ended: u64,
    /// Ended other than by completing.
    pub failed: u64,
}

#[derive(Clone, Debug)]
struct Open {
    capability: Text,
    agent: Option<AgentId>,
    /// Whether it holds a slot of that agent.
    working: bool,
}

impl Board {
    /// How things stand now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Board {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let mut standing = self.lock();
        entries.iter().for_each(|entry| standing.take_in(&entry.event));
    }

    fn applied(&self) -> Option<Seq> {
        Some(Seq(0)) // At a start it hears the whole journal: what was done before counts too.
    }

    fn note(&self, note: &Note) {
        if let Said::Progress { message, .. } = &note.what
            && !message.is_empty()
        {
            self.lock().latest = format!("task {}: {message}", note.attempt.task);
        }
    }
}

impl Standing {
    /// All capabilities together.
    #[must_use]
    pub fn total(&self) -> Work {
        self.work.values().fold(Work::default(), |sum, it| Work {
            accepted: sum.accepted + it.accepted,
            ended: sum.ended + it.ended,
            failed: sum.failed + it.failed,
        })
    }

    fn take_in(&mut self, event: &Event) {
        match event {
            Event::RuntimeStarted { incarnation, .. } => {
                self.incarnations = *incarnation;
                self.agents.values_mut().for_each(|agent| agent.busy = 0);
            }
            Event::AgentJoined { agent, spec } => {
                let line = self.agents.entry(*agent).or_default();
                (line.name, line.slots) = (spec.name.clone(), spec.slots);
            }
            Event::AgentRestarted { agent, reason } => {
                let line = self.agents.entry(*agent).or_default();
                line.restarts += 1;
                self.latest = format!("{} was started again: {reason}", line.name);
            }
            Event::TaskAccepted(accepted) => {
                let capability = accepted.terms.capability.clone();
                self.work.entry(capability.clone()).or_default().accepted += 1;
                let open = Open { capability, agent: None, working: false };
                self.open.insert(accepted.task, open);
            }
            Event::LeaseGranted(granted) => {
                self.tokens.insert(granted.token, granted.task);
                if let Some(open) = self.open.get_mut(&granted.task) {
                    open.agent = Some(granted.agent);
                }
                self.set_working(granted.task, true);
            }
            Event::TaskWaiting { task } => self.set_working(*task, false),
            Event::TaskResumed { task, .. } => self.set_working(*task, true),
            Event::AttemptFailed { task, failure, .. } => {
                self.set_working(*task, false);
                let agent = self.agent_of(*task);
                if let Some(agent) = agent.and_then(|id| self.agents.get_mut(&id)) {
                    agent.failed += 1;
                    self.latest =
                        format!("task {task} failed under {}: {}", agent.name, failure.message);
                }
            }
            Event::AttemptLost { task, cause, .. } => {
                // A new runtime has set everybody to idle already.
                if *cause == Loss::RuntimeEnded {
                    self.open.entry(*task).and_modify(|open| open.working = false);
                } else {
                    self.set_working(*task, false);
                }
            }
            Event::TaskCompleted { task, .. } => {
                let agent = self.agent_of(*task);
                if let Some(agent) = agent.and_then(|id| self.agents.get_mut(&id)) {
                    agent.completed += 1;
                }
                self.ended(*task, false);
            }
            Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.ended(*task, true),
            _ => {} // The rest changes nothing that is shown.
        }
    }

    fn agent_of(&self, task: TaskId) -> Option<AgentId> {
        self.open.get(&task).and_then(|open| open.agent)
    }

    fn set_working(&mut self, task: TaskId, working: bool) {
        let Some(open) = self.open.get_mut(&task) else { return };
        if std::mem::replace(&mut open.working, working) == working {
            return;
        }
        if let Some(agent) = open.agent.and_then(|id| self.agents.get_mut(&id)) {
            agent.busy = if working { agent.busy + 1 } else { agent.busy.saturating_sub(1) };
        }
    }

    fn ended(&mut self, task: TaskId, failed: bool) {
        self.set_working(task, false);
        if let Some(open) = self.open.remove(&task) {
            let work = self.work.entry(open.capability).or_default();
            work.ended += 1;
            work.failed += u64::from(failed);
        }
    }
}
