//! Results of attempts go into breakers, and what breakers decide goes into the index.
//!
//! There is no breaker for an agent and a capability until something goes wrong, and none again
//! once a whole window has gone well: thousands of agents that work cost nothing here.

use crate::index::Timer;
use crate::mutant::{Mutant, planted};
use crate::rule::breaker::{Breaker, Mark, Phase};
use crate::{AgentId, Failure, Lease, State, TaskId, Text, Token};

impl State {
    /// An attempt was completed, or failed.
    pub(super) fn breaker_hears(&mut self, capability: &Text, lease: &Lease, mark: Mark) {
        let id = (lease.agent, capability.clone());
        if mark == Mark::Good && !self.facts.breakers.contains_key(&id) {
            return;
        }
        let policy = self.breaker_policy(lease.agent, capability);
        let token = lease.token;
        self.change_breaker(lease.agent, capability, |it| it.mark(&policy, token, mark));
    }

    /// How a completed attempt went, as far as its agent is concerned.
    pub(super) fn mark_of_work(&self, task: TaskId, agent: AgentId, worked_ms: u64) -> Mark {
        let Some(task) = self.task(task) else { return Mark::Good };
        let slow_ms = self.breaker_policy(agent, &task.terms.capability).slow_ms;
        if slow_ms > 0 && worked_ms > slow_ms { Mark::Slow(task.id) } else { Mark::Good }
    }

    /// The same of a failed one; `None`: it says nothing about the agent.
    pub(super) fn mark_of_failure(task: TaskId, failure: &Failure) -> Option<Mark> {
        let counts = failure.kind.is_agents_fault() || planted(Mutant::TasksFaultCountsAsAgents);
        counts.then_some(Mark::Failed(task))
    }

    /// An attempt begins: half-open, it is a probe.
    pub(super) fn breaker_lets_in(&mut self, agent: AgentId, task: TaskId, token: Token) {
        self.touch_probe(agent, task, |breaker| breaker.granted(token));
    }

    /// An attempt has ended, or waits, and says nothing about its agent.
    pub(super) fn breaker_forgets(&mut self, agent: AgentId, task: TaskId, token: Token) {
        self.touch_probe(agent, task, |breaker| breaker.withdrawn(token));
    }

    fn touch_probe(&mut self, agent: AgentId, task: TaskId, change: impl FnOnce(&mut Breaker)) {
        if self.facts.breakers.is_empty() {
            return; // So it mostly is, and this is asked at every grant.
        }
        let Some(capability) = self.task(task).map(|task| task.terms.capability.clone()) else {
            return;
        };
        if self.facts.breakers.contains_key(&(agent, capability.clone())) {
            self.change_breaker(agent, &capability, change);
        }
    }

    /// Other policies hold, or another process: what is half-open begins anew. So nothing hangs on
    /// a probe whose process ended, or on a decision that a torn end took away.
    pub(super) fn breakers_begin_anew(&mut self, team: Option<&Text>) {
        let concerns = |id: &AgentId| {
            let of = self.facts.agents.get(id.0 as usize).map(|agent| &agent.spec.team);
            team.is_none_or(|team| of == Some(team))
        };
        let breakers = self.facts.breakers.keys().filter(|(id, _)| concerns(id));
        let breakers: Vec<(AgentId, Text)> = breakers.cloned().collect();
        for (agent, capability) in breakers {
            self.change_breaker(agent, &capability, |breaker| {
                if matches!(breaker.phase(), Phase::HalfOpen { .. }) {
                    breaker.half_opened();
                }
            });
        }
    }

    /// Changes one breaker, and the index with it. One that is not there begins, with what the
    /// agent has completed so far counted as good; one that has nothing to say goes.
    pub(super) fn change_breaker(
        &mut self,
        agent: AgentId,
        capability: &Text,
        change: impl FnOnce(&mut Breaker),
    ) {
        let policy = self.breaker_policy(agent, capability);
        let Some(of) = self.facts.agents.get(agent.0 as usize) else { return };
        let id = (agent, capability.clone());
        let fresh = || Breaker::new(&policy, of.completed);
        let breaker = self.facts.breakers.entry(id.clone()).or_insert_with(fresh);
        if let Phase::Open { until } = breaker.phase() {
            self.index.drop_timer(*until, Timer::Breaker(agent, capability.clone()));
        }
        change(breaker);
        if let Phase::Open { until } = breaker.phase() {
            self.index.add_timer(*until, Timer::Breaker(agent, capability.clone()));
        }
        let bar = breaker.bar(&policy);
        if breaker.is_blank() {
            self.facts.breakers.remove(&id);
        }
        self.index.set_bar(of, capability, bar);
    }
}
