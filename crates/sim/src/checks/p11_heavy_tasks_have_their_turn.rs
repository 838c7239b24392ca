//! P11: a task that takes several slots has its turn in a flood of tasks that take one, and a
//! tenant under a quota keeps what its quota allows.

use crate::oracle::Verdict;
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, AttemptId, Begin, Command, Effect, Event, Kernel, Limits, Policies, Quota, Report,
    Serves, Submit, TaskId, Terms, Text, Time,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A flood of light tasks beside one heavy task after another: each of them has its turn.
pub fn scene(seed: u64) -> Verdict {
    let rng = &mut Rng::new(seed, 12);
    let mut scene = Scene::new(rng);
    let slots = 4;
    let serves = vec![Serves { capability: "work".into(), version: 1 }];
    let large = AgentSpec::new("large", "simulated", serves, slots);
    scene.tell(Command::Join(Arc::new(large)));
    scene.configure_quota("q", 1);
    let mut since = None;
    for _ in 0..2_000 {
        while scene.waiting.get("a").is_none_or(|waiting| *waiting < 30) {
            scene.submit("a", rng.next(), 1);
            scene.submit("q", rng.next(), 1);
        }
        if scene.waiting.get("heavy").is_none_or(|waiting| *waiting == 0) {
            since = Some(scene.grants.len());
            scene.submit("heavy", rng.next(), slots);
        }
        scene.finish_one(rng);
        let passed = scene.grants.len() - since.unwrap_or(scene.grants.len());
        if passed > 400 && scene.waiting.get("heavy") == Some(&1) {
            return Err(format!("{passed} light tasks went before one that takes {slots} slots"));
        }
    }
    let of = |tenant: &str| scene.grants.iter().filter(|it| **it == tenant).count();
    if of("heavy") < 10 || of("a") < of("heavy") || of("q") == 0 {
        let (heavy, light, quota) = (of("heavy"), of("a"), of("q"));
        return Err(format!("{heavy} heavy grants, {light} light, {quota} under a quota"));
    }
    Ok(())
}

struct Scene {
    kernel: Kernel,
    now: u64,
    running: Vec<AttemptId>,
    waiting: BTreeMap<&'static str, u64>,
    of: BTreeMap<TaskId, &'static str>,
    grants: Vec<&'static str>,
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let mut scene = Scene {
            kernel: Kernel::new(Limits::default()),
            now: 0,
            running: Vec::new(),
            waiting: BTreeMap::new(),
            of: BTreeMap::new(),
            grants: Vec::new(),
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
                self.grants.push(*of);
                *self.waiting.entry(*of).or_default() -= 1;
            }
        }
        for effect in step.effects {
            if let Effect::Dispatch(dispatch) = effect {
                self.running.push(dispatch.attempt);
            }
        }
    }

    fn configure_quota(&mut self, tenant: &str, working: u32) {
        let mut policies = Policies::default();
        let quota = Quota { working_max: Some(working), ..Quota::default() };
        policies.tenants.insert(tenant.into(), quota);
        let (team, policies) = (Text::default(), Arc::new(policies));
        self.tell(Command::Configure { team, policies });
    }

    fn submit(&mut self, tenant: &'static str, salt: u64, weight: u32) {
        let task = TaskId(self.of.len() as u64 + 1);
        self.of.insert(task, tenant);
        *self.waiting.entry(tenant).or_default() += 1;
        let mut terms = Terms::new("work");
        (terms.tenant, terms.weight) = (tenant.into(), weight);
        self.tell(Command::Submit(Submit::new(terms, payload(&salt.to_le_bytes()))));
    }

    fn finish_one(&mut self, rng: &mut Rng) {
        let at = rng.below(self.running.len() as u64) as usize;
        let attempt = self.running.swap_remove(at);
        self.tell(Command::Report(attempt, Report::Completed(payload(b"1"))));
    }
}
