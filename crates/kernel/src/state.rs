//! What the kernel remembers: primary facts, and the indexes derived from them.

use crate::index::Index;
use crate::rule::budget::Purse;
use crate::rule::ledger::Ledger;
use crate::rule::retry_budget::RetryBudget;
use crate::schedule::Schedule;
use crate::table::Table;
use crate::topic::Topic;
use crate::{
    Agent, AgentId, Auction, Breaker, BreakerPolicy, Failure, Limits, Outcome, Payload, Policies,
    Proof, Supervision, Task, TaskId, Terms, Text, Time, Token,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The whole memory of the kernel: a pure function of the journal.
///
/// Two states are equal when their facts are; the index is derived and stands outside.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) facts: Facts,
    pub(crate) index: Index,
    pub(crate) limits: Limits,
}

/// The primary state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// When the last event was decided.
    pub time: Time,
    /// The journal's name for outside systems; journals of before it was given have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<u64>,
    /// How many processes have held the journal.
    pub incarnation: u64,
    /// The highest token given out.
    pub token: Token,
    /// The highest task number given out.
    pub last_task: TaskId,
    /// Seed of the next jitter.
    pub seed: u64,
    /// Wall time minus kernel time, milliseconds, as of the last start.
    pub wall_offset_ms: i64,
    /// No new work is taken or granted.
    pub draining: bool,
    #[serde(with = "table_as_list")]
    pub(crate) tasks: Table<Task>,
    /// Everyone who ever joined, by number.
    pub agents: Vec<Agent>,
    /// Ended leases whose work has not stopped yet.
    pub stopping: BTreeMap<Token, Stopping>,
    /// Remembered idempotency keys by (tenant, key).
    pub keys: BTreeMap<(Text, Text), KeyRecord>,
    /// Dead letters.
    pub dead: BTreeMap<TaskId, DeadLetter>,
    /// The definition a run follows, by its root; a dead letter keeps that of its run.
    #[serde(default)]
    pub pins: BTreeMap<TaskId, Pin>,
    /// What holds for a team, by its scope; a team that is not here has the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<Text, Arc<Policies>>,
    /// Schedules, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<Text, Schedule>,
    /// Durable topics, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<Text, Topic>,
    /// Tasks of which it is not known yet who gets them, and what is waited for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deliberations: BTreeMap<TaskId, Deliberation>,
    /// Markets, by the task that is on offer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auctions: BTreeMap<TaskId, Auction>,
    /// What agents have shown at work that was on a market, by agent and capability.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proofs: BTreeMap<(AgentId, Text), Proof>,
    /// Purses, by the task that has one.
    pub purses: BTreeMap<TaskId, Purse>,
    /// What was spent today.
    #[serde(default, skip_serializing_if = "Ledger::is_new")]
    pub ledger: Ledger,
    /// Where an agent has failed at a capability lately, or an operator has decided.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub breakers: BTreeMap<(AgentId, Text), Breaker>,
    /// Restarts under way, and those that still count.
    #[serde(default, skip_serializing_if = "Supervision::is_idle")]
    pub supervision: Supervision,
    /// Allowance for retries.
    pub retries: RetryBudget,
    /// How often each thing has happened.
    pub counts: Counts,
}

/// What is waited for before a queued task is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliberation {
    /// One agent: the one that its affinity key belongs to, or whose bid was best.
    Held {
        /// Who.
        agent: AgentId,
        /// For how long.
        until: Time,
        /// It was waited for, in vain.
        over: bool,
    },
    /// Advice.
    Asked {
        /// What comes later is not heard.
        until: Time,
        /// What came.
        advice: Option<Advice>,
        /// The task by which it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<TaskId>,
    },
}

/// What an adviser said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Whom it named, best first; only those who exist.
    pub ranking: Vec<AgentId>,
    /// Names of nobody among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nobody: Vec<Text>,
    /// Why, in its own words. Data: never interpreted.
    pub words: Text,
}

/// Work that was told to stop and has not said yet that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Of which task.
    pub task: TaskId,
    /// Whose work.
    pub agent: AgentId,
    /// Whose purse pays what it still reports.
    pub purse: TaskId,
    /// Whether it occupies a slot until then.
    pub holds_slot: bool,
    /// The terms it was worked on under: they say which slots and quotas it takes until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Arc<Terms>>,
    /// The task that its room is meant for, if it was preempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub makes_room_for: Option<TaskId>,
}

impl Stopping {
    /// Slots that it takes until it has ended, if it takes any.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.terms.as_ref().map_or(1, |terms| terms.weight)
    }
}

/// What a run is pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The scope whose agents serve it.
    pub team: Text,
    /// Digest of the team definition that its steps come from.
    pub definition: crate::Digest,
}

/// What is remembered of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Which task it is.
    pub task: TaskId,
    /// When the task ended; until then, when it was accepted.
    pub at: Time,
    /// What was asked for.
    pub capability: Text,
    /// With which input.
    pub input: crate::Digest,
    /// How the task ended, if it has.
    pub outcome: Option<Arc<Outcome>>,
}

/// A task that used up its attempts, with all that is needed to give it another life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The task as it was at its last attempt.
    pub task: Task,
    /// How that failed.
    pub failure: Failure,
    /// When.
    pub at: Time,
}

/// Counters over the journal's whole life (P25: equal to counting the events).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each counts the events of its name.
pub struct Counts {
    pub accepted: u64,
    pub granted: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub dead: u64,
    pub attempts_failed: u64,
    pub attempts_lost: u64,
    pub restarts: u64,
}

impl State {
    pub(crate) fn new(limits: Limits) -> State {
        State { facts: Facts::default(), index: Index::default(), limits }
    }

    /// The primary state, as it is stored in a snapshot.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A task and those above it, as far as they are open.
    pub fn upwards<'s>(&'s self, task: &'s Task) -> impl Iterator<Item = &'s Task> {
        let above = |it: &&'s Task| it.parent.as_ref().and_then(|parent| self.task(parent.task));
        std::iter::successors(Some(task), above)
    }

    /// An open task.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.facts.tasks.get(id.0)
    }

    /// Every open task, oldest first.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.facts.tasks.values()
    }

    /// How many tasks are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.facts.tasks.len()
    }

    /// Everyone who ever joined.
    #[must_use]
    pub fn agents(&self) -> &[Agent] {
        &self.facts.agents
    }

    /// An agent by number.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.facts.agents.get(id.0 as usize)
    }

    /// An agent by name.
    #[must_use]
    pub fn agent_named(&self, name: &str) -> Option<&Agent> {
        self.index.names.get(name).and_then(|id| self.agent(*id))
    }

    /// Whether an agent may get a task when it has the room: it is there, serves it, is large
    /// enough, and no breaker keeps it from it.
    #[must_use]
    pub fn may_have(&self, id: AgentId, task: &Task) -> bool {
        self.index.may_have(id, task.shape)
    }

    /// Slots of an agent that are in use.
    #[must_use]
    pub fn slots_used(&self, id: AgentId) -> u32 {
        self.index.slots_used(id)
    }

    /// Tasks that wait for an agent and could be granted now.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.index.shapes.iter().map(|shape| shape.queue.len()).sum()
    }

    /// Payload bytes held in memory by open tasks.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.index.payload_bytes
    }

    /// Recomputes the index and says where the kept one differs; for checkers.
    pub fn check_index(&self) -> Result<(), String> {
        // What is due and was not yet moved, because a step has a bound, is moved first.
        let mut kept = self.clone();
        while kept.index.due_ready().is_some() {
            crate::task::promote(&mut kept, self.index.now);
        }
        kept.index.compare(&Index::of(&self.facts, self.index.now))
    }

    /// Payloads held anywhere in the state, to store their bytes beside a snapshot.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let facts = &self.facts;
        let dead = facts.dead.values().map(|dead| &dead.task);
        let tasks = facts.tasks.values().chain(dead);
        let keys = facts.keys.values().filter_map(|key| key.outcome.as_deref());
        let in_tasks = tasks.flat_map(|task| {
            let steps = task.past.iter().flat_map(|past| past.steps.values());
            let outcomes = steps.filter_map(|step| step.outcome.as_ref().map(|(_, it)| &**it));
            std::iter::once(&task.input).chain(outcomes.filter_map(Outcome::output))
        });
        let schedules = facts.schedules.values().map(|schedule| &schedule.spec.input);
        let topics = facts.topics.values().flat_map(Topic::payloads);
        in_tasks.chain(keys.filter_map(Outcome::output)).chain(schedules).chain(topics)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.facts == other.facts
    }
}

impl Eq for State {}

impl std::ops::Deref for State {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl Facts {
    /// When breakers of this agent open for this capability.
    #[must_use]
    pub fn breaker_policy(&self, agent: AgentId, capability: &Text) -> BreakerPolicy {
        let team = self.agents.get(agent.0 as usize).map(|agent| &agent.spec.team);
        let policies = team.and_then(|team| self.policies.get(team));
        policies.map(|it| it.breaker_of(capability).clone()).unwrap_or_default()
    }

    /// Puts bytes back into every payload that a snapshot holds, by digest.
    pub fn restore_payloads(&mut self, mut bytes_of: impl FnMut(&Payload) -> Option<Arc<[u8]>>) {
        let mut fill = |payload: &mut Payload| payload.inline = bytes_of(payload);
        let mut fill_outcome = |outcome: &mut Arc<Outcome>| {
            if let Outcome::Completed(payload) = Arc::make_mut(outcome) {
                fill(payload);
            }
        };
        let dead = self.dead.values_mut().map(|dead| &mut dead.task);
        let mut inputs = Vec::new();
        for task in self.tasks.values_mut().chain(dead) {
            for step in task.past.iter_mut().flat_map(|past| past.steps.values_mut()) {
                step.outcome.iter_mut().for_each(|(_, outcome)| fill_outcome(outcome));
            }
            inputs.push(&mut task.input);
        }
        self.keys.values_mut().flat_map(|key| &mut key.outcome).for_each(fill_outcome);
        inputs.into_iter().for_each(&mut fill);
        self.schedules.values_mut().for_each(|schedule| fill(&mut schedule.spec.input));
        self.topics.values_mut().flat_map(Topic::payloads_mut).for_each(fill);
    }

    /// Lets go of the bytes that settled tasks have left behind, with remembered keys and dead
    /// letters. Which payload it was stays known, so the facts are equal to what they were.
    pub(crate) fn drop_payloads(&mut self, mut of: impl FnMut(TaskId) -> bool) {
        let drop_output = |outcome: &mut Arc<Outcome>| {
            if let Outcome::Completed(payload) = Arc::make_mut(outcome) {
                payload.inline = None;
            }
        };
        let keys = self.keys.values_mut().filter(|key| of(key.task));
        keys.flat_map(|key| &mut key.outcome).for_each(drop_output);
        for (_, dead) in self.dead.iter_mut().filter(|(task, _)| of(**task)) {
            dead.task.input.inline = None;
            let steps = dead.task.past.iter_mut().flat_map(|past| past.steps.values_mut());
            let outcomes = steps.flat_map(|step| &mut step.outcome);
            outcomes.for_each(|(_, outcome)| drop_output(outcome));
        }
    }
}

mod table_as_list {
    //! A table is stored as the list of its tasks; each knows its own number.

    use crate::Task;
    use crate::table::Table;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(table: &Table<Task>, out: S) -> Result<S::Ok, S::Error> {
        let tasks: Vec<&Task> = table.values().collect();
        out.collect_seq(tasks)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Table<Task>, D::Error> {
        let tasks = Vec::<Task>::deserialize(input)?;
        let mut table = Table::default();
        tasks.into_iter().for_each(|task| table.insert(task.id.0, task));
        Ok(table)
    }
}
