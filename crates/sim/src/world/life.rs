//! How local agents live: they die, are told to start and to stop, and miss their heartbeats.
//!
//! The kernel decides whether they come back; here is only what they do about it.

use super::{Happening, To, World};
use crate::fault::Fault;
use crate::oracle::Act;
use kernel::{
    AttemptId, Command, Exit, Exited, Extent, Failure, FailureKind, Policies, Presence, Pulse,
    Report, Stage, Strategy, Supervisor, Supervisors, Text, Time,
};
use std::sync::Arc;

/// A sleep is noticed when nobody looked for as long as this.
const NOTICED_MS: u64 = 30_000;

/// The usual death.
pub(super) fn crashed() -> Exit {
    Exit::Abnormal("its process died".into())
}

impl World {
    /// A local agent dies with all its work. Half of them say first what failed, and then that
    /// they have died; the others leave it to the kernel.
    pub(super) fn local_dies(&mut self, agent: usize, reason: Exit) {
        let Some(id) = self.agents[agent].id.filter(|_| self.agents[agent].alive) else { return };
        let held: Vec<AttemptId> =
            self.agents[agent].works.values().map(|work| work.attempt).collect();
        self.trace.say(self.now, || format!("agent-{agent} ends with {} works", held.len()));
        let extent = match self.rng.below(4) {
            0 if !held.is_empty() => Extent::AtWork,
            1 => Extent::Idle,
            _ => Extent::Whole,
        };
        self.falls_silent(agent);
        if extent != Extent::Whole {
            for attempt in held {
                let failure = Failure::new(FailureKind::Crash, "its process died");
                self.command(Command::Report(attempt, Report::Failed(failure)), To::Nobody);
                self.command(Command::Report(attempt, Report::Ended), To::Nobody);
            }
        }
        let life = self.agents[agent].number;
        self.command(Command::Exited(Exited { agent: id, life, reason, extent }), To::Nobody);
        self.resend(id);
    }

    /// What it was is gone; its number in the team stays.
    fn falls_silent(&mut self, agent: usize) {
        let id = self.agents[agent].id;
        self.end_life(agent);
        self.agents[agent].id = id;
    }

    /// Whether it is a local agent that does not run: its process answers for it.
    pub(super) fn is_missed(&self, agent: usize) -> bool {
        !self.agents[agent].alive && !self.agents[agent].spec.remote
    }

    /// Work that was to be stopped had ended with its agent.
    pub(super) fn had_ended(&mut self, attempt: AttemptId) {
        self.command(Command::Report(attempt, Report::Ended), To::Nobody);
    }

    /// Told to start: it does, or does not, after a while.
    pub(super) fn start_agent(&mut self, agent: usize, number: u64) {
        let serial = self.process.as_ref().map_or(0, |process| process.serial);
        let well = !self.strikes(Fault::StartFails);
        let after = self.rng.between(0, 500);
        self.at(after, Happening::Started(agent, serial, number, well));
    }

    pub(super) fn agent_started(&mut self, agent: usize, number: u64, well: bool) {
        let Some(id) = self.agents[agent].id else { return };
        if !well {
            let reason = Exit::Abnormal("it does not start".into());
            let exited = Exited { agent: id, life: number, reason, extent: Extent::Whole };
            return self.command(Command::Exited(exited), To::Nobody);
        }
        if self.agents[agent].number < number {
            (self.agents[agent].alive, self.agents[agent].number) = (true, number);
        }
        self.command(Command::Started(id, number), To::Nobody);
        self.resend(id);
    }

    /// Told to stop: what it works on is dropped, and it ends after a while.
    pub(super) fn stop_agent(&mut self, agent: usize, number: u64) {
        if self.agents[agent].number <= number {
            self.agents[agent].number = number;
            self.falls_silent(agent);
        }
        let serial = self.process.as_ref().map_or(0, |process| process.serial);
        let slow = self.strikes(Fault::AgentStopsSlowly);
        let after = if slow { self.rng.between(500, 5_000) } else { self.rng.below(5) };
        self.at(after, Happening::Stopped(agent, serial, number));
    }

    pub(super) fn agent_stopped(&mut self, agent: usize, number: u64) {
        let Some(id) = self.agents[agent].id else { return };
        let exited =
            Exited { agent: id, life: number, reason: Exit::Shutdown, extent: Extent::Whole };
        self.command(Command::Exited(exited), To::Nobody);
        self.resend(id);
    }

    /// Its heartbeats stay out, and come again after a while.
    pub(super) fn suspect(&mut self, agent: usize) {
        let Some(id) = self.agents[agent].id else { return };
        let number = self.agents[agent].number;
        self.command(Command::Suspect(id, number), To::Nobody);
        let after = self.rng.between(500, 20_000);
        self.at(after, Happening::Trust(agent, number));
    }

    pub(super) fn trust(&mut self, agent: usize, number: u64) {
        if let Some(id) = self.agents[agent].id {
            self.command(Command::Trust(id, number), To::Nobody);
        }
    }

    /// The operator puts the local agents under other supervisors; all else stays as it is.
    pub(super) fn supervise(&mut self) {
        let Some(process) = &self.process else { return };
        let held = process.kernel.state().policies.get("").cloned().unwrap_or_default();
        let policies = Policies { supervisors: self.draw_supervisors(), ..(*held).clone() };
        let (team, policies) = (Text::default(), Arc::new(policies));
        self.command(Command::Configure { team, policies }, To::Nobody);
    }

    /// Some of the local agents under supervisors, each of which may be below the one before.
    pub(super) fn draw_supervisors(&mut self) -> Supervisors {
        let mut free: Vec<Text> =
            self.locals().into_iter().map(|at| self.agents[at].spec.name.clone()).collect();
        let mut supervisors = Supervisors::default();
        for at in 0..self.rng.below(3) {
            let strategy = match self.rng.below(3) {
                0 => Strategy::OneForOne,
                1 => Strategy::OneForAll,
                _ => Strategy::RestForOne,
            };
            let mut children = Vec::new();
            for _ in 0..=self.rng.below(3) {
                let next = self.rng.below(free.len().max(1) as u64) as usize;
                if next < free.len() {
                    children.push(free.remove(next));
                }
            }
            if at > 0 && self.rng.chance(500) {
                let place = self.rng.below(children.len() as u64 + 1) as usize;
                children.insert(place, format!("supervisor-{}", at - 1).into());
            }
            let mut supervisor = Supervisor::new(format!("supervisor-{at}"), strategy, children);
            supervisor.intensity.restarts = self.rng.below(4) as u32;
            supervisor.restart = self.draw_restart();
            supervisors.named.push(supervisor);
        }
        supervisors
    }

    /// A person has what nobody starts any more started again.
    pub(super) fn readmit(&mut self, agent: usize) {
        let name = self.agents[agent].spec.name.clone();
        let known = self.process.as_ref().and_then(|it| it.kernel.state().agent_named(&name));
        let resting =
            |it: &&kernel::Agent| it.presence != Presence::Left && it.life.stage == Stage::Resting;
        if let Some(id) = known.filter(resting).map(|it| it.id) {
            self.command(Command::Restart(id), To::Nobody);
        }
    }

    /// The machine sleeps: the clock jumps, and the process notices before it decides anything.
    pub(super) fn machine_sleeps(&mut self) {
        let ms = self.rng.between(NOTICED_MS, 3_600_000);
        let Some(process) = &mut self.process else { return };
        process.clock.jump(ms as i64);
        let now: Time = process.clock.read(self.now);
        process.kernel.pulse(now, Pulse::Slept { ms });
        self.oracle.saw(&Act::Slept { now });
        self.push_on();
    }
}
