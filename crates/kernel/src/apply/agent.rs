//! Agents come, go and come back; what they did is counted.

use crate::agent::Life;
use crate::{Agent, AgentId, AgentSpec, Presence, Record, State, TaskId, Time};
use std::sync::Arc;

impl State {
    pub(super) fn agent_joined(&mut self, at: Time, id: AgentId, spec: Arc<AgentSpec>) {
        let presence = Presence::Active;
        let spec = self.index.in_shared_words(&spec);
        match self.facts.agents.get_mut(id.0 as usize) {
            Some(agent) => {
                agent.spec = spec;
                agent.presence = presence;
                agent.joined_at = at;
                agent.completed_before = agent.completed;
                agent.life = Life { number: agent.life.number + 1, ..Life::default() };
            }
            None => self.facts.agents.push(Agent {
                id,
                spec,
                presence,
                joined_at: at,
                completed: 0,
                completed_before: 0,
                failed: 0,
                restarts: 0,
                record: Record::default(),
                life: Life { number: 1, ..Life::default() },
            }),
        }
        let agent = &self.facts.agents[(id.0 as usize).min(self.facts.agents.len() - 1)];
        self.index.agent_changed(agent);
    }

    pub(super) fn set_presence(&mut self, id: AgentId, presence: Presence) {
        let plan = self.agent(id).and_then(|agent| agent.life.plan);
        if let Some(number) = plan {
            self.drop_restart_timer(number);
        }
        if let Some(agent) = self.facts.agents.get_mut(id.0 as usize) {
            agent.presence = presence;
            self.index.agent_changed(agent);
        }
        if let Some(number) = plan {
            self.add_restart_timer(number);
        }
        if presence == Presence::Left {
            self.leave_plan(id);
        }
        match presence {
            Presence::Active => {}
            Presence::Paused | Presence::Draining | Presence::Left => self.release_held(id),
        }
    }

    pub(super) fn agent_completed(&mut self, at: Time, task: TaskId) {
        let Some(task) = self.task(task) else { return };
        let Some(lease) = task.status.lease().copied() else { return };
        let worked_ms = task.status.worked_ms(at);
        let capability = task.terms.capability.clone();
        let (id, is_bid) = (task.id, task.is_bid);
        let mark = self.mark_of_work(id, lease.agent, worked_ms);
        self.breaker_hears(&capability, &lease, mark);
        if let Some(proof) = self.proof_mut(id, lease.agent) {
            proof.completed(worked_ms);
        }
        if let Some(agent) = self.facts.agents.get_mut(lease.agent.0 as usize) {
            agent.completed += 1;
            if !is_bid {
                agent.record.completed(worked_ms);
            }
            self.index.completed(lease.agent);
        }
    }

    pub(super) fn agent_resized(&mut self, id: AgentId, slots: u32) {
        if let Some(agent) = self.facts.agents.get_mut(id.0 as usize) {
            Arc::make_mut(&mut agent.spec).slots = slots;
            self.index.agent_changed(agent);
        }
    }

    pub(super) fn agent_restarted(&mut self, id: AgentId) {
        self.facts.counts.restarts += 1;
        if let Some(agent) = self.facts.agents.get_mut(id.0 as usize) {
            agent.restarts += 1;
        }
    }
}
