//! Steps: what a task has asked for, and what came back.

use crate::index::Timer;
use crate::mutant::{Mutant, planted};
use crate::task::{Past, StepKind, StepRecord};
use crate::{Outcome, Parent, State, Status, Task, TaskId, Text, Time, Token};
use std::sync::Arc;

impl State {
    /// A child was accepted: its parent remembers it under its step key.
    pub(super) fn child_recorded(&mut self, parent: &Parent, child: &Task) {
        let kind = StepKind::Child {
            task: child.id,
            capability: child.terms.capability.clone(),
            input: child.input.digest,
        };
        self.record_step(parent.task, &parent.step, kind);
    }

    pub(super) fn once_started(&mut self, id: TaskId, step: &Text, token: Token) {
        self.record_step(id, step, StepKind::Once { token });
    }

    pub(super) fn timer_set(&mut self, id: TaskId, step: &Text, due: Time) {
        self.record_step(id, step, StepKind::Timer { due });
        self.index.add_timer(due, Timer::Sleep(id, step.clone()));
    }

    pub(super) fn timer_fired(&mut self, id: TaskId, step: &Text) {
        if let Some(StepRecord { kind: StepKind::Timer { due }, .. }) =
            self.task(id).and_then(|task| task.step(step))
        {
            let due = *due;
            self.index.drop_timer(due, Timer::Sleep(id, step.clone()));
        }
        self.step_settled(id, step, Arc::new(Outcome::Completed(Default::default())), true);
    }

    fn record_step(&mut self, id: TaskId, step: &Text, kind: StepKind) {
        if let Some(task) = self.facts.tasks.get_mut(id.0) {
            let past: &mut Past = task.past.get_or_insert_default();
            past.pending += u32::from(kind.wakes());
            past.steps.insert(step.clone(), StepRecord { kind, outcome: None });
        }
    }

    /// A step has ended. `delivered`: it is news to a live attempt, which wants to go on.
    pub(super) fn step_settled(
        &mut self,
        id: TaskId,
        step: &Text,
        outcome: Arc<Outcome>,
        delivered: bool,
    ) {
        let Some(task) = self.facts.tasks.get_mut(id.0) else { return };
        let Some(past) = task.past.as_mut() else { return };
        let Some(record) = past.steps.get_mut(step) else { return };
        if record.outcome.is_some() {
            return;
        }
        let wakes = record.kind.wakes();
        self.index.count_outcome(Some(&outcome));
        record.outcome = Some((past.settled_steps, outcome));
        past.settled_steps += 1;
        past.note_call(step, self.facts.last_task);
        past.pending = past.pending.saturating_sub(u32::from(wakes));
        if delivered && task.status.lease().is_some() {
            past.deliveries += 1;
            if let Status::Waiting(lease, false) = task.status
                && !planted(Mutant::WakeForgotten)
            {
                self.change(id, |task| task.status = Status::Waiting(lease, true));
            }
        }
    }
}
