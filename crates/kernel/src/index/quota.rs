//! How much of each quota is in use.
//!
//! Only what an operator has bounded is counted, so work without quotas pays one comparison. A
//! meter's number is kept by shapes and tasks; numbers are given when quotas are set and never
//! taken back, and a change of policies counts anew from the facts.

use super::Index;
use crate::mutant::{Mutant, planted};
use crate::state::Facts;
use crate::{Quota, QuotaOf, Status, Task, Terms, Text};
use std::collections::BTreeMap;

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
            self.meters.push(Meter { of, quota, queued: 0, working: 0 });
        } else {
            self.meters[id.0 as usize].quota = quota;
        }
    }

    fn get(&self, id: MeterId) -> Option<&Meter> {
        self.meters.get(id.0 as usize)
    }

    fn count(&mut self, id: MeterId, status: &Status, by: i64) {
        let Some(meter) = self.meters.get_mut(id.0 as usize) else { return };
        match status {
            Status::Queued { .. } => meter.queued = meter.queued.saturating_add_signed(by),
            Status::Assigned(_) | Status::Running(_) => {
                meter.working = meter.working.saturating_add_signed(by as i32);
            }
            Status::Waiting(..) => {}
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

    /// The policies of a team are others now: what they bound is counted from the facts.
    pub(crate) fn configure(&mut self, facts: &Facts) {
        self.set_quotas(facts);
        for task in facts.tasks.values() {
            self.meter(task, 1);
        }
    }

    /// A meter for every quota; nothing is counted yet.
    pub(super) fn set_quotas(&mut self, facts: &Facts) {
        for meter in &mut self.quotas.meters {
            (meter.quota, meter.queued, meter.working) = (Quota::default(), 0, 0);
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
    pub(super) fn meter(&mut self, task: &Task, by: i64) {
        if self.quotas.is_empty() {
            return;
        }
        for id in self.meters_of(&task.terms) {
            self.quotas.count(id, &task.status, by);
        }
    }

    /// The quota that leaves no room for one more task to wait on these terms.
    pub(crate) fn queue_full(&self, terms: &Terms) -> Option<(&QuotaOf, u64)> {
        if planted(Mutant::QueueQuotaIgnored) {
            return None;
        }
        self.meters_of(terms).into_iter().find_map(|id| {
            let meter = self.quotas.get(id)?;
            let max = meter.quota.queued_max?;
            (meter.queued >= max).then_some((&meter.of, max))
        })
    }
}
