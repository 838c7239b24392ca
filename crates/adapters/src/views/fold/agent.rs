//! What becomes of agents, their breakers and of schedules, as changes of rows.

use super::super::change::{Agent, Restarts, Schedule, ScheduleChange, Turn};
use super::super::names;
use super::super::schema::int;
use super::{Fold, wall_ms};
use kernel::{AgentId, AgentSpec, Event, Planned, Presence, ScheduleEvent, Supervised};

impl<'e> Fold<'_, 'e> {
    pub(super) fn agent_event(&mut self, event: &'e Event) {
        match event {
            Event::AgentJoined { agent, spec } => self.joined(*agent, spec),
            Event::AgentLeft { agent: id } => self.presence(*id, Presence::Left),
            Event::AgentPaused { agent: id } => self.presence(*id, Presence::Paused),
            Event::AgentUnpaused { agent: id } => self.presence(*id, Presence::Active),
            Event::AgentDraining { agent: id } => self.presence(*id, Presence::Draining),
            Event::AgentResized { agent: id, slots } => {
                self.changes.agents.push(Agent::Resized { id: *id, slots: *slots });
                self.member(*id, |member| member.slots = *slots);
            }
            Event::AgentRestarted { agent: id, reason } => self.restarted(*id, reason),
            _ => {} // Not about agents.
        }
    }

    fn joined(&mut self, id: AgentId, spec: &'e AgentSpec) {
        self.changes.agents.push(Agent::Joined { id, spec, at_ms: self.at_ms });
        self.memory.agents.entry(id.0).or_default();
        self.member(id, |member| {
            (member.name, member.remote) = (spec.name.clone(), spec.remote);
            member.model = names::model(&spec.labels);
            (member.slots, member.is_active, member.is_up) = (spec.slots, true, true);
        });
    }

    pub(super) fn supervised(&mut self, event: &'e Supervised) {
        match event {
            Supervised::Exited { agent: id, reason, rest, .. } => {
                self.changes.agents.push(Agent::Exited { id: *id, reason: reason.words() });
                self.life(*id, if *rest { "ended" } else { "down" });
            }
            Supervised::Stopping { agent, .. } => self.life(*agent, "stopping"),
            Supervised::Starting { agent, .. } => self.life(*agent, "starting"),
            Supervised::Started { agent: id, .. } => {
                self.changes.agents.push(Agent::Restarted { id: *id });
                self.life(*id, names::UP);
            }
            Supervised::GivenUp { agent: id, reason } => {
                self.changes.agents.push(Agent::Exited { id: *id, reason });
                self.life(*id, "given up");
            }
            Supervised::Readmitted { agent } => self.life(*agent, "down"),
            Supervised::Suspected { agent } => self.life(*agent, "suspected"),
            Supervised::Trusted { agent } => self.life(*agent, names::UP),
            Supervised::Planned(planned) => self.planned(planned),
            Supervised::Escalated { level, .. } => {
                self.changes.restarts.push(Restarts::Forgotten(level));
            }
        }
    }

    fn planned(&mut self, planned: &'e Planned) {
        self.changes.restarts.extend(planned.forgets.iter().map(Restarts::Forgotten));
        if let Some((level, intensity)) = &planned.counted {
            let (moment, period_ms) = (int(self.at.0), int(intensity.period_ms));
            self.changes.restarts.push(Restarts::One { level, moment, period_ms });
        }
    }

    pub(super) fn schedule(&mut self, name: &'e str, what: &'e ScheduleEvent) {
        let mut push = |what| self.changes.schedules.push(Schedule { name, what });
        match what {
            ScheduleEvent::Set { spec, next } => push(ScheduleChange::Set { spec, next: *next }),
            ScheduleEvent::Removed => push(ScheduleChange::Removed),
            ScheduleEvent::Paused => push(ScheduleChange::Paused(true)),
            ScheduleEvent::Resumed { next } => {
                push(ScheduleChange::Paused(false));
                push(ScheduleChange::Next { next: *next, why: "" });
            }
            ScheduleEvent::Reckoned { next, why } => {
                push(ScheduleChange::Next { next: *next, why });
            }
            ScheduleEvent::Fired { due, came, next, .. } => {
                push(ScheduleChange::Fired { due: *due, came, next: *next });
            }
            ScheduleEvent::Held { until } => {
                let until_ms = wall_ms(self.memory, *until);
                push(ScheduleChange::Held { until_ms });
            }
        }
    }

    fn presence(&mut self, id: AgentId, presence: Presence) {
        self.changes.agents.push(Agent::Presence { id, presence });
        self.member(id, |it| it.is_active = names::is_active(names::presence(presence)));
    }

    pub(super) fn breaker(&mut self, event: &'e Event) {
        let (agent, capability, now) = match event {
            Event::BreakerOpened { agent, capability, until, why } => {
                let until_ms = wall_ms(self.memory, *until);
                (agent, capability, Turn::Opened { until_ms, why: names::tripped(*why) })
            }
            Event::BreakerHalfOpened { agent, capability } => (agent, capability, Turn::HalfOpened),
            Event::BreakerClosed { agent, capability } => (agent, capability, Turn::Closed),
            Event::BreakerForced { agent, capability, forced } => {
                (agent, capability, Turn::Forced(*forced))
            }
            _ => return,
        };
        let at_ms = self.at_ms;
        self.changes.agents.push(Agent::Breaker { id: *agent, capability, at_ms, now });
    }

    /// As journals of before supervision say it.
    fn restarted(&mut self, id: AgentId, reason: &'e str) {
        self.changes.agents.push(Agent::Exited { id, reason });
        self.changes.agents.push(Agent::Restarted { id });
    }

    fn life(&mut self, id: AgentId, life: &'static str) {
        self.changes.agents.push(Agent::Life { id, life });
        self.member(id, |member| member.is_up = life == names::UP);
    }
}
