//! How much of each quota is in use.
//!
//! Only what an operator has bounded is counted, so work without quotas pays one comparison. A
//! meter's number is kept by shapes and tasks; numbers are given when quotas are set and never
//! taken back, and a change of policies counts anew from the facts.

use super::{Index, ShapeId};
use crate::mutant::{Mutant, planted};
use crate::rule::fair_queue::FairQueue;
use crate::state::{Facts, Stopping};
use crate::{AgentId, Quota, QuotaOf, Status, Task, Terms, Text};
use std::collections::{BTreeMap, BTreeSet};

/// Which meter counts something; most things have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MeterId(u32);

impl MeterId {
    pub(crate) const NONE: MeterId = MeterId(u32::MAX);
}

impl Default for MeterId {
    fn default() -> MeterId {
        MeterId::NONE
    }
}

/// One quota and what it counts.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) of: QuotaOf,
    pub(crate) quota: Quota,
    pub(crate) queued: u64,
    pub(crate) working: u32,
    /// Of a capability: its shapes. Of a tenant: those in which it may have work waiting.
    shapes: BTreeSet<u32>,
}

impl Meter {
    /// Whether nothing more may be worked on.
    fn is_full(&self) -> bool {
        let max = self.quota.working_max.unwrap_or(u32::MAX);
        self.working >= max && !planted(Mutant::WorkingQuotaIgnored)
    }
}

/// Every quota of every team.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotas {
    meters: Vec<Meter>,
    by_name: BTreeMap<(Text, QuotaOf), MeterId>,
}

impl Quotas {
    pub(super) fn is_empty(&self) -> bool {
        self.meters.is_empty()
    }

    fn find(&self, team: &Text, of: QuotaOf) -> MeterId {
        self.by_name.get(&(team.clone(), of)).copied().unwrap_or_default()
    }

    fn set(&mut self, team: &Text, of: QuotaOf, quota: Quota) {
        let next = MeterId(self.meters.len() as u32);
        let id = *self.by_name.entry((team.clone(), of.clone())).or_insert(next);
        if id == next {
            self.meters.push(Meter { of, quota, queued: 0, working: 0, shapes: BTreeSet::new() });
        } else {
            self.meters[id.0 as usize].quota = quota;
        }
    }

    fn get(&self, id: MeterId) -> Option<&Meter> {
        self.meters.get(id.0 as usize)
    }

    /// A tenant that may not be worked on for now stands aside in a queue that it has work in.
    pub(super) fn park_if_full(&mut self, terms: &Terms, shape: ShapeId, queue: &mut FairQueue) {
        let id = self.find(&terms.team, QuotaOf::Tenant(terms.tenant.clone()));
        let Some(meter) = self.meters.get_mut(id.0 as usize) else { return };
        meter.shapes.insert(shape.0);
        if meter.is_full() {
            queue.park(&terms.tenant);
        }
    }

    /// A capability has one more shape.
    pub(super) fn add_shape(&mut self, id: MeterId, shape: u32) {
        self.with(id, |meter| _ = meter.shapes.insert(shape));
    }

    fn with(&mut self, id: MeterId, change: impl FnOnce(&mut Meter)) {
        if let Some(meter) = self.meters.get_mut(id.0 as usize) {
            change(meter);
        }
    }

    /// What is counted, for checkers.
    pub(super) fn counted(&self) -> Vec<(Text, QuotaOf, u64, u32)> {
        let counted = self.by_name.iter().filter_map(|((team, of), id)| {
            let meter = self.get(*id).filter(|meter| !meter.quota.is_none())?;
            Some((team.clone(), of.clone(), meter.queued, meter.working))
        });
        counted.collect()
    }
}

impl Index {
    /// The meters that count tasks on these terms: of the capability and of the tenant.
    pub(super) fn meters_of(&self, terms: &Terms) -> [MeterId; 2] {
        if self.quotas.is_empty() {
            return [MeterId::NONE; 2];
        }
        let capability = QuotaOf::Capability(terms.capability.clone());
        let tenant = QuotaOf::Tenant(terms.tenant.clone());
        [capability, tenant].map(|of| self.quotas.find(&terms.team, of))
    }

    /// The meter of a capability in a team.
    pub(super) fn capability_meter(&self, team: &Text, capability: &Text) -> MeterId {
        if self.quotas.is_empty() {
            return MeterId::NONE;
        }
        self.quotas.find(team, QuotaOf::Capability(capability.clone()))
    }

    /// Whether a quota lets nothing more be worked on.
    pub(super) fn is_full(&self, id: MeterId) -> bool {
        self.quotas.get(id).is_some_and(Meter::is_full)
    }

    /// The policies of a team are others now: what they bound is counted from the facts, and what
    /// stood aside for a quota gets another look.
    pub(crate) fn configure(&mut self, facts: &Facts) {
        self.set_quotas(facts);
        self.set_preempting(facts);
        for at in 0..self.shapes.len() {
            let key = &self.shapes[at].key;
            let meter = self.capability_meter(&key.team, &key.capability);
            self.quotas.add_shape(meter, at as u32);
            let shape = &mut self.shapes[at];
            shape.meter = meter;
            shape.queue.unpark_all();
            self.touch(at as u32);
        }
        self.fleet.resumable.clear();
        facts.stopping.values().for_each(|stopping| self.meter_stopping(stopping, 1));
        self.set_routing(facts);
        for task in facts.tasks.values() {
            self.meter(task, 1);
            self.reenter(task);
        }
        (0..self.fleet.agents.len()).for_each(|at| self.fleet.refresh(AgentId(at as u32)));
    }

    /// Puts a task where its quotas want it: what waits may have to stand aside.
    fn reenter(&mut self, task: &Task) {
        match &task.status {
            Status::Queued { .. } => {
                let queue = &mut self.shapes[task.shape.0 as usize].queue;
                self.quotas.park_if_full(&task.terms, task.shape, queue);
            }
            Status::Waiting(lease, true) => {
                let need = self.need_of(task);
                self.wants_on(lease.agent, need, task.id);
            }
            Status::Waiting(_, false) | Status::Assigned(_) | Status::Running(_) => {}
        }
    }

    /// A meter for every quota; nothing is counted yet.
    pub(super) fn set_quotas(&mut self, facts: &Facts) {
        for meter in &mut self.quotas.meters {
            (meter.quota, meter.queued, meter.working) = (Quota::default(), 0, 0);
            meter.shapes.clear();
        }
        for (team, policies) in &facts.policies {
            for (name, policy) in &policies.capabilities {
                if !policy.quota.is_none() {
                    self.quotas.set(team, QuotaOf::Capability(name.clone()), policy.quota);
                }
            }
            for (name, quota) in policies.tenants.iter().filter(|(_, quota)| !quota.is_none()) {
                self.quotas.set(team, QuotaOf::Tenant(name.clone()), *quota);
            }
        }
    }

    /// Counts a task in (`by` is 1) or out (-1) where its status puts it.
    pub(super) fn meter(&mut self, task: &Task, by: i32) {
        if self.quotas.is_empty() {
            return;
        }
        for id in self.meters_of(&task.terms) {
            match &task.status {
                Status::Queued { .. } => self.quotas.with(id, |meter| {
                    meter.queued = meter.queued.saturating_add_signed(by.into());
                }),
                Status::Assigned(_) | Status::Running(_) => self.meter_working(id, by),
                Status::Waiting(..) => {}
            }
        }
    }

    /// The same for work that is being stopped.
    pub(super) fn meter_stopping(&mut self, stopping: &Stopping, by: i32) {
        if let Some(terms) = stopping.terms.as_ref().filter(|_| stopping.holds_slot) {
            for id in self.meters_of(terms) {
                self.meter_working(id, by);
            }
        }
    }

    /// One more is worked on, or one fewer: those who stood aside for it may get their turn.
    fn meter_working(&mut self, id: MeterId, by: i32) {
        let Some(meter) = self.quotas.meters.get_mut(id.0 as usize) else { return };
        let was_full = meter.is_full();
        meter.working = meter.working.saturating_add_signed(by);
        let is_full = meter.is_full();
        if was_full == is_full {
            return;
        }
        let (of, shapes) = (meter.of.clone(), meter.shapes.clone());
        for at in shapes {
            let queue = &mut self.shapes[at as usize].queue;
            match &of {
                QuotaOf::Tenant(tenant) if is_full => queue.park(tenant),
                QuotaOf::Tenant(tenant) => queue.unpark(tenant),
                QuotaOf::Capability(_) => {}
            }
            if !is_full {
                self.touch(at);
            }
        }
    }

    /// The quota that leaves no room for one more task to wait on these terms, once a queued one on
    /// other terms has gone.
    pub(crate) fn queue_full(
        &self,
        terms: &Terms,
        without: Option<&Terms>,
    ) -> Option<(&QuotaOf, u64)> {
        if planted(Mutant::QueueQuotaIgnored) {
            return None;
        }
        self.meters_of(terms).into_iter().find_map(|id| {
            let meter = self.quotas.get(id)?;
            let max = meter.quota.queued_max?;
            let gone = without.is_some_and(|it| self.meters_of(it).contains(&id));
            (meter.queued - u64::from(gone) >= max).then_some((&meter.of, max))
        })
    }
}
