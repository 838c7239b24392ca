//! Who pays: purses are found from a task upwards, and a root's is opened by its first expense.

use crate::rule::budget::Purse;
use crate::{Cost, Part, State, TaskId, Text};

/// Who pays for what a task spends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// The purse of this task.
    Purse(TaskId),
}

impl Payer {
    /// What of it is used up, in refusals.
    #[must_use]
    pub fn name(&self, part: Part) -> Text {
        match self {
            Payer::Purse(_) => part.name().into(),
        }
    }
}

impl State {
    /// Who pays for a part of what a task spends, each with what is left there.
    #[must_use]
    pub fn payers(&self, task: TaskId, part: Part) -> Vec<(Payer, u64)> {
        let purse = self.task(task).and_then(|it| self.owner_of(it.purse, part));
        let purse = purse.map(|owner| (Payer::Purse(owner), self.left(owner, part)));
        purse.into_iter().collect()
    }

    /// What is left of a part for whoever spends from this purse.
    pub(crate) fn left(&self, purse: TaskId, part: Part) -> u64 {
        let Some(owner) = self.owner_of(purse, part) else { return u64::MAX };
        match self.facts.purses.get(&owner) {
            Some(purse) => purse.left(part),
            None => self.budgeted(owner, part).unwrap_or(u64::MAX),
        }
    }

    /// Whether a task may still spend this much; else the first part that does not allow it. What
    /// is spent all the same is recorded: who looks before saves the other side's bill.
    ///
    /// # Errors
    /// The part of which less is left.
    pub fn affords(&self, task: TaskId, cost: Cost) -> Result<(), Part> {
        let Some(purse) = self.task(task).map(|it| it.purse) else { return Ok(()) };
        let parts = [(Part::Money, cost.money_micros), (Part::Tokens, cost.tokens)];
        let short = parts.into_iter().find(|(part, wanted)| *wanted > self.left(purse, *part));
        short.map_or(Ok(()), |(part, _)| Err(part))
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
