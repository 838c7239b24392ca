//! P11: weighted shares under a flood. A scene of its own: one shape, one pool of agents, every
//! class and several tenants with more work than can be done.

use crate::oracle::Verdict;
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, AttemptId, Begin, Class, Command, Effect, Event, Kernel, Limits, Report, Serves,
    Submit, TaskId, Terms, Time,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The name of this check.
pub const NAME: &str = "p11_priority_without_starvation";

/// Grants in a window.
const WINDOW: usize = 1_000;

/// Floods a pool and looks at who is served.
pub fn scene(seed: u64) -> Verdict {
    let mut rng = Rng::new(seed, 11);
    let mut scene = Scene::new(&mut rng);
    let flooded = ["a", "b", "c"][rng.below(3) as usize];
    // Each class of each tenant is kept at a backlog; top priority and one tenant at ten times
    // that.
    for _ in 0..4_000 {
        scene.top_up(&mut rng, flooded);
        scene.finish_one(&mut rng);
    }
    scene.judge_classes()?;
    scene.judge_tenants(flooded)
}

struct Scene {
    kernel: Kernel,
    now: u64,
    running: Vec<AttemptId>,
    waiting: BTreeMap<(Class, &'static str), u64>,
    of: BTreeMap<TaskId, (Class, &'static str)>,
    grants: VecDeque<(Class, &'static str)>,
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let mut scene = Scene {
            kernel: Kernel::new(Limits::default()),
            now: 0,
            running: Vec::new(),
            waiting: BTreeMap::new(),
            of: BTreeMap::new(),
            grants: VecDeque::new(),
        };
        scene.tell(Command::Begin(Begin { restored: false, seed: rng.next(), wall_ms: 0 }));
        for agent in 0..rng.between(1, 5) {
            scene.tell(Command::Join(Arc::new(AgentSpec::new(
                format!("agent-{agent}"),
                "simulated",
                vec![Serves { capability: "work".into(), version: 1 }],
                rng.between(1, 4) as u32,
            ))));
        }
        scene
    }

    fn tell(&mut self, command: Command) {
        self.now += 1;
        let step = self.kernel.step(Time(self.now), command);
        for entry in &step.entries {
            if let Event::LeaseGranted(granted) = &entry.event
                && let Some(of) = self.of.get(&granted.task)
            {
                self.grants.push_back(*of);
                *self.waiting.entry(*of).or_default() -= 1;
            }
        }
        for effect in step.effects {
            if let Effect::Dispatch(dispatch) = effect {
                self.running.push(dispatch.attempt);
            }
        }
    }

    fn top_up(&mut self, rng: &mut Rng, flooded: &str) {
        for class in Class::ALL {
            for tenant in ["a", "b", "c"] {
                let flood = if class == Class::Critical || tenant == flooded { 20 } else { 2 };
                while self.waiting.get(&(class, tenant)).is_none_or(|waiting| *waiting < flood) {
                    self.submit(class, tenant, rng.next());
                }
            }
        }
    }

    fn submit(&mut self, class: Class, tenant: &'static str, salt: u64) {
        let task = TaskId(self.of.len() as u64 + 1);
        self.of.insert(task, (class, tenant));
        *self.waiting.entry((class, tenant)).or_default() += 1;
        let mut terms = Terms::new("work");
        (terms.class, terms.tenant) = (class, tenant.into());
        self.tell(Command::Submit(Submit::new(terms, payload(&salt.to_le_bytes()))));
    }

    fn finish_one(&mut self, rng: &mut Rng) {
        let at = rng.below(self.running.len() as u64) as usize;
        let attempt = self.running.swap_remove(at);
        self.tell(Command::Report(attempt, Report::Completed(payload(b"1"))));
    }

    /// In every window each class gets 0.9 of its share.
    fn judge_classes(&self) -> Verdict {
        let grants: Vec<Class> = self.grants.iter().skip(100).map(|(class, _)| *class).collect();
        for (at, window) in grants.windows(WINDOW).enumerate().step_by(50) {
            for class in Class::ALL {
                let got = window.iter().filter(|it| **it == class).count() as f64;
                let share = f64::from(class.weight()) / 31.0 * WINDOW as f64;
                if got < 0.9 * share {
                    let why = format!("{class:?} got {got} of {WINDOW} grants at {at}");
                    return Err(format!("{why}; its share is {share:.0}"));
                }
            }
        }
        Ok(())
    }

    /// The tenants that do not flood each get their third, less 5 %.
    fn judge_tenants(&self, flooded: &str) -> Verdict {
        let all = self.grants.iter().skip(100).count() as f64;
        for tenant in ["a", "b", "c"].into_iter().filter(|tenant| *tenant != flooded) {
            let got = self.grants.iter().skip(100).filter(|(_, it)| *it == tenant).count() as f64;
            if got < 0.95 * all / 3.0 {
                return Err(format!("{tenant} got {got} of {all} grants beside a flood"));
            }
        }
        Ok(())
    }
}
