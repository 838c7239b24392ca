//! Between a process and its agents: reliable inside the process, anything but outside it.

use super::{Happening, To, World};
use crate::fault::Fault;
use crate::oracle::Act;
use kernel::{
    Answer, AttemptId, Command, Dispatch, Effect, Outcome, Pulse, Refusal, Report, Text, Token,
};
use std::sync::Arc;

/// From an agent to the process.
#[derive(Clone, Debug)]
pub(super) enum Mail {
    /// The holder of a lease speaks; who wants the answer.
    Report(AttemptId, Report, To),
    /// The holder is still at it.
    Renew(AttemptId),
}

/// A direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToAgent,
    ToProcess,
}

/// From the process to an agent.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Dispatch(Arc<Dispatch>),
    Resume(AttemptId),
    Deliver(AttemptId, Text, Arc<Outcome>),
    Stop(AttemptId),
    /// Start, as the life of this number.
    StartAgent(u64),
    /// End the life of this number.
    StopAgent(u64),
    Answer(Token, u32, Result<Answer, Refusal>),
}

impl World {
    /// Performs an effect of the kernel.
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Dispatch(dispatch) => {
                if let Some(agent) = self.by_id.get(&dispatch.agent).copied() {
                    self.send(agent, Letter::Dispatch(Arc::from(dispatch)));
                }
            }
            Effect::Resume { attempt } => self.send_to_holder(attempt, Letter::Resume(attempt)),
            Effect::Deliver { attempt, step, outcome } => {
                self.send_to_holder(attempt, Letter::Deliver(attempt, step, outcome));
            }
            Effect::Stop { attempt, agent } => {
                if let Some(agent) = self.by_id.get(&agent).copied() {
                    self.send(agent, Letter::Stop(attempt));
                }
            }
            Effect::StartAgent { agent, life } => {
                if let Some(agent) = self.by_id.get(&agent).copied() {
                    self.send(agent, Letter::StartAgent(life));
                }
            }
            Effect::StopAgent { agent, life, .. } => {
                if let Some(agent) = self.by_id.get(&agent).copied() {
                    self.send(agent, Letter::StopAgent(life));
                }
            }
            // Nothing stands behind an agent here that could grow or be let go of.
            Effect::ResizeAgent { .. } | Effect::DismissAgent { .. } => {}
            Effect::Advise(question) => self.advise(&question),
            Effect::Settled { task, outcome } => self.clients.settled(task, &outcome),
            Effect::DeliverMessages(delivery) => self.hand_over(delivery),
            Effect::Reckon { schedule, cron, after_wall_ms, .. } => {
                self.reckon(schedule, cron, after_wall_ms);
            }
        }
    }

    /// To the agent that holds the lease now; if none does any more, nobody needs to hear it.
    fn send_to_holder(&mut self, attempt: AttemptId, letter: Letter) {
        let Some(process) = &self.process else { return };
        let lease = process.kernel.state().task(attempt.task).and_then(|it| it.status.lease());
        let agent = lease.and_then(|lease| self.by_id.get(&lease.agent).copied());
        if let Some(agent) = agent {
            self.send(agent, letter);
        }
    }

    pub(super) fn send_answer(
        &mut self,
        agent: usize,
        life: u64,
        token: Token,
        call: u32,
        answer: Result<Answer, Refusal>,
    ) {
        if self.agents[agent].life == life {
            self.send(agent, Letter::Answer(token, call, answer));
        }
    }

    /// To an agent: a remote one may get it late, twice or never.
    fn send(&mut self, agent: usize, letter: Letter) {
        let life = self.agents[agent].life;
        for delay in self.delays(agent, Way::ToAgent) {
            self.at(delay, Happening::ToAgent(agent, life, letter.clone()));
        }
    }

    /// To the process: local agents speak to the one they live in, remote ones to whichever is
    /// there.
    pub(super) fn post(&mut self, agent: usize, mail: Mail) {
        let local = !self.agents[agent].spec.remote;
        let serial = self.process.as_ref().filter(|_| local).map_or(0, |it| it.serial);
        if local && serial == 0 {
            return;
        }
        for delay in self.delays(agent, Way::ToProcess) {
            self.at(delay, Happening::ToProcess(serial, mail.clone()));
        }
    }

    /// When each copy of a message arrives; none if it is lost.
    fn delays(&mut self, agent: usize, way: Way) -> Vec<u64> {
        if !self.agents[agent].spec.remote {
            return vec![0]; // A channel inside one process: in order, none lost.
        }
        if self.strikes(Fault::LinkClogged) {
            self.agents[agent].clogged_until = self.now + self.rng.between(100, 5_000);
        }
        if self.strikes(Fault::LinksSwizzled) {
            self.swizzle();
        }
        if self.strikes(Fault::LinkOneWay) {
            let lost = if self.rng.chance(500) { Way::ToAgent } else { Way::ToProcess };
            self.agents[agent].one_way = Some((lost, self.now + self.rng.between(1_000, 60_000)));
        }
        if self.agents[agent].one_way.is_some_and(|(lost, until)| lost == way && self.now < until) {
            return Vec::new();
        }
        let clog = self.agents[agent].clogged_until.saturating_sub(self.now);
        let mut delays = Vec::new();
        if !self.strikes(Fault::MessageLost) {
            delays.push(clog + self.delay());
        }
        if self.strikes(Fault::MessageTwice) {
            delays.push(clog + self.delay() + self.rng.between(0, 40_000));
        }
        delays
    }

    /// About half of the links are clogged at once, and come back at a time of their own each.
    fn swizzle(&mut self) {
        for agent in 0..self.agents.len() {
            if self.rng.chance(500) {
                self.agents[agent].clogged_until = self.now + self.rng.between(100, 20_000);
            }
        }
    }

    fn delay(&mut self) -> u64 {
        if self.strikes(Fault::MessageLate) {
            self.rng.between(100, 45_000)
        } else {
            self.rng.between(1, 20)
        }
    }

    /// A mail arrives.
    pub(super) fn mail(&mut self, serial: u64, mail: Mail) {
        if serial != 0 && !self.is_present(serial) {
            return; // It was said inside a process that is gone.
        }
        match mail {
            Mail::Report(attempt, report, to) => self.command(Command::Report(attempt, report), to),
            Mail::Renew(attempt) => {
                let Some(process) = &mut self.process else { return };
                let now = process.clock.read(self.now);
                process.kernel.pulse(now, Pulse::Renew(attempt));
                self.oracle.saw(&Act::Renewed { attempt, now });
                self.push_on();
            }
        }
    }
}
