//! The agents: who they are, how they join, live, die and come back.

use super::link::Way;
use super::work::{Beat, Work};
use super::{Happening, To, World};
use crate::fault::Fault;
use crate::program::{self, CAPABILITIES};
use crate::world::life::crashed;
use crate::world::link::{Letter, Mail};
use kernel::{
    AgentId, AgentSpec, Answer, AttemptId, Command, Dispatch, Effect, Exit, Refusal, Report,
    Restart, Serves, Token,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One agent.
pub(super) struct Agent {
    pub(super) spec: Arc<AgentSpec>,
    /// Counts its processes: what an old one says is from an old life.
    pub(super) life: u64,
    /// The kernel's number of its life.
    pub(super) number: u64,
    pub(super) alive: bool,
    pub(super) id: Option<AgentId>,
    pub(super) works: BTreeMap<Token, Work>,
    pub(super) clogged_until: u64,
    /// The way on which its link loses everything, and until when.
    pub(super) one_way: Option<(Way, u64)>,
    /// Attempts of earlier lives and works that ended: material for stale reports.
    pub(super) past: Vec<AttemptId>,
}

impl World {
    /// Three to six agents; together they serve everything.
    pub(super) fn draw_agents(&mut self) {
        let count = self.rng.between(3, 6);
        for at in 0..count {
            let mut serves: Vec<Serves> = Vec::new();
            for (place, capability) in CAPABILITIES.iter().enumerate() {
                if place as u64 % count == at || at == 0 || self.rng.chance(400) {
                    serves.push(Serves { capability: (*capability).into(), version: 1 });
                }
            }
            if self.rng.chance(700) {
                serves.push(Serves { capability: "bid".into(), version: 1 });
            }
            if self.rng.chance(300) {
                serves.push(Serves { capability: "route".into(), version: 1 });
            }
            let spec = Arc::new(AgentSpec {
                // The first one will do for everything.
                labels: if at == 0 {
                    program::all_labels()
                } else {
                    program::labels(&mut self.rng)
                },
                prefer: self.rng.below(2) as i32,
                remote: at > 0 && self.rng.chance(400),
                restart: self.draw_restart(),
                ..AgentSpec::new(
                    format!("agent-{at}"),
                    "simulated",
                    serves,
                    if at == 0 { program::WEIGHT_MAX } else { self.rng.between(1, 3) as u32 },
                )
            });
            self.agents.push(Agent {
                spec,
                life: 1,
                number: 0,
                alive: false,
                id: None,
                works: BTreeMap::new(),
                clogged_until: 0,
                one_way: None,
                past: Vec::new(),
            });
            if self.agents.last().is_some_and(|agent| agent.spec.remote) {
                let after = self.rng.between(10, 2_000);
                self.at(after, Happening::Join(at as usize, 1));
            }
        }
    }

    pub(super) fn draw_restart(&mut self) -> Restart {
        match self.rng.below(6) {
            0 => Restart::Temporary,
            1 | 2 => Restart::Transient,
            _ => Restart::Permanent,
        }
    }

    /// The process starts the agents that live in it.
    pub(super) fn join_locals(&mut self) {
        for agent in self.locals() {
            let life = self.agents[agent].life;
            self.join(agent, life);
        }
    }

    /// An agent offers itself; a remote one tries again until somebody is there.
    pub(super) fn join(&mut self, agent: usize, life: u64) {
        if self.agents[agent].life != life {
            return;
        }
        self.agents[agent].alive = true;
        if self.process.is_none() {
            return self.at(1_000, Happening::Join(agent, life));
        }
        let spec = self.agents[agent].spec.clone();
        self.command(Command::Join(spec), To::Agent(agent, life));
    }

    /// It has its number; a remote one is told again whatever it may have missed.
    pub(super) fn agent_joined(
        &mut self,
        agent: usize,
        life: u64,
        answer: Result<Answer, Refusal>,
    ) {
        let Ok(Answer::Joined(id)) = answer else { return };
        if self.agents[agent].life != life {
            return;
        }
        self.agents[agent].id = Some(id);
        if let Some(known) = self.process.as_ref().and_then(|it| it.kernel.state().agent(id)) {
            self.agents[agent].number = known.life.number;
        }
        self.by_id.insert(id, agent);
        if self.healed && self.wants_the_operator(agent) {
            self.unforce(agent);
        }
        if self.agents[agent].spec.remote {
            self.resend(id);
        }
    }

    /// Performs again what is outstanding for one remote agent.
    pub(super) fn resend(&mut self, id: AgentId) {
        let Some(process) = &mut self.process else { return };
        let concerns = |effect: &Effect| match effect {
            Effect::Dispatch(dispatch) => dispatch.agent == id,
            Effect::Stop { agent, .. }
            | Effect::StartAgent { agent, .. }
            | Effect::StopAgent { agent, .. } => *agent == id,
            Effect::Resume { .. }
            | Effect::Deliver { .. }
            | Effect::Advise(_)
            | Effect::Settled { .. }
            | Effect::ResizeAgent { .. }
            | Effect::DismissAgent { .. }
            | Effect::DeliverMessages(_)
            | Effect::Reckon { .. } => false,
        };
        for effect in process.kernel.outstanding().into_iter().filter(concerns) {
            process.also(effect);
        }
        self.push_on();
    }

    /// A life ends with everything in it; nobody is told.
    pub(super) fn end_life(&mut self, agent: usize) {
        self.drop_works(agent);
        let agent = &mut self.agents[agent];
        (agent.life, agent.alive, agent.id) = (agent.life + 1, false, None);
    }

    /// Everything it works on is gone.
    pub(super) fn drop_works(&mut self, agent: usize) {
        let agent = &mut self.agents[agent];
        agent.past.extend(agent.works.values().map(|work| work.attempt));
        agent.works.clear();
    }

    /// An agent's process dies. A local one is missed at once, and its supervisor decides; a remote
    /// one only falls silent, and comes back after a while.
    pub(super) fn agent_dies(&mut self, agent: usize, how: Exit) {
        if !self.agents[agent].spec.remote {
            return self.local_dies(agent, how);
        }
        let held = self.agents[agent].works.len();
        self.trace.say(self.now, || format!("agent-{agent} dies with {held} works"));
        self.end_life(agent);
        let (after, life) = (self.rng.between(10, 60_000), self.agents[agent].life);
        self.at(after, Happening::Join(agent, life));
    }

    /// A letter arrives.
    pub(super) fn letter(&mut self, agent: usize, life: u64, letter: Letter) {
        let letter = match letter {
            Letter::StartAgent(number) => return self.start_agent(agent, number),
            Letter::StopAgent(number) => return self.stop_agent(agent, number),
            Letter::Stop(attempt) if self.is_missed(agent) => return self.had_ended(attempt),
            letter => letter,
        };
        if !self.agents[agent].alive {
            return;
        }
        if self.agents[agent].life != life && !self.agents[agent].spec.remote {
            return; // Local: it went down with the process or was told again.
        }
        match letter {
            Letter::Dispatch(dispatch) => self.take(agent, &dispatch),
            Letter::Stop(attempt) => self.stop(agent, attempt),
            Letter::Resume(attempt) => {
                if let Some(work) = self.agents[agent].works.get_mut(&attempt.token) {
                    work.waiting = false;
                    self.go_on(agent, attempt.token);
                }
            }
            Letter::Deliver(attempt, step, outcome) => {
                if let Some(work) = self.agents[agent].works.get_mut(&attempt.token) {
                    work.learn(&step, &outcome);
                    self.go_on(agent, attempt.token);
                }
            }
            Letter::Answer(token, call, answer) => self.hears(agent, token, call, answer),
            Letter::StartAgent(_) | Letter::StopAgent(_) => {}
        }
    }

    /// An agent takes a task; one that it has already only learns what it may have missed.
    fn take(&mut self, agent: usize, dispatch: &Arc<Dispatch>) {
        let token = dispatch.attempt.token;
        if self.agents[agent].past.contains(&dispatch.attempt) {
            return; // A late copy.
        }
        if let Some(work) = self.agents[agent].works.get_mut(&token) {
            work.learn_table(&dispatch.steps);
            return;
        }
        let work = Work::new(dispatch);
        self.agents[agent].works.insert(token, work);
        let working = self.agents[agent].works.values().filter(|work| work.works()).count();
        if working as u32 > program::SLOTS_MAX && !self.agents[agent].spec.remote {
            let why = format!("agent-{agent} works on {working} tasks at once");
            self.oracle.saw(&crate::oracle::Act::Surprise(why));
        }
        let life = self.agents[agent].life;
        self.at(self.limits.renew_ms, Happening::Beat(agent, life, token, Beat::Renew));
        self.choose_mood(agent, token);
        if self.strikes(Fault::AgentCrashes) {
            return self.agent_dies(agent, crashed());
        }
        self.begin_work(agent, token);
    }

    /// Told to stop: the work ends, sooner or later, and says so.
    fn stop(&mut self, agent: usize, attempt: AttemptId) {
        let had = self.agents[agent].works.remove(&attempt.token);
        if had.is_some() {
            self.agents[agent].past.push(attempt);
        }
        if had.is_some() && self.strikes(Fault::ReportLate) {
            let output = crate::program::payload(b"\"late\"");
            let mail = Mail::Report(attempt, Report::Completed(output), To::Nobody);
            self.post(agent, mail);
        }
        let slow = self.strikes(Fault::StopIgnored);
        let after = if slow { self.rng.between(1_000, 20_000) } else { self.rng.below(5) };
        let life = self.agents[agent].life;
        self.at(after, Happening::Beat(agent, life, attempt.token, Beat::Ended(attempt)));
    }
}
