//! A task ends, once: its record goes, and whoever depends on it is told.

use crate::mutant::{Mutant, planted};
use crate::state::{DeadLetter, Stopping};
use crate::task::StepKind;
use crate::{Failure, Outcome, Part, State, Task, TaskId, Time};
use std::sync::Arc;

impl State {
    pub(super) fn task_died(&mut self, at: Time, id: TaskId, failure: &Failure) {
        self.facts.counts.dead += 1;
        if let Some(task) = self.task(id) {
            let letter = DeadLetter { task: task.clone(), failure: failure.clone(), at };
            self.facts.dead.insert(id, letter);
        }
        self.end(at, id, Outcome::Dead(failure.clone()), true);
    }

    /// Removes a task. `stop`: if it has a lease, the work behind it is still to be ended.
    pub(super) fn end(&mut self, at: Time, id: TaskId, outcome: Outcome, stop: bool) {
        self.pay_for_work(at, id);
        let Some(task) = self.facts.tasks.remove(id.0) else { return };
        self.index.unlink(&task);
        self.index.unlink_steps(&task);
        self.index.uncount_payload(&task.input);
        self.index.orphans.remove(&id);
        let above = self.close_purse(&task);
        if stop && let Some(lease) = task.status.lease() {
            let holds_slot = task.status.working().is_some();
            let purse = above.unwrap_or(task.purse);
            self.stop_work(
                lease.token,
                Stopping { task: id, agent: lease.agent, purse, holds_slot },
            );
        }
        let outcome = Arc::new(outcome);
        if let Some(key) = &task.key {
            let key = (task.terms.tenant.clone(), key.clone());
            if let Some(record) = self.facts.keys.get_mut(&key)
                && record.task == id
            {
                record.outcome = Some(outcome.clone());
            }
        }
        if let Some(parent) = &task.parent {
            self.step_settled(parent.task, &parent.step, outcome, true);
        }
        self.orphan_children(&task);
    }

    /// A purse of its own goes back into the one above, which is named.
    fn close_purse(&mut self, task: &Task) -> Option<TaskId> {
        let parent = task.parent.as_ref().and_then(|parent| self.task(parent.task));
        let above = parent.map(|parent| parent.purse);
        if task.purse != task.id {
            return Some(task.purse);
        }
        let purse = self.facts.purses.remove(&task.id)?;
        for part in Part::ALL {
            if let Some(owner) = above.and_then(|above| self.owner_of(above, part))
                && let Some(above) = self.facts.purses.get_mut(&owner)
            {
                above.settle(&purse, part);
            }
        }
        above
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
