//! A pool of agents under a flood: every class and three tenants with more work than can be done,
//! one of them with ten times as much. P11 is judged by it, and `sim fair` tells of it.
//!
//! The backlogs are kept at their length, so that it is the order that decides who waits, and not
//! who comes first.

use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, AttemptId, Begin, Class, Command, Effect, Event, Kernel, Limits, Report, Serves,
    Submit, TaskId, Terms, Time,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Those whose work it is.
pub const TENANTS: [&str; 3] = ["a", "b", "c"];

/// Tasks of each class and tenant that wait at every moment.
const BACKLOG: u64 = 2;

/// How many times longer the queue of what floods is.
const FLOOD: u64 = 10;

/// One task that was given to an agent.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// How urgent it was.
    pub class: Class,
    /// Whose it was.
    pub tenant: &'static str,
    /// How long it had waited.
    pub waited_ms: u64,
}

/// A pool under a flood, in simulated time.
pub struct Flood {
    kernel: Kernel,
    now_ms: u64,
    /// Between one end of a task and the next: a pool of so many slots works at one pace.
    pace_ms: u64,
    running: Vec<AttemptId>,
    waiting: BTreeMap<(Class, &'static str), u64>,
    of: BTreeMap<TaskId, Waiting>,
    tasks: u64,
    grants: Vec<Grant>,
    flooding: &'static str,
    /// Whether the highest class floods as well.
    urgent: bool,
}

struct Waiting {
    class: Class,
    tenant: &'static str,
    since_ms: u64,
}

impl Flood {
    /// A pool with one, several or many slots, flooded by one of the tenants and by top priority.
    #[must_use]
    pub(crate) fn of_seed(rng: &mut Rng) -> Flood {
        let flooding = TENANTS[rng.below(TENANTS.len() as u64) as usize];
        let agents = (0..rng.between(1, 5)).map(|_| rng.between(1, 4) as u32);
        let slots: Vec<u32> = agents.collect();
        Flood::new(rng.next(), &slots, flooding, true)
    }

    /// A pool of agents with so many slots each, flooded by one tenant.
    #[must_use]
    pub fn new(seed: u64, slots: &[u32], flooding: &'static str, urgent: bool) -> Flood {
        let mut flood = Flood {
            kernel: Kernel::new(Limits::default()),
            now_ms: 0,
            pace_ms: (100 / u64::from(slots.iter().sum::<u32>()).max(1)).max(1),
            running: Vec::new(),
            waiting: BTreeMap::new(),
            of: BTreeMap::new(),
            tasks: 0,
            grants: Vec::new(),
            flooding,
            urgent,
        };
        flood.tell(Command::Begin(Begin { restored: false, seed, wall_ms: 0 }));
        for (agent, slots) in slots.iter().enumerate() {
            let serves = vec![Serves { capability: "work".into(), version: 1 }];
            let spec = AgentSpec::new(format!("agent-{agent}"), "simulated", serves, *slots);
            flood.tell(Command::Join(Arc::new(spec)));
        }
        flood
    }

    /// How many tasks wait at every moment, of all classes and tenants together.
    #[must_use]
    pub fn waiting_always(urgent: bool) -> u64 {
        let backlog = |class, tenant| Flood::backlog(class, tenant, TENANTS[0], urgent);
        let of = |class| TENANTS.into_iter().map(|it| backlog(class, it)).sum::<u64>();
        Class::ALL.into_iter().map(of).sum()
    }

    fn backlog(class: Class, tenant: &str, flooding: &str, urgent: bool) -> u64 {
        let floods = tenant == flooding || (urgent && class == Class::Critical);
        if floods { BACKLOG * FLOOD } else { BACKLOG }
    }

    /// Everybody who was served so far, in order.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The tenant that floods.
    #[must_use]
    pub fn flooding(&self) -> &'static str {
        self.flooding
    }

    /// Lets so many tasks be done, one after the other, while the queues are kept full.
    pub(crate) fn work(&mut self, rng: &mut Rng, tasks: u64) {
        for _ in 0..tasks {
            self.top_up(rng);
            self.finish_one(rng);
        }
    }

    /// The same by a seed of its own.
    pub fn work_by(&mut self, seed: u64, tasks: u64) {
        self.work(&mut Rng::new(seed, 11), tasks);
    }

    fn tell(&mut self, command: Command) {
        let step = self.kernel.step(Time(self.now_ms), command);
        for entry in &step.entries {
            if let Event::LeaseGranted(granted) = &entry.event
                && let Some(Waiting { class, tenant, since_ms }) = self.of.remove(&granted.task)
            {
                let waited_ms = self.now_ms - since_ms;
                self.grants.push(Grant { class, tenant, waited_ms });
                *self.waiting.entry((class, tenant)).or_default() -= 1;
            }
        }
        for effect in step.effects {
            if let Effect::Dispatch(dispatch) = effect {
                self.running.push(dispatch.attempt);
            }
        }
    }

    fn top_up(&mut self, rng: &mut Rng) {
        for class in Class::ALL {
            for tenant in TENANTS {
                let backlog = Flood::backlog(class, tenant, self.flooding, self.urgent);
                while self.waiting.get(&(class, tenant)).is_none_or(|it| *it < backlog) {
                    self.submit(class, tenant, rng.next());
                }
            }
        }
    }

    fn submit(&mut self, class: Class, tenant: &'static str, salt: u64) {
        self.tasks += 1;
        let waiting = Waiting { class, tenant, since_ms: self.now_ms };
        self.of.insert(TaskId(self.tasks), waiting);
        *self.waiting.entry((class, tenant)).or_default() += 1;
        let mut terms = Terms::new("work");
        (terms.class, terms.tenant) = (class, tenant.into());
        self.tell(Command::Submit(Submit::new(terms, payload(&salt.to_le_bytes()))));
    }

    fn finish_one(&mut self, rng: &mut Rng) {
        self.now_ms += self.pace_ms;
        let at = rng.below(self.running.len() as u64) as usize;
        let attempt = self.running.swap_remove(at);
        self.tell(Command::Report(attempt, Report::Completed(payload(b"1"))));
    }
}
