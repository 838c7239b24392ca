//! A task ends, once: its record goes, and whoever depends on it is told.

use crate::mutant::{Mutant, planted};
use crate::state::{DeadLetter, Stopping};
use crate::task::StepKind;
use crate::{Failure, Outcome, Part, Payload, State, Task, TaskId, Text, Time};
use std::sync::Arc;

impl State {
    pub(super) fn task_completed(&mut self, at: Time, id: TaskId, output: Payload) {
        self.facts.counts.completed += 1;
        self.agent_completed(at, id);
        self.end(at, id, Outcome::Completed(output), false);
    }

    pub(super) fn task_failed(&mut self, at: Time, id: TaskId, failure: &Failure) {
        self.facts.counts.failed += 1;
        self.end(at, id, Outcome::Failed(failure.clone()), true);
    }

    pub(super) fn task_cancelled(&mut self, at: Time, id: TaskId, reason: &Text) {
        self.facts.counts.cancelled += 1;
        self.end(at, id, Outcome::Cancelled(reason.clone()), true);
    }

    pub(super) fn task_died(&mut self, at: Time, id: TaskId, failure: &Failure) {
        self.facts.counts.dead += 1;
        if let Some(task) = self.task(id) {
            let letter = DeadLetter { task: task.clone(), failure: failure.clone(), at };
            self.facts.dead.insert(id, letter);
        }
        let run = self.task(id).map(|task| task.run);
        let pin = run.and_then(|run| self.facts.pins.get(&run).cloned());
        self.end(at, id, Outcome::Dead(failure.clone()), true);
        if let Some(pin) = pin {
            self.facts.pins.insert(id, pin); // Its next life follows the same definition.
        }
    }

    /// Removes a task. `stop`: if it has a lease, the work behind it is still to be ended.
    pub(super) fn end(&mut self, at: Time, id: TaskId, outcome: Outcome, stop: bool) {
        if self.is_purse_open(id) {
            self.pay_for_work(at, id);
        }
        // Unless it was completed, and its breaker has heard of that already.
        let lease = self.task(id).and_then(|task| task.status.lease().copied());
        if let Some(lease) = lease {
            self.breaker_forgets(lease.agent, id, lease.token);
        }
        self.settle_price(id, matches!(outcome, Outcome::Completed(_)));
        let Some(task) = self.facts.tasks.remove(id.0) else { return };
        self.index.unlink(&task);
        self.index.unlink_steps(&task);
        self.index.uncount_payload(&task.input);
        self.index.orphans.remove(&id);
        self.deliberated(id);
        self.close_market(id);
        self.facts.pins.remove(&id);
        if stop && let Some(lease) = task.status.lease() {
            let holds_slot = task.status.working().is_some();
            let (agent, purse, terms) = (lease.agent, task.purse, Some(task.terms.clone()));
            let makes_room_for = None;
            let stopping = Stopping { task: id, agent, purse, holds_slot, terms, makes_room_for };
            self.stop_work(lease.token, stopping);
        }
        self.let_go_of_purse(task.purse);
        let outcome = Arc::new(outcome);
        if let Some(key) = &task.key {
            let key = (task.terms.tenant.clone(), Text::clone(key));
            if let Some(record) = self.facts.keys.get_mut(&key)
                && record.task == id
            {
                record.outcome = Some(outcome.clone());
                record.at = at; // From now on it may grow old.
                self.index.key_order.insert((at, key.0, key.1));
            }
        }
        if let Some(parent) = &task.parent {
            match (task.is_bid, task.is_advice) {
                (true, _) => self.bid_ended(at, parent.task, id, &outcome),
                (false, true) => {} // What it says is brought by whoever asked.
                (false, false) => self.step_settled(parent.task, &parent.step, outcome, true),
            }
        }
        self.orphan_children(&task);
        self.schedule_freed(id);
    }

    /// Whether anybody could ever ask what this task's purse was used for. A root that ends with
    /// its purse never opened takes it along.
    fn is_purse_open(&self, task: TaskId) -> bool {
        self.task(task).is_some_and(|task| self.facts.purses.contains_key(&task.purse))
    }

    /// One more spends from this purse: a task, a purse below it, or work that is being stopped.
    pub(super) fn hold_purse(&mut self, purse: TaskId) {
        if let Some(purse) = self.purse_mut(purse) {
            purse.users += 1;
        }
    }

    /// One fewer does. With the last one a purse goes back into the one above: not before, so that
    /// what orphans and stopping work still cost is charged to their tree.
    pub(super) fn let_go_of_purse(&mut self, purse: TaskId) {
        let mut next = Some(purse);
        while let Some(id) = next {
            let Some(purse) = self.facts.purses.get_mut(&id) else { return };
            purse.users = purse.users.saturating_sub(1);
            if purse.users > 0 {
                return;
            }
            let Some(purse) = self.facts.purses.remove(&id) else { return };
            for part in Part::ALL {
                if let Some(owner) = purse.above.and_then(|above| self.owner_of(above, part))
                    && let Some(above) = self.facts.purses.get_mut(&owner)
                {
                    above.settle(&purse, part);
                }
            }
            next = purse.above;
        }
    }

    fn orphan_children(&mut self, task: &Task) {
        if planted(Mutant::OrphansForgotten) {
            return;
        }
        for step in task.past.iter().flat_map(|past| past.steps.values()) {
            if let (StepKind::Child { task: child, .. }, None) = (&step.kind, &step.outcome)
                && self.task(*child).is_some()
            {
                self.index.orphans.insert(*child);
            }
        }
    }
}
