//! Listens to a team's own record: who got which task and why, how long each task waited, and how
//! much each agent did.
//!
//! An observer is called by the runtime with every entry of the journal once it is durable. It must
//! be quick, so it only counts; `report` is for the end.

use majordomo::kernel::{AgentId, Class, Decision, Entry, Event, Supervised, TaskId};
use majordomo::runtime::port::Observer;
use majordomo::runtime::port::journal::Seq;
use majordomo::runtime::port::observer::Note;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What was heard so far.
#[derive(Default)]
pub struct Watch {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    agents: BTreeMap<AgentId, Worker>,
    tasks: BTreeMap<TaskId, Task>,
    grants: Vec<Grant>,
    troubles: Vec<Trouble>,
    tokens: u64,
}

struct Worker {
    name: String,
    slots: u32,
    joined: Instant,
    done: u64,
    failed: u64,
    waits: Vec<Duration>,
    times: Vec<Duration>,
}

struct Task {
    what: String,
    class: Class,
    /// Since when it waits for an agent.
    ready: Instant,
    agent: Option<AgentId>,
    /// Since when it is worked on; none while it waits for others.
    since: Option<Instant>,
    worked: Duration,
}

/// A task was given to an agent.
#[derive(Clone, Debug, Serialize)]
pub struct Grant {
    /// The task.
    pub task: TaskId,
    /// Its capability, and its step under whoever asked.
    pub what: String,
    /// How urgent it is.
    pub class: Class,
    /// Who got it.
    pub agent: String,
    /// Why, in the kernel's words.
    pub why: Decision,
    /// How long it waited.
    pub waited_us: u64,
}

/// What one agent did.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Its name.
    pub agent: String,
    /// Tasks that it completed.
    pub done: u64,
    /// Attempts that failed under it.
    pub failed: u64,
    /// Half of its attempts worked no longer than this.
    pub p50_us: u64,
    /// How long its tasks waited before they came to it, on the average.
    pub waited_us: u64,
    /// The part of its time and slots in which it worked, in percent.
    pub busy_percent: f64,
}

/// Something that went wrong, or came right again.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// When, by the team's own clock.
    pub at_ms: u64,
    /// With whom.
    pub agent: String,
    /// What, in words.
    pub what: String,
}

/// Everything that was heard.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// In the order in which they were given.
    pub grants: Vec<Grant>,
    /// In the order in which they joined.
    pub agents: Vec<Figures>,
    /// In order.
    pub troubles: Vec<Trouble>,
    /// What models have read and written.
    pub tokens: u64,
}

impl Report {
    /// A line for each agent.
    pub fn agents_as_text(&self) -> String {
        let mut text = "  agent      done failed        p50  queue wait   busy\n".to_owned();
        for Figures { agent, done, failed, p50_us, waited_us, busy_percent } in &self.agents {
            let (p50, waited) = (ms(*p50_us), ms(*waited_us));
            let row = format!("  {agent:<9} {done:>5} {failed:>6} {p50:>10} {waited:>11}");
            text.push_str(&format!("{row} {busy_percent:>5.1}%\n"));
        }
        text
    }
}

/// For people.
pub fn ms(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1e3)
}

impl Watch {
    /// What was heard so far, counted up to now.
    pub fn report(&self) -> Report {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let agents = books.agents.values().map(Worker::figures).collect();
        let Books { grants, troubles, tokens, .. } = &*books;
        let (grants, troubles) = (grants.clone(), troubles.clone());
        Report { grants, agents, troubles, tokens: *tokens }
    }

    /// Whether something like this has happened with an agent.
    #[allow(dead_code)] // Only where there is trouble.
    pub fn has_seen(&self, agent: &str, what: &str) -> bool {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.troubles.iter().any(|it| it.agent == agent && it.what.starts_with(what))
    }
}

impl Observer for Watch {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().for_each(|entry| books.hear(entry, Instant::now()));
    }

    fn note(&self, _: &Note) {} // Progress and log lines of agents.
}

impl Books {
    fn hear(&mut self, entry: &Entry, now: Instant) {
        self.hear_trouble(entry);
        match &entry.event {
            Event::AgentJoined { agent, spec } => {
                let (waits, times) = Default::default();
                let (name, slots) = (spec.name.to_string(), spec.slots);
                let worker = Worker { name, slots, joined: now, done: 0, failed: 0, waits, times };
                self.agents.insert(*agent, worker);
            }
            Event::TaskAccepted(accepted) => {
                let step = accepted.parent.as_ref().map(|parent| parent.step.to_string());
                let what = step.unwrap_or_else(|| accepted.terms.capability.to_string());
                let (class, worked) = (accepted.terms.class, Duration::ZERO);
                let task = Task { what, class, ready: now, agent: None, since: None, worked };
                self.tasks.insert(accepted.task, task);
            }
            Event::LeaseGranted(granted) => {
                self.granted(granted.task, granted.agent, &granted.why, now)
            }
            Event::TaskWaiting { task } => self.pause(*task, now),
            Event::TaskResumed { task, .. } => {
                self.tasks.entry(*task).and_modify(|task| task.since = Some(now));
            }
            Event::TaskCompleted { task, .. } => self.ended(*task, now, |worker| worker.done += 1),
            Event::AttemptFailed { task, .. } => {
                self.ended(*task, now, |worker| worker.failed += 1);
            }
            Event::Spent { cost, .. } => self.tokens += cost.tokens,
            Event::AttemptLost { task, .. } => self.ended(*task, now, |_| {}),
            _ => {} // Many more things happen; see `majordomo::kernel::Event`.
        }
    }

    fn hear_trouble(&mut self, entry: &Entry) {
        let (agent, what) = match &entry.event {
            Event::AttemptFailed { task, failure, .. } => {
                let agent = self.tasks.get(task).and_then(|task| task.agent);
                let kind = format!("{:?}", failure.kind).to_lowercase();
                (agent, format!("failed at task {task}, {kind}: {}", failure.message))
            }
            Event::BreakerOpened { agent, until, why, .. } => {
                let ms = until.since(entry.at);
                let why = format!("{why:?}").to_lowercase();
                (Some(*agent), format!("breaker open for {ms} ms ({why})"))
            }
            Event::BreakerHalfOpened { agent, .. } => (Some(*agent), "breaker half-open".into()),
            Event::BreakerClosed { agent, .. } => (Some(*agent), "breaker closed".into()),
            Event::Supervised(event) => match life(event) {
                Some(what) => (Some(event.agent()), what),
                None => return,
            },
            _ => return,
        };
        let worker = agent.and_then(|agent| self.agents.get(&agent));
        let agent = worker.map_or_else(String::new, |worker| worker.name.clone());
        self.troubles.push(Trouble { at_ms: entry.at.0, agent, what });
    }

    fn granted(&mut self, id: TaskId, agent: AgentId, why: &Decision, now: Instant) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(worker) = self.agents.get_mut(&agent) else { return };
        let waited = now - task.ready;
        worker.waits.push(waited);
        (task.agent, task.since, task.worked) = (Some(agent), Some(now), Duration::ZERO);
        self.grants.push(Grant {
            task: id,
            what: task.what.clone(),
            class: task.class,
            agent: worker.name.clone(),
            why: why.clone(),
            waited_us: waited.as_micros() as u64,
        });
    }

    fn pause(&mut self, task: TaskId, now: Instant) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.worked += task.since.take().map_or(Duration::ZERO, |since| now - since);
        }
    }

    /// An attempt is over. Whether the task is, the next event tells.
    fn ended(&mut self, id: TaskId, now: Instant, count: impl FnOnce(&mut Worker)) {
        self.pause(id, now);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.ready = now;
        if let Some(worker) = task.agent.take().and_then(|agent| self.agents.get_mut(&agent)) {
            worker.times.push(task.worked);
            count(worker);
        }
    }
}

impl Worker {
    fn figures(&self) -> Figures {
        let here = self.joined.elapsed().as_secs_f64() * f64::from(self.slots);
        let worked: Duration = self.times.iter().sum();
        Figures {
            agent: self.name.clone(),
            done: self.done,
            failed: self.failed,
            p50_us: median_us(&self.times),
            waited_us: mean_us(&self.waits),
            busy_percent: 100.0 * worked.as_secs_f64() / here,
        }
    }
}

fn median_us(times: &[Duration]) -> u64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(times.len().saturating_sub(1) / 2).map_or(0, |it| it.as_micros() as u64)
}

fn mean_us(times: &[Duration]) -> u64 {
    let sum: Duration = times.iter().sum();
    sum.as_micros() as u64 / times.len().max(1) as u64
}

/// What is worth telling of an agent's life.
fn life(event: &Supervised) -> Option<String> {
    match event {
        Supervised::Exited { reason, .. } => Some(format!("ended: {}", reason.words())),
        Supervised::Started { life, .. } => Some(format!("started again, life {life}")),
        Supervised::Suspected { .. } => Some("suspected: its heartbeats stay out".into()),
        Supervised::Trusted { .. } => Some("trusted again".into()),
        Supervised::GivenUp { reason, .. } => Some(format!("given up: {reason}")),
        Supervised::Escalated { level, .. } => Some(format!("{} restarts no more", level.name)),
        Supervised::Planned(_)
        | Supervised::Stopping { .. }
        | Supervised::Starting { .. }
        | Supervised::Readmitted { .. } => None,
    }
}
