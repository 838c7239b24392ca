//! The state of a team, folded from durable entries: who is busy, what is done, what waits.

use kernel::{AgentId, Entry, Event, Loss, Supervised, TaskId, Text};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Said};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept of a text that an agent writes, bytes: more than a line of a terminal.
const WRITTEN_MAX_BYTES: usize = 1_024;

/// Hears entries, and tells how things stand at any moment.
#[derive(Default)]
pub struct Board {
    standing: Mutex<Standing>,
    /// Somebody looks at what agents write.
    is_drawn: AtomicBool,
}

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
}

/// One agent.
#[derive(Clone, Debug, Default)]
pub struct AgentLine {
    /// Its name.
    pub name: Text,
    /// Tasks it works on now.
    pub busy: u32,
    /// Tasks it has begun that wait: for others, a person, a time.
    pub waiting: u32,
    /// Tasks it can work on at once.
    pub slots: u32,
    /// Tasks it completed in this process's time.
    pub completed: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// Why it gets no new work, if it gets none.
    pub away: Option<&'static str>,
    /// The task of the text that it wrote at last.
    pub(super) writes: Option<TaskId>,
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
    stage: Stage,
    /// The last line of what was written for it, from its beginning or from where it is cut.
    written: String,
}

/// What the agent of a task has to do with it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing: it is queued, or was taken from it.
    Queued,
    /// It holds a slot of the agent.
    Working,
    /// It goes on later, and holds none.
    Waiting,
}

impl Board {
    /// How things stand now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// From now on somebody looks at what agents write.
    pub(super) fn draw(&self) {
        self.is_drawn.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
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
        let task = note.attempt.task;
        match &note.what {
            Said::Progress { message, .. } if !message.is_empty() => {
                self.lock().latest = format!("task {task}: {message}");
            }
            Said::Text { begins, piece } if self.watches() => {
                self.lock().written(task, *begins, piece);
            }
            Said::Partial { output } if self.watches() => {
                self.lock().written(task, true, &in_words(output));
            }
            Said::Progress { .. } | Said::Text { .. } | Said::Partial { .. } | Said::Log { .. } => {
            }
        }
    }

    fn watches(&self) -> bool {
        self.is_drawn.load(Ordering::Relaxed)
    }
}

/// An output so far, as a text.
fn in_words(output: &Value) -> Cow<'_, str> {
    match output {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
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

    /// The end of what this agent writes now.
    #[must_use]
    pub fn writing(&self, agent: &AgentLine) -> Option<&str> {
        let written = &self.open.get(&agent.writes?)?.written;
        written.trim_end().rsplit('\n').next().filter(|line| !line.is_empty())
    }

    /// More of a text: its last line is kept.
    pub(super) fn written(&mut self, task: TaskId, begins: bool, piece: &str) {
        let Some(open) = self.open.get_mut(&task).filter(|it| it.stage == Stage::Working) else {
            return; // What a lost attempt says is of no interest.
        };
        if begins {
            open.written.clear();
        }
        open.written.push_str(piece);
        let line = open.written.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let too_much = open.written.len().saturating_sub(WRITTEN_MAX_BYTES);
        let from = open.written.ceil_char_boundary(line.max(too_much));
        open.written.drain(..from);
        if let Some(agent) = self.agent_of(task) {
            agent.writes = Some(task);
        }
    }

    fn take_in(&mut self, event: &Event) {
        match event {
            Event::RuntimeStarted { incarnation, .. } => {
                self.incarnations = *incarnation;
                self.agents.clear(); // Whoever works in this process joins again.
                self.open.values_mut().for_each(|open| open.stage = Stage::Queued);
            }
            Event::AgentJoined { agent, spec } => {
                let (name, slots) = (spec.name.clone(), spec.slots);
                self.agents.insert(*agent, AgentLine { name, slots, ..AgentLine::default() });
            }
            Event::AgentLeft { agent, .. } => {
                self.agents.remove(agent);
            }
            Event::AgentResized { agent, slots } => self.agent(*agent, |it| it.slots = *slots),
            Event::AgentDraining { agent } => self.away(*agent, "draining"),
            Event::AgentPaused { agent } => self.away(*agent, "paused"),
            Event::AgentUnpaused { agent } => self.agent(*agent, |it| it.away = None),
            Event::Supervised(what) => self.supervised(what),
            Event::TaskAccepted(accepted) => {
                let capability = accepted.terms.capability.clone();
                self.work.entry(capability.clone()).or_default().accepted += 1;
                let (agent, stage, written) = (None, Stage::Queued, String::new());
                let open = Open { capability, agent, stage, written };
                self.open.insert(accepted.task, open);
            }
            Event::LeaseGranted(granted) => {
                if let Some(open) = self.open.get_mut(&granted.task) {
                    open.agent = Some(granted.agent);
                }
                self.set(granted.task, Stage::Working);
            }
            Event::TaskWaiting { task } => self.set(*task, Stage::Waiting),
            Event::TaskResumed { task, .. } => self.set(*task, Stage::Working),
            Event::AttemptFailed { task, failure, .. } => {
                self.set(*task, Stage::Queued);
                let Some(agent) = self.agent_of(*task) else { return };
                agent.failed += 1;
                let (name, why) = (agent.name.clone(), &failure.message);
                self.latest = format!("task {task} failed under {name}: {why}");
            }
            // A new runtime has queued everything already.
            Event::AttemptLost { cause: Loss::RuntimeEnded, .. } => {}
            Event::AttemptLost { task, .. } => self.set(*task, Stage::Queued),
            Event::TaskCompleted { task, .. } => {
                if let Some(agent) = self.agent_of(*task) {
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

    fn supervised(&mut self, what: &Supervised) {
        let agent = what.agent();
        match what {
            Supervised::Exited { reason, .. } => {
                let Some(line) = self.agents.get_mut(&agent) else { return };
                line.away = Some("down");
                self.latest = format!("{} ended: {}", line.name, reason.words());
            }
            Supervised::Started { .. } => {
                let Some(line) = self.agents.get_mut(&agent) else { return };
                line.restarts += 1;
                line.away = None;
                self.latest = format!("{} was started again", line.name);
            }
            Supervised::GivenUp { reason, .. } => {
                self.away(agent, "given up");
                let Some(line) = self.agents.get(&agent) else { return };
                self.latest = format!("{} was given up: {reason}", line.name);
            }
            Supervised::Suspected { .. } => self.away(agent, "suspected"),
            Supervised::Readmitted { .. } | Supervised::Trusted { .. } => {
                self.agent(agent, |it| it.away = None);
            }
            Supervised::Stopping { .. } | Supervised::Starting { .. } => self.away(agent, "down"),
            Supervised::Planned(_) | Supervised::Escalated { .. } => {}
        }
    }

    fn agent(&mut self, agent: AgentId, change: impl FnOnce(&mut AgentLine)) {
        if let Some(line) = self.agents.get_mut(&agent) {
            change(line);
        }
    }

    fn away(&mut self, agent: AgentId, why: &'static str) {
        self.agent(agent, |it| it.away = Some(why));
    }

    fn agent_of(&mut self, task: TaskId) -> Option<&mut AgentLine> {
        self.open.get(&task).and_then(|open| open.agent).and_then(|id| self.agents.get_mut(&id))
    }

    /// Moves a task on, and counts it at its agent where it is now.
    fn set(&mut self, task: TaskId, stage: Stage) {
        let Some(open) = self.open.get_mut(&task) else { return };
        let before = std::mem::replace(&mut open.stage, stage);
        open.written = String::new();
        let Some(agent) = open.agent.and_then(|id| self.agents.get_mut(&id)) else { return };
        if let Some(count) = agent.count(before) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = agent.count(stage) {
            *count += 1;
        }
    }

    fn ended(&mut self, task: TaskId, failed: bool) {
        self.set(task, Stage::Queued);
        if let Some(open) = self.open.remove(&task) {
            let work = self.work.entry(open.capability).or_default();
            work.ended += 1;
            work.failed += u64::from(failed);
        }
    }
}

impl AgentLine {
    fn count(&mut self, stage: Stage) -> Option<&mut u32> {
        match stage {
            Stage::Queued => None,
            Stage::Working => Some(&mut self.busy),
            Stage::Waiting => Some(&mut self.waiting),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One agent that works on one task.
    pub(crate) fn standing() -> (Standing, TaskId) {
        let (task, agent) = (TaskId(7), AgentId(1));
        let (capability, written) = ("text.write".into(), String::new());
        let open = Open { capability, agent: Some(agent), stage: Stage::Working, written };
        let mut standing = Standing::default();
        standing.agents.insert(agent, AgentLine::default());
        standing.open.insert(task, open);
        (standing, task)
    }

    fn line(standing: &Standing) -> Option<&str> {
        standing.writing(standing.agents.values().next()?)
    }

    #[test]
    fn the_last_line_of_a_text_is_kept() {
        let (mut standing, task) = standing();
        assert_eq!(line(&standing), None);
        for (begins, piece, shown) in [
            (true, "to be,\nor", "or"),
            (false, " not", "or not"),
            (false, "\n\n", "or not"),
            (false, "to be", "to be"),
            (true, "that", "that"),
        ] {
            standing.written(task, begins, piece);
            assert_eq!(line(&standing), Some(shown));
        }
        standing.written(task, false, &"ä".repeat(100_000));
        assert!(line(&standing).is_some_and(|it| it.len() <= WRITTEN_MAX_BYTES));
        standing.set(task, Stage::Waiting);
        assert_eq!(line(&standing), None, "it writes no more");
        standing.written(task, false, "late");
        assert_eq!(line(&standing), None, "nor does whoever lost it");
    }
}
