//! Tasks that waited and want to go on: which of them has room.
//!
//! They are grouped by what they need, so that a thousand that wait for one quota cost one look.

use super::Index;
use super::quota::MeterId;
use crate::{AgentId, Task, TaskId};

/// What a task that waited needs to go on, besides its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) weight: u32,
    /// The quotas that count it.
    pub(super) meters: [MeterId; 2],
}

impl Index {
    pub(super) fn need_of(&self, task: &Task) -> Need {
        Need { weight: task.terms.weight, meters: self.meters_of(&task.terms) }
    }

    /// A task waits for steps under an agent; with `news` it wants to go on.
    pub(super) fn add_waiting(&mut self, agent: AgentId, task: &Task, news: bool) {
        let need = self.need_of(task);
        let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) else { return };
        standing.waiting += 1;
        if news {
            self.wants_on(agent, need, task.id);
            self.fleet.refresh(agent);
        }
    }

    /// It waits no more.
    pub(super) fn drop_waiting(&mut self, agent: AgentId, task: &Task) {
        let need = self.need_of(task);
        let Some(standing) = self.fleet.agents.get_mut(agent.0 as usize) else { return };
        standing.waiting = standing.waiting.saturating_sub(1);
        if let Some(resumable) = self.fleet.resumable.get_mut(&agent)
            && let Some(tasks) = resumable.get_mut(&need)
        {
            tasks.remove(&task.id);
            if tasks.is_empty() {
                resumable.remove(&need);
            }
            if resumable.is_empty() {
                self.fleet.resumable.remove(&agent);
            }
        }
        self.fleet.refresh(agent);
    }

    /// A task that waits has news.
    pub(super) fn wants_on(&mut self, agent: AgentId, need: Need, task: TaskId) {
        let resumable = self.fleet.resumable.entry(agent).or_default();
        resumable.entry(need).or_default().insert(task);
    }

    /// A task that waited, has news, and for which there is room: slots of its agent, and quotas.
    pub(crate) fn next_resume(&self) -> Option<TaskId> {
        self.fleet.resume.iter().find_map(|agent| {
            let standing = self.fleet.agents.get(agent.0 as usize)?;
            let may = |need: &Need| {
                standing.may_resume(need.weight) && !need.meters.iter().any(|it| self.is_full(*it))
            };
            let ready = self.fleet.resumable.get(agent)?.iter().filter(|(need, _)| may(need));
            ready.filter_map(|(_, tasks)| tasks.first().copied()).min()
        })
    }
}
