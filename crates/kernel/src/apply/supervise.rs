//! Lives end and begin: what the facts of supervision change.

use crate::agent::{Life, Next, Plan, Presence, Stage};
use crate::index::Timer;
use crate::rule::backoff;
use crate::{AgentId, Planned, State, Supervised, Text, Time};

/// Windows that no longer count are forgotten when so many are kept.
const WINDOWS_MAX: usize = 4_096;

impl State {
    pub(super) fn supervised(&mut self, at: Time, event: &Supervised) {
        match event {
            Supervised::Exited { agent, rest, .. } => self.agent_exited(*agent, *rest),
            Supervised::Planned(planned) => self.restart_planned(at, planned),
            Supervised::Stopping { agent, .. } => self.set_stage(*agent, Stage::Stopping),
            Supervised::Starting { agent, life } => self.agent_starting(*agent, *life),
            Supervised::Started { agent, .. } => self.agent_started(*agent),
            Supervised::Escalated { level, .. } => {
                self.facts.supervision.windows.remove(level);
            }
            Supervised::GivenUp { agent, reason } => self.agent_given_up(*agent, reason),
            Supervised::Readmitted { agent } => {
                self.change_life(*agent, |life| life.given_up = None);
            }
            Supervised::Suspected { agent } => {
                self.change_life(*agent, |life| life.suspected = true);
            }
            Supervised::Trusted { agent } => {
                self.change_life(*agent, |life| life.suspected = false);
            }
        }
    }

    pub(super) fn restart_planned(&mut self, at: Time, planned: &Planned) {
        self.facts.seed = backoff::draw(self.facts.seed).1;
        let supervision = &mut self.facts.supervision;
        planned.forgets.iter().for_each(|level| {
            supervision.windows.remove(level);
        });
        if let Some((level, intensity)) = &planned.counted {
            if supervision.windows.len() >= WINDOWS_MAX {
                supervision.windows.retain(|_, window| !window.is_over(at));
            }
            supervision.windows.entry(level.clone()).or_default().note(*intensity, at);
        }
        supervision.last_plan += 1;
        let number = supervision.last_plan;
        let Planned { stop, start, at, .. } = planned.clone();
        let members: Vec<AgentId> = stop.iter().chain(&start).copied().collect();
        for agent in &members {
            self.absorb(*agent);
        }
        for agent in members {
            let (stops, starts) = (stop.contains(&agent), start.contains(&agent));
            // No timer hangs on it: what it was part of is taken over, and the new one is not
            // there.
            self.change_life(agent, |life| {
                life.plan = None;
                life.stage = match life.stage {
                    Stage::Up | Stage::Starting if stops => Stage::Condemned,
                    Stage::Resting if starts => Stage::Down,
                    Stage::Down if !starts => Stage::Resting,
                    stage => stage,
                };
            });
            if let Some(agent) = self.facts.agents.get_mut(agent.0 as usize) {
                agent.life.plan = Some(number);
            }
        }
        self.facts.supervision.plans.insert(number, Plan { stop, start, at });
        self.add_restart_timer(number);
        self.settle_plan(number);
    }

    /// The restart that this agent was part of is taken over by another one.
    fn absorb(&mut self, agent: AgentId) {
        let number = self.agent(agent).and_then(|it| it.life.plan);
        if let Some(number) = number {
            self.drop_restart_timer(number);
            self.facts.supervision.plans.remove(&number);
        }
    }

    pub(super) fn agent_exited(&mut self, agent: AgentId, rest: bool) {
        self.change_life(agent, |life| {
            life.stage = if rest { Stage::Resting } else { Stage::Down };
            life.suspected = false;
        });
        self.settle_plan_of(agent);
    }

    pub(super) fn agent_starting(&mut self, agent: AgentId, number: u64) {
        self.change_life(agent, |life| {
            life.stage = Stage::Starting;
            life.number = number;
            life.given_up = None;
        });
    }

    pub(super) fn agent_started(&mut self, agent: AgentId) {
        self.agent_restarted(agent);
        self.set_stage(agent, Stage::Up);
        self.settle_plan_of(agent);
    }

    pub(super) fn set_stage(&mut self, agent: AgentId, stage: Stage) {
        self.change_life(agent, |life| life.stage = stage);
    }

    pub(super) fn agent_given_up(&mut self, agent: AgentId, reason: &Text) {
        self.change_life(agent, |life| life.given_up = Some(reason.clone()));
    }

    /// A process takes over: its agents begin afresh, and nothing is under way.
    pub(super) fn begin_supervision_afresh(&mut self) {
        let plans: Vec<u64> = self.facts.supervision.plans.keys().copied().collect();
        for number in plans {
            self.drop_restart_timer(number);
            self.facts.supervision.plans.remove(&number);
        }
        self.facts.supervision.windows.clear();
        for agent in &mut self.facts.agents {
            if !agent.spec.remote {
                agent.life = Life { number: agent.life.number, ..Life::default() };
                self.index.agent_changed(agent);
            }
        }
    }

    /// It goes: the restart it was part of goes on without it, also when it is back before the end.
    pub(super) fn leave_plan(&mut self, agent: AgentId) {
        let Some(number) = self.agent(agent).and_then(|it| it.life.plan) else { return };
        self.drop_restart_timer(number);
        if let Some(plan) = self.facts.supervision.plans.get_mut(&number) {
            plan.stop.retain(|it| *it != agent);
            plan.start.retain(|it| *it != agent);
        }
        if let Some(agent) = self.facts.agents.get_mut(agent.0 as usize) {
            agent.life.plan = None;
        }
        self.add_restart_timer(number);
        self.settle_plan(number);
    }

    fn settle_plan_of(&mut self, agent: AgentId) {
        if let Some(number) = self.agent(agent).and_then(|it| it.life.plan) {
            self.settle_plan(number);
        }
    }

    /// A restart with nothing left to do is forgotten.
    fn settle_plan(&mut self, number: u64) {
        let Some(plan) = self.facts.supervision.plans.get(&number) else { return };
        if self.next_of(plan) != Next::Done {
            return;
        }
        let Some(plan) = self.facts.supervision.plans.remove(&number) else { return };
        for agent in plan.stop.into_iter().chain(plan.start) {
            if let Some(agent) = self.facts.agents.get_mut(agent.0 as usize)
                && agent.life.plan == Some(number)
            {
                agent.life.plan = None;
            }
        }
    }

    /// Changes one life and keeps every index in step with it.
    pub(super) fn change_life(&mut self, id: AgentId, change: impl FnOnce(&mut Life)) {
        let Some(agent) = self.facts.agents.get_mut(id.0 as usize) else { return };
        let before = agent.life.plan;
        if let Some(number) = before {
            self.drop_restart_timer(number);
        }
        let Some(agent) = self.facts.agents.get_mut(id.0 as usize) else { return };
        change(&mut agent.life);
        self.index.agent_changed(agent);
        let after = agent.life.plan;
        for number in [before, after.filter(|it| Some(*it) != before)].into_iter().flatten() {
            self.add_restart_timer(number);
        }
    }

    pub(super) fn add_restart_timer(&mut self, number: u64) {
        if let Some(at) = self.restart_at(number) {
            self.index.add_timer(at, Timer::Restart(number));
        }
    }

    pub(super) fn drop_restart_timer(&mut self, number: u64) {
        if let Some(at) = self.restart_at(number) {
            self.index.drop_timer(at, Timer::Restart(number));
        }
    }

    fn restart_at(&self, number: u64) -> Option<Time> {
        self.facts.restart_at(number)
    }
}

impl crate::Facts {
    /// What a restart wants next.
    pub(crate) fn next_of(&self, plan: &Plan) -> Next {
        plan.next(|id| {
            let agent = self.agents.get(id.0 as usize)?;
            (agent.presence != Presence::Left).then_some(agent.life.stage)
        })
    }

    /// When a restart that only waits for its moment goes on.
    pub(crate) fn restart_at(&self, number: u64) -> Option<Time> {
        let plan = self.supervision.plans.get(&number)?;
        match self.next_of(plan) {
            Next::Start(_) => Some(plan.at),
            Next::Stop(_) | Next::Wait | Next::Done => None,
        }
    }
}
