//! The operator, the clocks and the machine: what happens to a team from outside.

use super::{Happening, To, World};
use crate::fault::Fault;
use crate::program::{self, CAPABILITIES};
use crate::rng::Rng;
use kernel::{
    Breaker, BreakerPolicy, CapabilityPolicy, Class, Command, Exit, Forced, Policies, Policy,
    Presence, Quota, Stage, Text,
};
use std::sync::Arc;

impl World {
    /// The operator looks in, and something may happen to the machine.
    pub(super) fn operator_turn(&mut self) {
        if self.healed {
            return;
        }
        self.clock_turn();
        if self.strikes(Fault::Cancel)
            && let Some(task) = self.rng.pick(&self.open_roots()).copied()
        {
            self.command(Command::Cancel { task, reason: "not needed".into() }, To::Nobody);
        }
        let dead: Vec<_> = self.oracle.durable.state().facts().dead.keys().copied().collect();
        if let Some(task) = self.rng.pick(&dead).copied() {
            if self.strikes(Fault::Release) {
                self.command(Command::Release { task, input: None }, To::Nobody);
                if self.rng.chance(500) {
                    // A double click.
                    self.command(Command::Release { task, input: None }, To::Nobody);
                }
            } else if self.strikes(Fault::Discard) {
                self.command(Command::Discard(task), To::Nobody);
            }
        }
        self.agent_turn();
        if self.rng.chance(150) {
            self.supervise();
        }
        if self.strikes(Fault::Reconfigure) {
            self.reconfigure();
        }
        self.schedule_turn();
        self.ceiling_turn();
        if self.strikes(Fault::Drain) {
            self.drain();
        }
        if self.rng.chance(200) {
            self.resend_stops();
        }
        if self.rng.chance(100) {
            self.snapshot();
        }
        let pause = self.rng.between(300, 6_000);
        self.at(pause, Happening::Operator);
    }

    /// Other policies: often tighter than what is in use already.
    fn reconfigure(&mut self) {
        let rng = &mut self.rng;
        let mut policies = Policies { breaker: draw_breaker(rng), ..Policies::default() };
        for name in CAPABILITIES {
            let quota = if rng.chance(400) { draw_quota(rng) } else { Quota::default() };
            let policy = CapabilityPolicy { quota, breaker: None, routing: draw_routing(rng) };
            policies.capabilities.insert(name.into(), policy);
        }
        for tenant in 0..3 {
            if rng.chance(400) {
                policies.tenants.insert(format!("tenant-{tenant}").into(), draw_quota(rng));
            }
        }
        for class in [Class::Critical, Class::High, Class::Normal] {
            if rng.chance(500) {
                policies.preempt.insert(class);
            }
        }
        policies.shed = rng.chance(500).then(|| Class::ALL[1 + rng.below(4) as usize]);
        policies.supervisors = self.draw_supervisors();
        if self.has_ceilings {
            policies.ceilings = super::ceilings::draw_ceilings(&mut self.rng);
        }
        let (team, policies) = (Text::default(), Arc::new(policies));
        self.command(Command::Configure { team, policies }, To::Nobody);
    }

    fn clock_turn(&mut self) {
        let shift = |world: &mut World, fault, by: i64| {
            if world.strikes(fault)
                && let Some(process) = &mut world.process
            {
                process.clock.jump(by);
            }
        };
        let forward = 1_000 + (self.now % 600_000) as i64;
        let back = -1_000 - (self.now % 7_000_000) as i64;
        shift(self, Fault::ClockForward, forward);
        if self.strikes(Fault::MachineSleeps) {
            self.machine_sleeps();
        }
        shift(self, Fault::ClockBack, back);
        let (now, rate, until) =
            (self.now, self.rng.between(500, 1_500), self.now + self.rng.between(1_000, 60_000));
        if self.strikes(Fault::ClockDrifts)
            && let Some(process) = &mut self.process
        {
            process.clock.drift(now, rate);
        }
        if self.strikes(Fault::ClockFrozen)
            && let Some(process) = &mut self.process
        {
            process.clock.freeze(now, until);
        }
    }

    fn agent_turn(&mut self) {
        let agent = self.rng.below(self.agents.len() as u64) as usize;
        let Some(id) = self.agents[agent].id else { return };
        if self.strikes(Fault::AgentCrashes) {
            return self.agent_dies(agent, super::life::crashed());
        }
        if self.strikes(Fault::AgentExits) {
            let how = [Exit::Normal, Exit::Shutdown][self.rng.below(2) as usize].clone();
            return self.agent_dies(agent, how);
        }
        if self.strikes(Fault::Restart) {
            self.command(Command::Restart(id), To::Nobody);
        }
        if self.strikes(Fault::HeartbeatsMissed) {
            self.suspect(agent);
        }
        if self.strikes(Fault::Pause) {
            self.command(Command::Pause(id), To::Nobody);
            let after = self.rng.between(100, 30_000);
            self.at(after, Happening::Unpause(agent));
        }
        if self.strikes(Fault::BreakerForced) {
            let forced = [Some(Forced::Open), Some(Forced::Closed), None];
            let forced = forced[self.rng.below(3) as usize];
            self.command(Command::Breaker { agent: id, capability: None, forced }, To::Nobody);
            let after = self.rng.between(100, 30_000);
            self.at(after, Happening::Unforce(agent));
        }
        if self.strikes(Fault::Resize) {
            let slots = self.rng.between(1, program::SLOTS_MAX.into()) as u32;
            self.command(Command::Resize { agent: id, slots }, To::Nobody);
        }
        if self.strikes(Fault::DrainAgent) {
            self.command(Command::DrainAgent(id), To::Nobody);
            let (after, life) = (self.rng.between(5_000, 40_000), self.agents[agent].life);
            self.at(after, Happening::Join(agent, life));
        }
        if self.strikes(Fault::Leave) {
            self.command(Command::Leave(id), To::Nobody);
            let (after, life) = (self.rng.between(100, 20_000), self.agents[agent].life);
            self.at(after, Happening::Join(agent, life));
        }
    }

    /// The operator lets a paused agent go on.
    pub(super) fn unpause(&mut self, agent: usize) {
        if let Some(id) = self.agents[agent].id {
            self.command(Command::Unpause(id), To::Nobody);
        }
    }

    /// The operator lets the results of an agent decide about its breakers again.
    pub(super) fn unforce(&mut self, agent: usize) {
        if let Some(id) = self.agents[agent].id {
            let command = Command::Breaker { agent: id, capability: None, forced: None };
            self.command(command, To::Nobody);
        }
    }

    /// Whether a breaker of it wants the operator: it follows her and not its results, or it has
    /// opened again and again. Then only a few probes in many minutes get through, and what waits
    /// would end in hours.
    pub(super) fn wants_the_operator(&self, agent: usize) -> bool {
        let (Some(process), Some(id)) = (&self.process, self.agents[agent].id) else {
            return false;
        };
        let breakers = &process.kernel.state().breakers;
        let wants = |breaker: &Breaker| breaker.forced().is_some() || breaker.times() > 2;
        breakers.iter().any(|((who, _), breaker)| *who == id && wants(breaker))
    }

    /// Everybody who should be there and is not, or is paused: brought back.
    pub(super) fn call_everybody(&mut self) {
        for agent in 0..self.agents.len() {
            if self.wants_the_operator(agent) {
                self.unforce(agent);
            }
            let found = self.process.as_ref().and_then(|process| {
                let state = process.kernel.state();
                let found = state.agent_named(&self.agents[agent].spec.name)?;
                Some((found.presence, found.spec.slots, found.life.stage))
            });
            let (presence, slots) = (found.map(|it| it.0), self.agents[agent].spec.slots);
            if let (Some((_, now, _)), Some(id)) = (found, self.agents[agent].id)
                && now != slots
            {
                self.command(Command::Resize { agent: id, slots }, To::Nobody);
            }
            let rests = found.is_some_and(|it| it.2 == Stage::Resting);
            match presence {
                Some(Presence::Active | Presence::Paused) if rests => self.readmit(agent),
                Some(Presence::Active) if self.agents[agent].id.is_some() => {}
                Some(Presence::Paused | Presence::Draining) => self.unpause(agent),
                Some(Presence::Active | Presence::Left) | None => {
                    let life = self.agents[agent].life;
                    self.join(agent, life);
                }
            }
        }
    }
}

/// Any way to choose an agent, with little patience.
fn draw_routing(rng: &mut Rng) -> Policy {
    match rng.below(11) {
        0 | 1 => Policy::LeastLoaded,
        2 => Policy::PowerOfTwo,
        3 => Policy::BestRecord { explore_percent: 20 },
        4 | 5 => Policy::Sticky { wait_ms: rng.below(3_000) },
        6 | 7 => Policy::External { wait_ms: rng.between(1, 1_500) },
        _ => Policy::Auction {
            bids_ms: rng.between(1, 4_000),
            bidders_max: rng.between(1, 5) as u32,
            price_percent: rng.below(101) as u32,
        },
    }
}

/// A quota that small worlds meet. What may be worked on is never nothing: all must end.
fn draw_quota(rng: &mut Rng) -> Quota {
    Quota {
        queued_max: rng.chance(600).then(|| rng.below(12)),
        working_max: rng.chance(600).then(|| rng.between(1, 3) as u32),
    }
}

/// Small windows and short times, or nothing would come of a breaker in a small world.
fn draw_breaker(rng: &mut Rng) -> BreakerPolicy {
    BreakerPolicy {
        on: rng.chance(900),
        window: rng.between(4, 10) as u32,
        minimum: rng.between(3, 6) as u32,
        slow_ms: [0, 2_000][rng.below(2) as usize],
        open_ms: rng.between(500, 20_000),
        probes: rng.between(1, 3) as u32,
        ..BreakerPolicy::default()
    }
}
