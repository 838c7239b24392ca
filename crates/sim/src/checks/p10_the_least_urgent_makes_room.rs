//! P10: when the queue is full, the least urgent root in it makes room for one that is more urgent,
//! if the team says so, and nobody else is ever shed; and what is done stays what can be done.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, Answer, AttemptId, Begin, Class, Command, Effect, Event, FailureKind, Kernel,
    Limits, Outcome, Policies, Refusal, Report, Serves, State, Status, Submit, Task, TaskId, Terms,
    Text, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who was shed a moment ago.
pub struct Shed {
    queue_max: u64,
    latest: Option<(TaskId, Arc<Terms>)>,
}

impl Shed {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Shed {
        Shed { queue_max: limits.queue_max, latest: None }
    }

    fn shed(&mut self, before: &State, id: TaskId) -> Verdict {
        let Some(task) = before.task(id) else { return Err(format!("task {id} was not open")) };
        let class = task.terms.class;
        let from = before.policies.get(&task.terms.team).and_then(|it| it.shed);
        if from.is_none_or(|from| class < from) {
            return Err(format!("task {id} ({class:?}) was shed, and {from:?} may be"));
        }
        if task.parent.is_some() || !matches!(task.status, Status::Queued { .. }) {
            return Err(format!("task {id} was shed: {:?} under {:?}", task.status, task.parent));
        }
        let lower = |it: &&Task| {
            let waits = it.status == Status::Queued { ready_at: Time(0) };
            let of_team = it.parent.is_none() && it.terms.team == task.terms.team;
            waits && of_team && it.terms.class > class
        };
        // Where a quota is full, it is what that one counts that makes room.
        if before.open() as u64 >= self.queue_max
            && let Some(lower) = before.tasks().find(lower)
        {
            return Err(format!("task {id} ({class:?}) was shed before {}", lower.id));
        }
        self.latest = Some((id, task.terms.clone()));
        Ok(())
    }
}

impl Check for Shed {
    fn name(&self) -> &'static str {
        "p10_the_least_urgent_makes_room"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match (self.latest.take(), &seen.entry.event) {
            (_, Event::TaskFailed { task, failure }) if failure.kind == FailureKind::Shed => {
                self.shed(seen.before, *task)
            }
            (Some((id, terms)), Event::TaskAccepted(accepted)) => {
                let (class, team) = (accepted.terms.class, &accepted.terms.team);
                if accepted.parent.is_some() || class >= terms.class || *team != terms.team {
                    let (by, of) = (accepted.task, terms.class);
                    return Err(format!("task {id} ({of:?}) was shed for {by} ({class:?})"));
                }
                Ok(())
            }
            // The process ended in between.
            (_, Event::RuntimeStarted { .. }) | (None, _) => Ok(()),
            (Some((id, _)), _) => Err(format!("task {id} was shed for nobody")),
        }
    }
}

/// Ten times what can be done, for a while: the queue keeps its bound, what is more urgent gets in
/// before what is less so, and nearly as much is done as could be.
pub fn scene(seed: u64) -> Verdict {
    let rng = &mut Rng::new(seed, 14);
    let mut scene = Scene::new(rng);
    for _ in 0..1_500 {
        scene.now += GAP_MS;
        scene.finish();
        scene.submit(rng)?;
    }
    let can = scene.now * scene.slots / scene.work_ms;
    if scene.done * 10 < can * 9 {
        return Err(format!("{} done of {can} that could be", scene.done));
    }
    while scene.kernel.state().open() > 0 && scene.done < 10_000 {
        scene.now += GAP_MS;
        scene.finish();
    }
    let open = scene.accepted.keys().find(|task| !scene.settled.contains(*task));
    open.map_or(Ok(()), |task| Err(format!("task {task} was accepted and never ended")))
}

/// Between one arrival and the next.
const GAP_MS: u64 = 5;

struct Scene {
    kernel: Kernel,
    now: u64,
    slots: u64,
    work_ms: u64,
    running: BTreeMap<(u64, AttemptId), ()>,
    done: u64,
    accepted: BTreeMap<TaskId, Class>,
    /// Who was shed by the latest command.
    shed: Option<TaskId>,
    settled: BTreeSet<TaskId>,
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let limits = Limits { queue_max: rng.between(10, 40), ..Limits::default() };
        let slots = rng.between(1, 4);
        let mut scene = Scene {
            kernel: Kernel::new(limits),
            now: 0,
            slots,
            work_ms: GAP_MS * 10 * slots,
            running: BTreeMap::new(),
            done: 0,
            accepted: BTreeMap::new(),
            shed: None,
            settled: BTreeSet::new(),
        };
        _ = scene.tell(Command::Begin(Begin { restored: false, seed: rng.next(), wall_ms: 0 }));
        let policies = Arc::new(Policies { shed: Some(Class::High), ..Policies::default() });
        _ = scene.tell(Command::Configure { team: Text::default(), policies });
        let serves = vec![Serves { capability: "work".into(), version: 1 }];
        let spec = AgentSpec::new("agent", "simulated", serves, slots as u32);
        _ = scene.tell(Command::Join(Arc::new(spec)));
        scene
    }

    fn tell(&mut self, command: Command) -> Result<Answer, Refusal> {
        let step = self.kernel.step(Time(self.now), command);
        for effect in step.effects {
            match effect {
                Effect::Dispatch(dispatch) => {
                    self.running.insert((self.now + self.work_ms, dispatch.attempt), ());
                }
                Effect::Settled { task, outcome } => {
                    if matches!(&*outcome, Outcome::Failed(it) if it.kind == FailureKind::Shed) {
                        self.shed = Some(task);
                    }
                    self.settled.insert(task);
                }
                _ => {}
            }
        }
        step.answer
    }

    /// Whatever is due has been done.
    fn finish(&mut self) {
        while let Some(((at, attempt), ())) = self.running.pop_first() {
            if at > self.now {
                self.running.insert((at, attempt), ());
                return;
            }
            self.done += 1;
            _ = self.tell(Command::Report(attempt, Report::Completed(payload(b"1"))));
        }
    }

    fn submit(&mut self, rng: &mut Rng) -> Verdict {
        let class = Class::ALL[rng.below(5) as usize];
        let terms = Terms { class, ..Terms::new("work") };
        let submit = Submit::new(terms, payload(&rng.next().to_le_bytes()));
        match self.tell(Command::Submit(submit)) {
            Ok(Answer::Accepted(receipt)) => {
                self.accepted.insert(receipt.task, class);
                let shed = self.shed.take().and_then(|it| self.accepted.get(&it));
                if let Some(shed) = shed.filter(|it| **it <= class) {
                    return Err(format!("{shed:?} was shed for {class:?}"));
                }
            }
            Err(Refusal::Overloaded { retry_after_ms: 1.. }) => {
                let less = |it: &&Task| {
                    it.terms.class > class && matches!(it.status, Status::Queued { .. })
                };
                if let Some(less) = self.kernel.state().tasks().find(less) {
                    let than = less.terms.class;
                    return Err(format!("{class:?} was refused while {than:?} waited"));
                }
            }
            other => return Err(format!("{other:?}")),
        }
        let (open, max) = (self.kernel.state().open() as u64, self.kernel.limits().queue_max);
        if open > max { Err(format!("{open} are open, {max} may be")) } else { Ok(()) }
    }
}
