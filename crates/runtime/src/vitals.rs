//! How what is behind an agent says how its life goes.
//!
//! An agent gets this in its own hands when it is started, and says what nobody could see from
//! outside: that it has died, or that its signs of life stay out. What follows from it is decided
//! by the kernel, so nobody looks in on anybody, and an agent never starts itself again.

use crate::turn::{Inner, Runtime, lock};
use kernel::{AgentId, Command, Exit, Exited, Extent, Presence, Text};
use std::sync::{Arc, Mutex, Weak};

/// One life of an agent. Cheap to clone; what is said after the life has ended is not heard.
#[derive(Clone)]
pub struct Vitals {
    inner: Weak<Inner>,
    seat: Arc<Mutex<Seat>>,
}

/// Whose life it is.
enum Seat {
    /// It has not joined yet: what it says until then.
    Coming(Vec<Said>),
    Here(AgentId, u64),
}

enum Said {
    Exited(Exit, Extent),
    Suspect,
    Trust,
}

impl Vitals {
    /// Of an agent that is about to join.
    pub(crate) fn coming(runtime: &Runtime) -> Vitals {
        let seat = Arc::new(Mutex::new(Seat::Coming(Vec::new())));
        Vitals { inner: Arc::downgrade(&runtime.inner), seat }
    }

    /// Of an agent that is started again.
    pub(crate) fn of(runtime: &Runtime, agent: AgentId, life: u64) -> Vitals {
        let seat = Arc::new(Mutex::new(Seat::Here(agent, life)));
        Vitals { inner: Arc::downgrade(&runtime.inner), seat }
    }

    /// It has joined; what it said before is heard now.
    pub(crate) fn joined(&self, agent: AgentId, life: u64) {
        let before = std::mem::replace(&mut *lock(&self.seat), Seat::Here(agent, life));
        if let Seat::Coming(said) = before {
            said.into_iter().for_each(|it| self.say(it));
        }
    }

    /// Whether the agent of this name has left the team.
    pub(crate) fn has_left(&self, name: &Text) -> bool {
        let Some(inner) = self.inner.upgrade() else { return false };
        Runtime { inner }.look(|kernel, _| {
            let known = kernel.state().agent_named(name);
            known.is_some_and(|it| it.presence == Presence::Left)
        })
    }

    /// All of it has ended, with whatever it worked on: those attempts have failed.
    pub fn exited(&self, how: Exit) {
        self.say(Said::Exited(how, Extent::Whole));
    }

    /// One of its processes has died between two tasks, or did not come up; the others work on.
    pub fn lost_idle(&self, why: &str) {
        self.say(Said::Exited(Exit::Abnormal(why.into()), Extent::Idle));
    }

    /// One of its processes has died at its work; the attempt says itself that it has failed.
    pub fn lost_at_work(&self, why: &str) {
        self.say(Said::Exited(Exit::Abnormal(why.into()), Extent::AtWork));
    }

    /// Its heartbeats stay out: it gets no new work until [`Vitals::heard`].
    pub fn missed(&self) {
        self.say(Said::Suspect);
    }

    /// There is a sign of life again.
    pub fn heard(&self) {
        self.say(Said::Trust);
    }

    fn say(&self, said: Said) {
        let Some(inner) = self.inner.upgrade() else { return };
        let (agent, life) = match &mut *lock(&self.seat) {
            Seat::Coming(before) => return before.push(said),
            Seat::Here(agent, life) => (*agent, *life),
        };
        let command = match said {
            Said::Exited(reason, extent) => Command::Exited(Exited { agent, life, reason, extent }),
            Said::Suspect => Command::Suspect(agent, life),
            Said::Trust => Command::Trust(agent, life),
        };
        Runtime { inner }.tell(command);
    }
}
