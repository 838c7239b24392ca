//! Scenes of P15 and P12: agents that fail for a while and recover, a flood at a half-open door,
//! tasks whose own fault it is, and poison among healthy work.

use crate::oracle::Verdict;
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentId, AgentSpec, AttemptId, Begin, Command, Effect, Event, Failure, FailureKind, Kernel,
    Limits, Report, RetryPolicy, Serves, Submit, TaskId, Terms, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All of them.
pub(crate) fn scene(seed: u64) -> Verdict {
    some_fail_and_recover(seed)?;
    everybody_fails(seed)?;
    tasks_at_fault(seed)?;
    poison_among_healthy(seed)
}

/// A floor with agents that take a tenth of a second for everything.
struct Floor {
    kernel: Kernel,
    now: u64,
    tasks: u64,
    /// Attempts under way, by when they end.
    running: BTreeMap<(u64, u64), (AgentId, AttemptId)>,
    begun: u64,
    out: BTreeSet<AgentId>,
    most_out: usize,
    half_opened: BTreeMap<AgentId, u64>,
    closed: BTreeMap<AgentId, u64>,
    opened: u64,
    grants: BTreeMap<AgentId, u64>,
    completed: BTreeSet<TaskId>,
}

const WORK_MS: u64 = 100;

impl Floor {
    fn new(seed: u64, agents: u64, slots: u32) -> Floor {
        let limits =
            Limits { retry_percent: 100_000, retry_floor_per_s: 100_000, ..Limits::default() };
        let mut floor = Floor {
            kernel: Kernel::new(limits),
            now: 0,
            tasks: 0,
            running: BTreeMap::new(),
            begun: 0,
            out: BTreeSet::new(),
            most_out: 0,
            half_opened: BTreeMap::new(),
            closed: BTreeMap::new(),
            opened: 0,
            grants: BTreeMap::new(),
            completed: BTreeSet::new(),
        };
        floor.tell(Command::Begin(Begin { restored: false, seed, wall_ms: 0 }));
        for at in 0..agents {
            let serves = vec![Serves { capability: "work".into(), version: 1 }];
            let spec = AgentSpec::new(format!("agent-{at}"), "simulated", serves, slots);
            floor.tell(Command::Join(Arc::new(spec)));
        }
        floor
    }

    fn tell(&mut self, command: Command) {
        let step = self.kernel.step(Time(self.now), command);
        for entry in &step.entries {
            match &entry.event {
                Event::BreakerOpened { agent, .. } => {
                    self.out.insert(*agent);
                    self.opened += 1;
                    self.most_out = self.most_out.max(self.out.len());
                }
                Event::BreakerHalfOpened { agent, .. } => {
                    self.out.remove(agent);
                    self.half_opened.insert(*agent, self.now);
                }
                Event::BreakerClosed { agent, .. } => {
                    self.closed.insert(*agent, self.now);
                }
                Event::LeaseGranted(granted) => {
                    *self.grants.entry(granted.agent).or_default() += 1;
                }
                Event::TaskCompleted { task, .. } => {
                    self.completed.insert(*task);
                }
                _ => {}
            }
        }
        for effect in step.effects {
            if let Effect::Dispatch(dispatch) = effect {
                self.begun += 1;
                let end = (self.now + WORK_MS, self.begun);
                self.running.insert(end, (dispatch.agent, dispatch.attempt));
            }
        }
    }

    fn submit(&mut self, attempts_max: u32) -> TaskId {
        self.submit_with(RetryPolicy { attempts_max, base_ms: 0, cap_ms: 0 })
    }

    fn submit_with(&mut self, retry: RetryPolicy) -> TaskId {
        self.tasks += 1;
        let mut terms = Terms::new("work");
        terms.retry = retry;
        let input = payload(&self.tasks.to_le_bytes());
        self.tell(Command::Submit(Submit::new(terms, input)));
        TaskId(self.tasks)
    }

    /// Goes to the next moment at which something ends or is due; `fails` says how attempts end.
    fn next(&mut self, fails: &dyn Fn(AgentId, TaskId) -> Option<FailureKind>) {
        let end = self.running.first_key_value().map(|((at, _), _)| *at);
        let due = self.kernel.next_deadline().map(|at| at.0).filter(|at| *at < u64::MAX);
        match (end, due) {
            (Some(end), due) if due.is_none_or(|due| end <= due) => {
                self.now = self.now.max(end);
                let Some((_, (agent, attempt))) = self.running.pop_first() else { return };
                let report = match fails(agent, attempt.task) {
                    Some(kind) => Report::Failed(Failure::new(kind, "as the scene says")),
                    None => Report::Completed(payload(b"1")),
                };
                self.tell(Command::Report(attempt, report));
            }
            (_, Some(due)) => {
                self.now = self.now.max(due);
                self.tell(Command::Tick);
            }
            (_, None) => {}
        }
    }

    /// A task a tick, until then.
    fn steadily(&mut self, until: u64, fails: &dyn Fn(AgentId, TaskId) -> Option<FailureKind>) {
        while self.now < until {
            while self.kernel.state().open() < 6 {
                self.submit(1);
            }
            self.next(fails);
        }
    }
}

/// Two of five fail for a while: they are out, and back within the time open and one probe.
fn some_fail_and_recover(seed: u64) -> Verdict {
    let mut rng = Rng::new(seed, 15);
    let mut floor = Floor::new(seed, 5, 100);
    let first = rng.below(4) as u32;
    let broken = [AgentId(first), AgentId(first + 1)];
    let down = |agent: AgentId, _| broken.contains(&agent).then_some(FailureKind::Crash);
    floor.steadily(20_000, &down);
    if broken.iter().any(|agent| !floor.out.contains(agent)) {
        return Err(format!("{broken:?} fail and only {:?} are out", floor.out));
    }
    if floor.out.len() > 2 {
        return Err(format!("{:?} are out and only {broken:?} fail", floor.out));
    }
    // They recover, and a thousand tasks are there when the first is tried again.
    while floor.half_opened.is_empty() {
        let until = floor.now + 1;
        floor.steadily(until, &|_, _| None);
    }
    let tried = *floor.half_opened.keys().next().unwrap_or(&AgentId(0));
    let (had, before) = (floor.grants.get(&tried).copied().unwrap_or(0), floor.begun);
    (0..1_000).for_each(|_| _ = floor.submit(1));
    let got = floor.grants.get(&tried).copied().unwrap_or(0) - had;
    if got > 3 || floor.begun == before {
        return Err(format!("half-open, agent {tried} got {got} of a thousand at once"));
    }
    let until = floor.now + 2 * WORK_MS;
    while floor.now < until {
        floor.next(&|_, _| None);
    }
    let closed = broken.iter().filter(|agent| floor.closed.contains_key(agent)).count();
    let probed = floor.half_opened.len();
    if closed < 1 || !floor.closed.contains_key(&tried) {
        return Err(format!("{probed} were tried, went well, and {closed} are back"));
    }
    Ok(())
}

/// Everybody fails: half of them are out at most, and work goes on being tried.
fn everybody_fails(seed: u64) -> Verdict {
    let agents = 2 + seed % 5;
    let mut floor = Floor::new(seed, agents, 4);
    floor.steadily(40_000, &|_, _| Some(FailureKind::Timeout));
    let most = floor.most_out;
    if most * 2 > agents as usize || most == 0 {
        return Err(format!("{most} of {agents} were out at once"));
    }
    let begun = floor.begun;
    floor.steadily(floor.now + 1_000, &|_, _| Some(FailureKind::Timeout));
    if floor.begun == begun { Err("nobody is tried any more".into()) } else { Ok(()) }
}

/// What tasks do to themselves, a few failures, and one task over and over: nothing opens.
fn tasks_at_fault(seed: u64) -> Verdict {
    let mut floor = Floor::new(seed, 4, 2);
    floor.steadily(20_000, &|_, _| Some(FailureKind::Rejected));
    if floor.opened > 0 {
        return Err("what tasks did to themselves is held against an agent".into());
    }
    let mut floor = Floor::new(seed, 4, 2);
    let poison = floor.submit(200);
    while floor.kernel.state().task(poison).is_some() {
        floor.next(&|_, _| Some(FailureKind::Panic));
    }
    if floor.opened > 0 {
        return Err("one task that kills whoever takes it made a breaker open".into());
    }
    let mut floor = Floor::new(seed, 4, 2);
    let few = |_, task: TaskId| (task.0 <= 9).then_some(FailureKind::Crash);
    floor.steadily(10_000, &few);
    if floor.opened > 0 {
        return Err("nine failures of four agents are too few to judge any of them".into());
    }
    Ok(())
}

/// One task in a hundred kills whoever takes it: healthy work gets nineteen parts of twenty of what
/// it would get alone.
fn poison_among_healthy(seed: u64) -> Verdict {
    const TASKS: u64 = 1_000;
    let mut took = [0, 0];
    for (at, poisoned) in [false, true].into_iter().enumerate() {
        let mut floor = Floor::new(seed, 5, 2);
        let poison: BTreeSet<TaskId> =
            (1..=TASKS).filter(|task| task % 100 == seed % 100).map(TaskId).collect();
        let kills = |_, task| (poisoned && poison.contains(&task)).then_some(FailureKind::Crash);
        (0..TASKS).for_each(|_| _ = floor.submit_with(RetryPolicy::default()));
        let healthy = (1..=TASKS).map(TaskId).filter(|task| !poison.contains(task)).count();
        let done = |floor: &Floor| {
            floor.completed.iter().filter(|task| !poison.contains(task)).count() == healthy
        };
        while !done(&floor) {
            floor.next(&kills);
        }
        took[at] = floor.now;
    }
    if took[0] * 100 < took[1] * 95 {
        return Err(format!("healthy work took {} ms, and {} ms beside poison", took[0], took[1]));
    }
    Ok(())
}
