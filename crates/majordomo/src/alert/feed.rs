//! Reads off durable entries what has become a problem, and whether anybody serves `notify`.

use super::CAPABILITY;
use super::pending::{KEY, Untold, name};
use crate::problem::{Kind, Problem};
use kernel::{
    AgentId, AgentSpec, Entry, Event, Phase, Presence, State, Supervised, Task, TaskId, Text, Time,
    Tripped,
};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What died so long before a start, in kernel time, is old news then.
const RECENT_MS: u64 = 120_000;

/// Hears entries, and keeps what is to be told.
pub(crate) struct Feed {
    books: Mutex<Books>,
    changed: Notify,
}

/// What is known.
#[derive(Default)]
pub(super) struct Books {
    pub(super) pending: Untold,
    /// Wall time minus kernel time.
    offset_ms: i64,
    agents: BTreeMap<AgentId, Member>,
    /// Open tasks of alerts, and below them.
    alerts: HashSet<TaskId>,
    /// Breakers that have opened and not closed since.
    shut: BTreeSet<(AgentId, Text)>,
}

struct Member {
    name: Text,
    team: Text,
    remote: bool,
    is_here: bool,
    notifies: bool,
}

impl Feed {
    /// Begins with what is so at a start.
    pub(crate) fn new(state: &State) -> Feed {
        Feed { books: Mutex::new(Books::of(state)), changed: Notify::new() }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when there may be something to tell.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Observer for Feed {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let mut books = self.books();
        let changed = entries.iter().map(|entry| books.take_in(entry)).filter(|it| *it).count();
        drop(books);
        if changed > 0 {
            self.changed.notify_one();
        }
    }

    fn note(&self, _: &Note) {}

    fn watches(&self) -> bool {
        false
    }
}

impl Books {
    fn of(state: &State) -> Books {
        let mut books = Books { offset_ms: state.wall_offset_ms, ..Books::default() };
        for agent in state.agents() {
            books.joined(agent.id, &agent.spec);
            if let Some(member) = books.agents.get_mut(&agent.id) {
                member.is_here = agent.presence != Presence::Left;
            }
        }
        for task in state.tasks() {
            let root = state.task(task.run).unwrap_or(task);
            if *root.terms.capability == *CAPABILITY {
                books.alerts.insert(task.id);
            }
        }
        let shut = state.breakers.iter().filter(|(_, it)| *it.phase() != Phase::Closed);
        books.shut = shut.map(|(id, _)| id.clone()).collect();
        books.died_lately(state);
        books
    }

    /// What has died since the last alert about such, which may have waited for its turn; if nobody
    /// was ever told, what died just before the start.
    fn died_lately(&mut self, state: &State) {
        let recent = Time(state.time.0.saturating_sub(RECENT_MS));
        let since = last_told(state).map_or(recent, |told| Time(told.0.saturating_add(1)));
        let root = |run| {
            let dead = || state.dead.get(&run).map(|letter| &letter.task);
            state.task(run).or_else(dead)
        };
        for letter in state.dead.values().filter(|letter| letter.at >= since) {
            let Task { id, run, .. } = letter.task;
            let of = root(run).unwrap_or(&letter.task);
            if *of.terms.capability != *CAPABILITY {
                self.died(letter.at, id);
            }
        }
    }

    /// Open tasks in the trees of alerts.
    pub(super) fn open_alerts(&self) -> usize {
        self.alerts.len()
    }

    /// The scope of an agent that serves `notify`, this one before others.
    pub(super) fn notifier(&self, scope: &str) -> Option<Text> {
        let mut notifiers = self.agents.values().filter(|it| it.is_here && it.notifies);
        let own = notifiers.clone().find(|it| *it.team == *scope);
        own.or_else(|| notifiers.next()).map(|it| it.team.clone())
    }

    /// True if there may be something to tell now that was not before.
    fn take_in(&mut self, entry: &Entry) -> bool {
        let at = entry.at;
        match &entry.event {
            Event::RuntimeStarted { wall_ms, .. } => {
                self.offset_is(at, *wall_ms);
                let local = self.agents.values_mut().filter(|it| !it.remote);
                local.for_each(|member| member.is_here = false);
                false
            }
            Event::WallClockMoved { wall_ms, .. } => {
                self.offset_is(at, *wall_ms);
                false
            }
            Event::AgentJoined { agent, spec } => self.joined(*agent, spec),
            Event::AgentLeft { agent } => {
                self.agents.entry(*agent).and_modify(|member| member.is_here = false);
                false
            }
            Event::TaskAccepted(it) => {
                let parent = it.parent.as_ref().map(|parent| parent.task);
                let is_alert = *it.terms.capability == *CAPABILITY;
                if is_alert || parent.is_some_and(|parent| self.alerts.contains(&parent)) {
                    self.alerts.insert(it.task);
                }
                false
            }
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. } => self.alerts.remove(task),
            Event::TaskDied { task, .. } => self.alerts.remove(task) || self.died(at, *task),
            Event::DeadReleased { task, .. } | Event::DeadDiscarded { task } => {
                self.pending.drop(Kind::DeadLetters, &task.to_string());
                false
            }
            Event::BreakerOpened { agent, capability, why, .. } => {
                self.opened(at, *agent, capability, *why)
            }
            Event::BreakerClosed { agent, capability } => self.closed(*agent, capability),
            Event::Supervised(event) => self.supervised(at, event),
            _ => false, // The rest is no problem, and ends none.
        }
    }

    fn offset_is(&mut self, at: Time, wall_ms: u64) {
        self.offset_ms = (wall_ms as i64).saturating_sub(at.0 as i64);
    }

    fn wall_ms(&self, at: Time) -> i64 {
        (at.0 as i64).saturating_add(self.offset_ms)
    }

    /// True if it serves `notify`: somebody can be told now.
    fn joined(&mut self, id: AgentId, spec: &AgentSpec) -> bool {
        let notifies = spec.serves.iter().any(|it| *it.capability == *CAPABILITY);
        let (name, team, remote) = (spec.name.clone(), spec.team.clone(), spec.remote);
        self.agents.insert(id, Member { name, team, remote, is_here: true, notifies });
        notifies
    }

    fn died(&mut self, at: Time, task: TaskId) -> bool {
        let what = format!("task {task} is dead: its attempts are used up");
        let about = task.to_string();
        let letter = Problem::dead_letters(1, self.wall_ms(at));
        self.pending.add(at, Problem { about, what, ..letter });
        true
    }

    /// One that is opened again by a probe is the trouble that was told.
    fn opened(&mut self, at: Time, id: AgentId, capability: &Text, why: Tripped) -> bool {
        let is_alert = **capability == *CAPABILITY;
        let Some(member) = self.agents.get(&id).filter(|it| !it.notifies && !is_alert) else {
            return false;
        };
        if !self.shut.insert((id, capability.clone())) {
            return false;
        }
        let why = match why {
            Tripped::Slow => "slow",
            Tripped::Failed | Tripped::Probe => "failed",
        };
        let since_ms = self.wall_ms(at);
        let problem = Problem::breaker_open(&member.name, capability, why, since_ms);
        self.pending.add(at, problem);
        true
    }

    fn closed(&mut self, id: AgentId, capability: &Text) -> bool {
        self.shut.remove(&(id, capability.clone()));
        if let Some(member) = self.agents.get(&id) {
            self.pending.drop(Kind::BreakerOpen, &format!("{}: {capability}", member.name));
        }
        false
    }

    fn supervised(&mut self, at: Time, event: &Supervised) -> bool {
        let Some(member) = self.agents.get(&event.agent()) else { return false };
        match event {
            Supervised::GivenUp { reason, .. } if !member.notifies => {
                let since_ms = Some(self.wall_ms(at));
                let problem = Problem::given_up(&member.name, reason, since_ms);
                self.pending.add(at, problem);
                true
            }
            Supervised::Readmitted { .. } | Supervised::Started { .. } => {
                let name = member.name.clone();
                self.pending.drop(Kind::AgentGivenUp, &name);
                false
            }
            _ => false,
        }
    }
}

/// Up to when somebody was told of what had died, by the keys of alerts, which end in their moments
/// and stand in their order.
fn last_told(state: &State) -> Option<Time> {
    let prefix = format!("{KEY}/{}/", name(Kind::DeadLetters));
    let nobody = Text::default(); // Alerts are nobody's: they have no tenant.
    let (first, last) = (prefix.as_str().into(), format!("{prefix}~").into());
    let mut told = state.keys.range((nobody.clone(), first)..(nobody, last));
    let ((_, key), _) = told.next_back()?;
    key.strip_prefix(&*prefix)?.parse().ok().map(Time)
}
