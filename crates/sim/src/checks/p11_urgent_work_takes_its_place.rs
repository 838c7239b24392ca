//! P11: only work that may be put off is preempted, only by a class that may, only when nobody is
//! free, and the least urgent first; it loses nothing by it, and not for ever.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentId, AgentSpec, AttemptId, Begin, Class, Command, Effect, Event, Granted, Kernel, Limits,
    Loss, Policies, Report, Serves, State, Status, Submit, Task, TaskId, Terms, Text, Time, Token,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who was preempted how often, and with what it was charged before.
pub struct Preemptions {
    max: u32,
    preempted: BTreeMap<TaskId, (u32, Option<[u32; 2]>)>,
}

impl Preemptions {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Preemptions {
        Preemptions { max: limits.preemptions_max, preempted: BTreeMap::new() }
    }

    fn preempted(&mut self, before: &State, id: TaskId, by: TaskId) -> Verdict {
        let (Some(task), Some(by)) = (before.task(id), before.task(by)) else {
            return Err(format!("task {id} was preempted for {by}; both should be open"));
        };
        may_preempt(before, task, by)?;
        nobody_is_free(before, by)?;
        let count = self.preempted.entry(id).or_default();
        *count = (count.0 + 1, Some([task.failed, task.lost]));
        if count.0 > self.max {
            return Err(format!("task {id} was preempted {} times, not {}", count.0, self.max));
        }
        Ok(())
    }

    fn granted(&mut self, before: &State, granted: &Granted) -> Verdict {
        let (Some(task), Some((count, charged))) =
            (before.task(granted.task), self.preempted.get_mut(&granted.task))
        else {
            return Ok(());
        };
        if *count >= self.max && !granted.firm {
            return Err(format!("task {} may be preempted for ever", task.id));
        }
        // Nothing happens to a task while it is queued.
        if charged.take().is_some_and(|it| it != [task.failed, task.lost]) {
            return Err(format!("task {} was charged for being preempted", task.id));
        }
        Ok(())
    }
}

/// Whether one may be stopped for the other.
fn may_preempt(before: &State, task: &Task, by: &Task) -> Verdict {
    let (id, class) = (task.id, by.terms.class);
    let policies = before.policies.get(&by.terms.team);
    if !policies.is_some_and(|it| it.preempt.contains(&class)) {
        return Err(format!("task {id} was preempted by {class:?}, which may not"));
    }
    if !task.terms.preemptible || task.terms.class <= class {
        return Err(format!("task {id} on {:?} was preempted by {class:?}", task.terms));
    }
    let Some(lease) = task.status.working() else {
        return Err(format!("task {id} was preempted and held no slot"));
    };
    if !matches!(by.status, Status::Queued { .. }) || !before.may_have(lease.agent, by) {
        return Err(format!("task {id} was preempted for {}, which has no use for it", by.id));
    }
    Ok(())
}

/// Heavy work keeps agents back that have some room, so this is asked only where there is none.
fn nobody_is_free(before: &State, by: &Task) -> Verdict {
    let is_heavy = |task: &Task| task.terms.weight > 1 && task.status.working().is_none();
    if before.tasks().any(is_heavy) {
        return Ok(());
    }
    let has_room = |id: AgentId, slots| before.slots_used(id) + by.terms.weight <= slots;
    let mut agents = before.agents().iter();
    let free = agents.find(|it| has_room(it.id, it.spec.slots) && before.may_have(it.id, by));
    free.map_or(Ok(()), |it| Err(format!("room was made for {}, and {} was free", by.id, it.id)))
}

impl Check for Preemptions {
    fn name(&self) -> &'static str {
        "p11_urgent_work_takes_its_place"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::AttemptLost { task, cause: Loss::Preempted { by }, retry_at, .. } => {
                if *retry_at > seen.entry.at {
                    return Err(format!("task {task} was preempted, and lost its place by it"));
                }
                self.preempted(seen.before, *task, *by)
            }
            Event::LeaseGranted(granted) => self.granted(seen.before, granted),
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => {
                self.preempted.remove(task);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A few agents and more work than they can do: whoever is urgent has the place of whoever is
/// least, and only if it was lent.
pub fn scene(seed: u64) -> Verdict {
    let rng = &mut Rng::new(seed, 13);
    let mut scene = Scene::new(rng);
    for _ in 0..400 {
        match rng.below(10) {
            0..=4 => scene.submit(rng),
            5..=7 => scene.complete_one(rng),
            _ => scene.end_one(rng),
        }
        scene.verdict.clone()?;
        scene.all_have_their_place()?;
    }
    if scene.preempted == 0 {
        return Err("nobody was ever preempted".into());
    }
    Ok(())
}

struct Scene {
    kernel: Kernel,
    now: u64,
    stopping: Vec<AttemptId>,
    preempted: u32,
    verdict: Verdict,
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let kernel = Kernel::new(Limits::default());
        let (stopping, verdict) = (Vec::new(), Ok(()));
        let mut scene = Scene { kernel, now: 0, stopping, preempted: 0, verdict };
        scene.tell(Command::Begin(Begin { restored: false, seed: rng.next(), wall_ms: 0 }));
        let preempt = [Class::Critical, Class::High].into();
        let policies = Arc::new(Policies { preempt, ..Policies::default() });
        scene.tell(Command::Configure { team: Text::default(), policies });
        for agent in 0..rng.between(1, 4) {
            let serves = vec![Serves { capability: "work".into(), version: 1 }];
            let slots = rng.between(1, 3) as u32;
            let spec = AgentSpec::new(format!("agent-{agent}"), "simulated", serves, slots);
            scene.tell(Command::Join(Arc::new(spec)));
        }
        scene
    }

    fn tell(&mut self, command: Command) {
        self.now += 1;
        let mut lent = self.lent();
        let step = self.kernel.step(Time(self.now), command);
        for entry in &step.entries {
            match &entry.event {
                Event::LeaseGranted(granted) => {
                    let task = self.kernel.state().task(granted.task);
                    let terms = task.map(|it| it.terms.clone());
                    if let Some(terms) = terms.filter(|it| it.preemptible && !granted.firm) {
                        lent.push((terms.class, granted.token));
                    }
                }
                Event::AttemptLost { token, cause: Loss::Preempted { .. }, .. } => {
                    self.preempted += 1;
                    // The least urgent, and of those who began last.
                    let first = lent.iter().max().copied();
                    if first.map(|it| it.1) != Some(*token) {
                        self.verdict = Err(format!("{token} was preempted of {lent:?}"));
                    }
                    lent.retain(|it| it.1 != *token);
                }
                Event::TaskCompleted { token, .. } => lent.retain(|it| it.1 != *token),
                _ => {}
            }
        }
        for effect in step.effects {
            if let Effect::Stop { attempt, .. } = effect {
                self.stopping.push(attempt);
            }
        }
    }

    /// Attempts that may be preempted.
    fn lent(&self) -> Vec<(Class, Token)> {
        let lent = |task: &Task| {
            let lease = task.status.working().filter(|it| !it.firm && task.terms.preemptible)?;
            Some((task.terms.class, lease.token))
        };
        self.kernel.state().tasks().filter_map(lent).collect()
    }

    fn submit(&mut self, rng: &mut Rng) {
        let mut terms = Terms::new("work");
        terms.class = Class::ALL[rng.below(5) as usize];
        terms.preemptible = rng.chance(700);
        self.tell(Command::Submit(Submit::new(terms, payload(&rng.next().to_le_bytes()))));
    }

    fn complete_one(&mut self, rng: &mut Rng) {
        let running: Vec<AttemptId> =
            self.kernel.state().tasks().filter_map(Task::attempt).collect();
        if let Some(attempt) = rng.pick(&running).copied() {
            self.tell(Command::Report(attempt, Report::Completed(payload(b"1"))));
        }
    }

    fn end_one(&mut self, rng: &mut Rng) {
        if !self.stopping.is_empty() {
            let at = rng.below(self.stopping.len() as u64) as usize;
            let attempt = self.stopping.swap_remove(at);
            self.tell(Command::Report(attempt, Report::Ended));
        }
    }

    /// Nobody urgent waits, without room being made, beside lent work that is less so.
    fn all_have_their_place(&self) -> Verdict {
        let state = self.kernel.state();
        let least = self.lent().into_iter().max_by_key(|it| (it.0, Reverse(it.1)));
        let making: Vec<TaskId> =
            state.stopping.values().filter_map(|it| it.makes_room_for).collect();
        let waits = |task: &&Task| {
            let urgent = [Class::Critical, Class::High].contains(&task.terms.class);
            let queued = matches!(task.status, Status::Queued { .. });
            queued && urgent && !making.contains(&task.id)
        };
        let mut waiting = state.tasks().filter(waits);
        match (least, waiting.find(|it| least.is_some_and(|(class, _)| class > it.terms.class))) {
            (Some((class, _)), Some(task)) => {
                Err(format!("task {} ({:?}) waits beside {class:?}", task.id, task.terms.class))
            }
            (_, None) | (None, _) => Ok(()),
        }
    }
}
