//! A task waits apart until it is known who gets it.

use crate::index::Timer;
use crate::mutant::{Mutant, planted};
use crate::state::{Advice, Deliberation, Facts};
use crate::{AgentId, Routing, State, Status, Task, TaskId, Text, Time};

impl Facts {
    /// Whether nobody needs what a task does: its parent has ended, or is not waiting for its
    /// advice any more.
    pub(crate) fn is_orphan(&self, task: &Task) -> bool {
        let Some(parent) = &task.parent else { return false };
        let waits = || match self.deliberations.get(&parent.task) {
            Some(Deliberation::Asked { by, .. }) => *by == Some(task.id),
            Some(Deliberation::Held { .. }) | None => false,
        };
        self.tasks.get(parent.task.0).is_none() || (task.is_advice && !waits())
    }
}

impl State {
    /// It goes on about who gets a task.
    pub(super) fn routing(&mut self, id: TaskId, step: &Routing) {
        match step {
            Routing::Held { agent, until } => self.task_held(id, *agent, *until),
            Routing::HoldEnded => self.hold_ended(id),
            Routing::AdviceAsked { until } => self.advice_asked(id, *until),
            Routing::Advised { ranking, nobody, words } => {
                self.advised(id, ranking, nobody, words);
            }
            Routing::Announced { .. } => self.announced(id, step),
            Routing::Bid { agent, bid } => self.bid_heard(id, *agent, *bid),
        }
    }

    /// It waits for one agent, in a queue of that agent's own.
    fn task_held(&mut self, id: TaskId, agent: AgentId, until: Time) {
        let held = Deliberation::Held { agent, until, over: false };
        self.facts.deliberations.insert(id, held);
        self.index.add_timer(until, Timer::Hold(id));
        let Some(task) = self.facts.tasks.get_mut(id.0) else { return };
        self.index.unlink(task);
        task.shape = self.index.addressed(task.shape, agent);
        self.index.link(task, task.shape);
    }

    /// It has waited long enough, or in vain, and is everybody's again.
    fn hold_ended(&mut self, id: TaskId) {
        let Some(Deliberation::Held { until, over, .. }) = self.facts.deliberations.get_mut(&id)
        else {
            return;
        };
        *over = true;
        let until = *until;
        self.index.drop_timer(until, Timer::Hold(id));
        self.back_in_line(id);
    }

    fn back_in_line(&mut self, id: TaskId) {
        let Some(task) = self.facts.tasks.get_mut(id.0) else { return };
        let (_, shape) = self.index.intern(&task.terms);
        match task.status {
            Status::Queued { .. } => {
                self.index.unlink(task);
                task.shape = shape;
                self.index.link(task, shape);
            }
            Status::Assigned(_) | Status::Running(_) | Status::Waiting(..) => task.shape = shape,
        }
    }

    /// An agent gets no more work for now: what waits for it alone is everybody's again, and a key
    /// of its somebody else's.
    pub(super) fn release_held(&mut self, agent: AgentId) {
        if self.facts.deliberations.is_empty() {
            return;
        }
        let of_agent = |it: &Deliberation| match it {
            Deliberation::Held { agent: held, over, .. } => *held == agent && !over,
            Deliberation::Asked { .. } => false,
        };
        let held = self.facts.deliberations.iter().filter(|(_, it)| of_agent(it));
        let held: Vec<TaskId> = held.map(|(task, _)| *task).collect();
        for id in held {
            self.deliberated(id);
        }
    }

    /// It waits for advice, at most until then.
    fn advice_asked(&mut self, id: TaskId, until: Time) {
        self.facts.deliberations.insert(id, Deliberation::Asked { until, advice: None, by: None });
        self.change(id, |task| task.status = Status::Queued { ready_at: until });
    }

    /// This task asks for it.
    pub(super) fn consulted(&mut self, of: TaskId, task: TaskId) {
        if let Some(Deliberation::Asked { by, .. }) = self.facts.deliberations.get_mut(&of) {
            *by = Some(task);
        }
    }

    /// The advice is there.
    fn advised(&mut self, id: TaskId, ranking: &[AgentId], nobody: &[Text], words: &Text) {
        if let Some(Deliberation::Asked { advice, .. }) = self.facts.deliberations.get_mut(&id) {
            let (ranking, nobody) = (ranking.to_vec(), nobody.to_vec());
            *advice = Some(Advice { ranking, nobody, words: words.clone() });
            self.change(id, |task| task.status = Status::Queued { ready_at: Time(0) });
        }
    }

    /// It is known who gets it, or that nobody does. Whoever is still asked has nobody to answer
    /// to.
    pub(super) fn deliberated(&mut self, id: TaskId) {
        if self.facts.deliberations.is_empty() {
            return;
        }
        match self.facts.deliberations.remove(&id) {
            Some(Deliberation::Held { until, over: false, .. }) => {
                self.index.drop_timer(until, Timer::Hold(id));
                self.back_in_line(id);
            }
            Some(Deliberation::Asked { by: Some(task), .. }) => {
                if self.task(task).is_some() && !planted(Mutant::OrphansForgotten) {
                    self.index.orphans.insert(task);
                }
            }
            Some(Deliberation::Held { over: true, .. } | Deliberation::Asked { by: None, .. })
            | None => {}
        }
    }
}
