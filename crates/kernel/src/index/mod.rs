//! Derived structures that make every question fast. They change only where events are applied,
//! stand outside equality, and can be rebuilt from the facts at any time ([`Index::of`]).

mod bars;
mod compare;
mod eligible;
mod fleet;
mod hold;
mod preempt;
mod profile;
mod quota;
mod resume;
mod schedules;
mod shed;
mod timers;
mod topics;
mod words;

pub(crate) use bars::Bar;
pub(crate) use eligible::Able;
pub(crate) use fleet::serves;
pub(crate) use hold::Match;
pub(crate) use preempt::Victim;
pub(crate) use profile::Miss;
pub(crate) use timers::Timer;

use crate::routing::Policy;
use crate::rule::fair_queue::FairQueue;
use crate::state::{Deliberation, Facts, Stopping};
use crate::{
    AgentId, Budget, Class, Constraint, Payload, Status, StepKind, Task, TaskId, Terms, Text, Time,
    Token, Versions,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which queue a task waits in. Numbers are given in the order of first use, so they are no facts:
/// two states may number differently and still be equal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShapeId(pub(crate) u32);

impl PartialEq for ShapeId {
    fn eq(&self, _: &ShapeId) -> bool {
        true
    }
}

impl Eq for ShapeId {}

/// What a task requires of an agent; tasks of one shape can go to the same agents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShapeKey {
    pub(crate) team: Text,
    pub(crate) capability: Text,
    pub(crate) versions: Versions,
    pub(crate) require: Option<Arc<Constraint>>,
    /// Slots of one agent that a task takes.
    pub(crate) weight: u32,
    /// Nobody but this agent will do.
    pub(crate) only: Option<AgentId>,
}

/// One shape: its queue, who serves it, and its place among the shapes an agent serves.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) key: ShapeKey,
    pub(crate) queue: FairQueue,
    pub(crate) profiles: Vec<usize>,
    /// Profiles that know the capability and yet do not fit.
    near: Vec<(usize, Miss)>,
    /// The quota of its capability.
    meter: quota::MeterId,
    /// Which of the agents that serve it gets a task.
    pub(crate) policy: Policy,
    /// Virtual time of stride scheduling: an agent that serves several shapes takes the lowest. A
    /// grant of weight w moves it by 1/w for each slot it takes, so urgent shapes come round more
    /// often and none starves.
    pub(crate) pass: u64,
    dirty: bool,
}

/// All indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) shapes: Vec<Shape>,
    shape_ids: BTreeMap<ShapeKey, ShapeId>,
    terms: BTreeMap<Arc<Terms>, ShapeId>,
    terms_pruned_at: usize,
    /// The budget accepted last: most roots have the same, and share it.
    budget: Option<Arc<Budget>>,
    fleet: fleet::Fleet,
    quotas: quota::Quotas,
    bars: bars::Bars,
    /// Agents that are kept back, by the shape that they are kept for.
    holds: BTreeMap<u32, AgentId>,
    preemptions: preempt::Preemptions,
    /// The policies that are not the plain one, by team and capability.
    pub(crate) routing: BTreeMap<(Text, Text), Policy>,
    pub(crate) names: BTreeMap<Text, AgentId>,
    timers: timers::Timers,
    /// Queued tasks that may not be granted before a time to come.
    pub(crate) ready: BTreeSet<(Time, TaskId)>,
    /// Leases that were renewed: when they end now. Soft.
    renewed: BTreeMap<Token, Time>,
    /// Attempts whose share of work became larger than it was at the grant. Soft.
    postponed: BTreeMap<Token, Time>,
    /// Attempts whose timeout was put off. Soft.
    put_off: BTreeMap<Token, Time>,
    /// Open tasks whose parent has ended, or needs their advice no more.
    pub(crate) orphans: BTreeSet<TaskId>,
    /// Keys whose task has ended, oldest end first: the order in which they are forgotten.
    pub(crate) key_order: BTreeSet<(Time, Text, Text)>,
    /// When each schedule is due.
    due_schedules: BTreeMap<Text, Time>,
    /// Open tasks for whose end a schedule waits.
    awaited: BTreeMap<TaskId, Text>,
    /// Durable topics.
    pub(crate) topics: topics::Topics,
    pub(crate) payload_bytes: u64,
    /// Pass of the latest grant: a shape that gets work again starts from here.
    pass: u64,
    dirty_shapes: Vec<u32>,
    /// Tasks whose time came up to here stand in their queues.
    pub(crate) now: Time,
}

/// One grant of weight 1 moves a shape's pass by this much.
const STRIDE: u64 = 1 << 20;

impl Index {
    /// The index that these facts imply.
    pub(crate) fn of(facts: &Facts, now: Time) -> Index {
        let mut index = Index { now, ..Index::default() };
        facts.agents.iter().for_each(|agent| index.agent_changed(agent));
        index.link_breakers(facts);
        for number in facts.supervision.plans.keys() {
            if let Some(at) = facts.restart_at(*number) {
                index.add_timer(at, Timer::Restart(*number));
            }
        }
        index.set_quotas(facts);
        index.set_preempting(facts);
        for (token, stopping) in &facts.stopping {
            index.link_stopping(*token, stopping);
        }
        index.set_routing(facts);
        for task in facts.tasks.values() {
            let (_, shape) = index.intern(&task.terms);
            let how = facts.deliberations.get(&task.id);
            let shape = index.placed(shape, how);
            if let Some(Deliberation::Held { until, over: false, .. }) = how {
                index.add_timer(*until, Timer::Hold(task.id));
            }
            index.link(task, shape);
            index.link_steps(task);
            index.count_payload(&task.input);
            if facts.is_orphan(task) {
                index.orphans.insert(task.id);
            }
        }
        facts.schedules.values().for_each(|it| index.link_schedule(facts, it));
        index.topics = topics::Topics::of(facts);
        let settled = facts.keys.iter().filter(|(_, record)| record.outcome.is_some());
        for ((tenant, key), record) in settled {
            index.key_order.insert((record.at, tenant.clone(), key.clone()));
        }
        index
    }

    /// The shared copy of these terms, and their shape.
    pub(crate) fn intern(&mut self, terms: &Arc<Terms>) -> (Arc<Terms>, ShapeId) {
        if let Some((shared, shape)) = self.terms.get_key_value(terms) {
            return (shared.clone(), *shape);
        }
        let key = ShapeKey {
            team: terms.team.clone(),
            capability: terms.capability.clone(),
            versions: terms.versions,
            require: terms.require.clone(),
            weight: terms.weight.max(1),
            only: terms.only,
        };
        let shape = match self.shape_ids.get(&key) {
            Some(shape) => *shape,
            None => self.new_shape(key),
        };
        self.prune_terms();
        self.terms.insert(terms.clone(), shape);
        (terms.clone(), shape)
    }

    /// Where a task of this shape stands: apart while it waits for one agent.
    pub(crate) fn placed(&mut self, shape: ShapeId, how: Option<&Deliberation>) -> ShapeId {
        match how {
            Some(Deliberation::Held { agent, over: false, .. }) => self.addressed(shape, *agent),
            Some(Deliberation::Held { over: true, .. } | Deliberation::Asked { .. }) | None => {
                shape
            }
        }
    }

    /// A shared copy of a budget, if the root before had the same.
    pub(crate) fn share(&mut self, budget: &Budget) -> Arc<Budget> {
        match &self.budget {
            Some(shared) if **shared == *budget => shared.clone(),
            Some(_) | None => {
                let shared = Arc::new(*budget);
                self.budget = Some(shared.clone());
                shared
            }
        }
    }

    fn new_shape(&mut self, key: ShapeKey) -> ShapeId {
        let id = self.shapes.len();
        let (profiles, near) = self.fleet.connect(id, &key);
        let meter = self.capability_meter(&key.team, &key.capability);
        let policy = self.policy_of(&key);
        self.shape_ids.insert(key.clone(), ShapeId(id as u32));
        self.quotas.add_shape(meter, id as u32);
        let queue = FairQueue::default();
        let (pass, dirty) = (self.pass, false);
        self.shapes.push(Shape { key, queue, profiles, near, meter, policy, pass, dirty });
        ShapeId(id as u32)
    }

    /// Terms that no open task uses any more are forgotten when they have become many.
    fn prune_terms(&mut self) {
        if self.terms.len() > self.terms_pruned_at.max(2_048) * 2 {
            self.terms.retain(|terms, _| Arc::strong_count(terms) > 1);
            self.terms_pruned_at = self.terms.len();
        }
    }

    /// Enters a task everywhere its status puts it.
    pub(crate) fn link(&mut self, task: &Task, shape: ShapeId) {
        self.meter(task, 1);
        self.add_timer(task.deadline, Timer::Deadline(task.id));
        match &task.status {
            Status::Queued { ready_at } if *ready_at > self.now => {
                self.ready.insert((*ready_at, task.id));
            }
            Status::Queued { .. } => self.enqueue(task, shape),
            Status::Assigned(lease) | Status::Running(lease) => {
                self.add_timer(lease.until, Timer::Lease(task.id));
                self.add_timer(lease.spent_at, Timer::Work(task.id));
                self.add_timer(task.timeout_at(), Timer::Timeout(task.id));
                self.occupy(lease.agent, lease.token, task.terms.weight);
                if task.is_bid {
                    self.bids(lease.agent, 1);
                }
                self.add_victim(task, lease);
            }
            Status::Waiting(lease, news) => self.add_waiting(lease.agent, task, *news),
        }
    }

    /// Takes a task out of everywhere its status put it.
    pub(crate) fn unlink(&mut self, task: &Task) {
        self.meter(task, -1);
        self.drop_timer(task.deadline, Timer::Deadline(task.id));
        match &task.status {
            Status::Queued { ready_at } => {
                let Shape { queue, .. } = &mut self.shapes[task.shape.0 as usize];
                let (class, tenant) = (task.terms.class, &task.terms.tenant);
                if !queue.remove(class, tenant, task.deadline, task.id) {
                    self.ready.remove(&(*ready_at, task.id));
                }
            }
            Status::Assigned(lease) | Status::Running(lease) => {
                let until = self.renewed.remove(&lease.token).unwrap_or(lease.until);
                self.drop_timer(until, Timer::Lease(task.id));
                let spent_at = self.postponed.remove(&lease.token).unwrap_or(lease.spent_at);
                self.drop_timer(spent_at, Timer::Work(task.id));
                let timeout_at = self.put_off.remove(&lease.token).unwrap_or(task.timeout_at());
                self.drop_timer(timeout_at, Timer::Timeout(task.id));
                self.vacate(lease.agent, task.terms.weight);
                if task.is_bid {
                    self.bids(lease.agent, -1);
                }
                self.drop_victim(task, lease);
            }
            Status::Waiting(lease, _) => self.drop_waiting(lease.agent, task),
        }
    }

    /// A queued task whose time has come moves from the timers to its queue.
    pub(crate) fn enqueue(&mut self, task: &Task, shape: ShapeId) {
        let at = shape.0 as usize;
        let Shape { queue, pass, dirty, .. } = &mut self.shapes[at];
        if queue.is_empty() {
            *pass = (*pass).max(self.pass);
        }
        queue.insert(task.terms.class, &task.terms.tenant, task.deadline, task.id);
        if !self.quotas.is_empty() {
            self.quotas.park_if_full(&task.terms, shape, queue);
        }
        if !std::mem::replace(dirty, true) {
            self.dirty_shapes.push(shape.0);
        }
        self.look_for_room(shape);
    }

    /// Something that waits in this shape may be granted now that could not before.
    fn touch(&mut self, shape: u32) {
        if !std::mem::replace(&mut self.shapes[shape as usize].dirty, true) {
            self.dirty_shapes.push(shape);
        }
        self.look_for_room(ShapeId(shape));
    }

    /// Moves turns and deficits on for a task that is being granted.
    pub(crate) fn granted(&mut self, task: &Task, agent: AgentId, token: Token) {
        let shape = &mut self.shapes[task.shape.0 as usize];
        shape.queue.granted(task.terms.class, &task.terms.tenant);
        self.pass = self.pass.max(shape.pass);
        let slots = u64::from(shape.key.weight);
        shape.pass += STRIDE * slots / u64::from(Class::weight(task.terms.class));
        self.fleet.granted(agent, token);
        if !self.holds.is_empty() {
            self.release(task.shape);
        }
        self.taken_by(task, agent);
    }

    /// Work that is being stopped goes on taking its slots until it has ended.
    pub(crate) fn link_stopping(&mut self, token: Token, stopping: &Stopping) {
        if stopping.holds_slot {
            self.occupy(stopping.agent, token, stopping.weight());
            self.meter_stopping(stopping, 1);
        }
    }

    /// It has ended.
    pub(crate) fn unlink_stopping(&mut self, stopping: &Stopping) {
        if stopping.holds_slot {
            self.vacate(stopping.agent, stopping.weight());
            self.meter_stopping(stopping, -1);
        }
    }

    /// Timers of steps that have not fired.
    pub(crate) fn link_steps(&mut self, task: &Task) {
        for (key, step) in task.past.iter().flat_map(|past| &past.steps) {
            match (&step.kind, &step.outcome) {
                (StepKind::Timer { due }, None) => {
                    self.add_timer(*due, Timer::Sleep(task.id, key.clone()));
                }
                (StepKind::Timer { .. }, Some(_))
                | (StepKind::Child { .. } | StepKind::Once { .. }, _) => {}
            }
            self.count_outcome(step.outcome.as_ref().map(|(_, it)| &**it));
        }
    }

    /// Forgets what the steps of a task that ends had entered.
    pub(crate) fn unlink_steps(&mut self, task: &Task) {
        for (key, step) in task.past.iter().flat_map(|past| &past.steps) {
            if let StepKind::Timer { due } = step.kind {
                self.drop_timer(due, Timer::Sleep(task.id, key.clone()));
            }
            self.uncount_outcome(step.outcome.as_ref().map(|(_, it)| &**it));
        }
    }

    pub(crate) fn count_payload(&mut self, payload: &Payload) {
        self.payload_bytes += payload.inline.as_ref().map_or(0, |bytes| bytes.len() as u64);
    }

    pub(crate) fn uncount_payload(&mut self, payload: &Payload) {
        let bytes = payload.inline.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.payload_bytes = self.payload_bytes.saturating_sub(bytes);
    }

    pub(crate) fn count_outcome(&mut self, outcome: Option<&crate::Outcome>) {
        if let Some(crate::Outcome::Completed(payload)) = outcome {
            self.count_payload(payload);
        }
    }

    fn uncount_outcome(&mut self, outcome: Option<&crate::Outcome>) {
        if let Some(crate::Outcome::Completed(payload)) = outcome {
            self.uncount_payload(payload);
        }
    }
}
