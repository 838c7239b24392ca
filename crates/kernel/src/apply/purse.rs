//! Who pays: purses are found from a task upwards, and a root's is opened by its first expense.
//! Above all purses stand the ceilings of the day, on what they were all used for.

use crate::rule::budget::Purse;
use crate::{
    AttemptId, Cost, Ledger, Part, Reached, Refusal, State, Task, TaskId, Terms, Text, Time,
};
use std::sync::Arc;

/// Who pays for what a task spends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// The purse of this task.
    Purse(TaskId),
    /// Everybody, out of the ceiling of the day.
    Team,
    /// A tenant, out of its own.
    Tenant(Text),
}

impl State {
    /// Who pays for a part of what an attempt spends, also while it is being stopped, each with
    /// what is left there. What is set aside for its own price is left to it.
    #[must_use]
    pub fn payers(&self, by: AttemptId, part: Part, now: Time) -> Vec<(Payer, u64)> {
        let (purse, Some(terms)) = self.spender(by) else { return Vec::new() };
        let escrow = self.auctions.get(&by.task).and_then(|it| it.escrow);
        let escrow = escrow.filter(|it| it.token == by.token && part == Part::Money);
        let own = escrow.map_or(0, |it| it.left());
        let purse = self.owner_of(purse, part);
        let purse = purse.map(|owner| (Payer::Purse(owner), self.left(owner, part)));
        let above = self.ceilings_over(&terms, part, now).into_iter().flatten().map(|reached| {
            let left = reached.max.saturating_sub(reached.taken);
            (reached.tenant.map_or(Payer::Team, Payer::Tenant), left)
        });
        let all = purse.into_iter().chain(above);
        all.map(|(payer, left)| (payer, left.saturating_add(own))).collect()
    }

    /// The same in words for whoever finds nothing left there.
    #[must_use]
    pub fn nothing_left(&self, by: AttemptId, payer: &Payer, part: Part, now: Time) -> Refusal {
        let (_, terms) = self.spender(by);
        let above = terms.map(|terms| self.ceilings_over(&terms, part, now));
        let is_it = |reached: &Reached| match payer {
            Payer::Purse(_) => false,
            Payer::Team => reached.tenant.is_none(),
            Payer::Tenant(name) => reached.tenant.as_ref() == Some(name),
        };
        match above.into_iter().flatten().flatten().find(is_it) {
            Some(reached) => Refusal::OverCeiling(Box::new(reached)),
            None => Refusal::OverBudget { what: part.name().into() },
        }
    }

    /// The ceilings over work on these terms for a part, each with what is taken of it today.
    pub(crate) fn ceilings_over(
        &self,
        terms: &Terms,
        part: Part,
        now: Time,
    ) -> [Option<Reached>; 2] {
        let Some(policies) = self.policies.get(&terms.team) else { return [None, None] };
        let (ceilings, tenant) = (&policies.ceilings, &terms.tenant);
        let today = Ledger::day_of(self.wall_ms(now));
        let of = |tenant: Option<&Text>, max: Option<u64>| {
            let is_own = tenant.is_some_and(|it| ceilings.is_own(it, part));
            let taken = self.ledger.taken(today, tenant, part);
            max.map(|max| Reached { tenant: tenant.cloned(), is_own, part, taken, max })
        };
        [of(Some(tenant), ceilings.of_tenant(tenant, part)), of(None, ceilings.day.of(part))]
    }

    /// What a task may still pay, out of all that pays for it.
    #[must_use]
    pub fn money_left(&self, task: &Task, now: Time) -> u64 {
        let above = self.ceilings_over(&task.terms, Part::Money, now);
        let above = above.into_iter().flatten().map(|it| it.max.saturating_sub(it.taken));
        above.fold(self.left(task.purse, Part::Money), u64::min)
    }

    /// Who spends: the purse that pays, and the terms of the work.
    pub(crate) fn spender(&self, by: AttemptId) -> (TaskId, Option<Arc<Terms>>) {
        match self.stopping.get(&by.token) {
            Some(stopping) => (stopping.purse, stopping.terms.clone()),
            None => {
                let task = self.task(by.task);
                (task.map_or(by.task, |it| it.purse), task.map(|it| it.terms.clone()))
            }
        }
    }

    /// Counts what a tenant has spent; without terms it is that of nobody.
    pub(super) fn count_spent(&mut self, terms: Option<&Terms>, cost: &Cost) {
        let today = Ledger::day_of(self.wall_ms(self.facts.time));
        let tenant = terms.map(|terms| terms.tenant.clone()).unwrap_or_default();
        self.facts.ledger.spend(today, &tenant, cost, self.limits.tenants_max);
    }

    /// What is left of a part for whoever spends from this purse.
    pub(crate) fn left(&self, purse: TaskId, part: Part) -> u64 {
        let Some(owner) = self.owner_of(purse, part) else { return u64::MAX };
        match self.facts.purses.get(&owner) {
            Some(purse) => purse.left(part),
            None => self.budgeted(owner, part).unwrap_or(u64::MAX),
        }
    }

    /// Whether more was taken than there was, for whoever spends from this purse.
    pub(crate) fn is_overdrawn(&self, purse: TaskId, part: Part) -> bool {
        let owner = self.owner_of(purse, part).and_then(|owner| self.facts.purses.get(&owner));
        owner.is_some_and(|it| it.limit(part).is_some_and(|limit| it.used(part) > limit))
    }

    /// Whether an attempt may still spend this much; else who does not allow it. What is spent all
    /// the same is recorded: who looks before saves the other side's bill.
    ///
    /// # Errors
    /// The budget or the ceiling of which less is left.
    pub fn affords(&self, by: AttemptId, cost: Cost, now: Time) -> Result<(), Refusal> {
        for (part, wanted) in cost.parts() {
            let payers = self.payers(by, part, now);
            if let Some((payer, _)) = payers.iter().find(|(_, left)| wanted > *left) {
                return Err(self.nothing_left(by, payer, part, now));
            }
        }
        Ok(())
    }

    /// The limit of a part for whoever spends from this purse; `None` where nobody set one.
    pub(crate) fn limit(&self, purse: TaskId, part: Part) -> Option<u64> {
        let owner = self.owner_of(purse, part)?;
        match self.facts.purses.get(&owner) {
            Some(purse) => purse.limit(part),
            None => self.budgeted(owner, part),
        }
    }

    /// The nearest purse, from `purse` upwards, that limits this part; it may not be open yet.
    pub(crate) fn owner_of(&self, mut purse: TaskId, part: Part) -> Option<TaskId> {
        loop {
            match self.facts.purses.get(&purse) {
                Some(held) if held.owns(part) => return Some(purse),
                Some(held) => purse = held.above?,
                None => return self.budgeted(purse, part).map(|_| purse),
            }
        }
    }

    /// Takes an amount from the purse that owns this part, at or above `purse`.
    pub(super) fn debit(&mut self, purse: TaskId, part: Part, amount: u64) {
        if let Some(owner) = self.owner_of(purse, part)
            && let Some(purse) = self.purse_mut(owner)
        {
            purse.debit(part, amount);
        }
    }

    /// A purse to take from, opened if need be.
    pub(super) fn purse_mut(&mut self, id: TaskId) -> Option<&mut Purse> {
        if !self.facts.purses.contains_key(&id) {
            let purse = Purse::new(self.task(id)?.budget.as_deref()?);
            self.facts.purses.insert(id, purse);
        }
        self.facts.purses.get_mut(&id)
    }

    /// What a root's budget says of a part.
    fn budgeted(&self, root: TaskId, part: Part) -> Option<u64> {
        self.task(root)?.budget.as_ref()?.part(part)
    }
}
