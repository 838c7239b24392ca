//! How fast and how large the kernel alone is: no runtime, no journal, one thread.
//!
//! A life is: submitted, matched, leased, completed. The queue and the fleet are held at a constant
//! size while lives go through them, so that the figure says what a life costs in such a house.

use crate::program::payload;
use kernel::{
    AgentSpec, AttemptId, Begin, Command, Digest, Effect, Kernel, Limits, Payload, Report, Serves,
    Step, Submit, Terms, Time,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// One size of house.
#[derive(Clone, Copy, Debug)]
pub struct House {
    /// Tasks that wait.
    pub queued: u64,
    /// Agents, one slot each, all busy.
    pub agents: u64,
    /// Capabilities, spread over agents and tasks.
    pub capabilities: u64,
}

/// What was measured in it.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The house.
    pub house: House,
    /// Lives in a second of the wall clock.
    pub lives_per_s: f64,
    /// Lives in a second of processor time, which busy neighbours change less; `None` where the
    /// system does not tell.
    pub lives_per_cpu_s: Option<f64>,
}

/// What one thing of many takes in memory.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of a queued task, its payload apart.
    pub queued_task_bytes: f64,
    /// Bytes of an idle agent.
    pub idle_agent_bytes: f64,
}

/// Every combination that TARGETS.md names.
#[must_use]
pub fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for capabilities in [1, 100] {
        for agents in [10, 1_000, 10_000] {
            for queued in [1_000, 100_000, 1_000_000] {
                houses.push(House { queued, agents, capabilities });
            }
        }
    }
    houses
}

/// Lets `lives` lives go through a house.
#[must_use]
pub fn lives(house: House, lives: u64) -> Figure {
    let mut bench = Bench::new(house.capabilities);
    (0..house.agents).for_each(|at| bench.join(at, house.agents));
    (0..house.agents + house.queued).for_each(|at| bench.submit(at));
    (0..lives / 10).for_each(|at| bench.live(at)); // Until caches are as warm as they stay.
    let (begun, worked) = (Instant::now(), cpu_seconds());
    (0..lives).for_each(|at| bench.live(at));
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds().zip(worked).map(|(now, then)| now - then);
    Figure {
        house,
        lives_per_s: lives as f64 / seconds,
        lives_per_cpu_s: cpu.map(|cpu| lives as f64 / cpu),
    }
}

/// Fills a kernel and reads the process's memory. Call it before anything else has used and freed
/// memory; `None` where the system does not tell.
#[must_use]
pub fn sizes() -> Option<Sizes> {
    const TASKS: u64 = 1_000_000;
    const AGENTS: u64 = 100_000;
    let mut bench = Bench::new(1);
    let before = resident_bytes()?;
    (0..TASKS).for_each(|at| bench.submit(at));
    let filled = resident_bytes()?;
    let mut fleet = Bench::new(100);
    let start = resident_bytes()?;
    (0..AGENTS).for_each(|at| fleet.join(at, AGENTS));
    let staffed = resident_bytes()?;
    drop(bench);
    Some(Sizes {
        queued_task_bytes: (filled - before) as f64 / TASKS as f64,
        idle_agent_bytes: (staffed - start) as f64 / AGENTS as f64,
    })
}

/// Processor time of this thread so far.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = stat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

struct Bench {
    kernel: Kernel,
    now: u64,
    terms: Vec<Arc<Terms>>,
    running: VecDeque<AttemptId>,
    output: Payload,
}

impl Bench {
    fn new(capabilities: u64) -> Bench {
        let limits = Limits { queue_max: 10_000_000, ..Limits::default() };
        let terms = (0..capabilities).map(|at| Arc::new(Terms::new(format!("work-{at}"))));
        let mut bench = Bench {
            kernel: Kernel::new(limits),
            now: 0,
            terms: terms.collect(),
            running: VecDeque::new(),
            output: payload(b"1"),
        };
        bench.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        bench
    }

    fn tell(&mut self, command: Command) {
        self.now += 1;
        // A millisecond for every thousand steps: about what a busy process sees.
        let Step { effects, .. } = self.kernel.step(Time(self.now / 1_000), command);
        for effect in effects {
            if let Effect::Dispatch(dispatch) = effect {
                self.running.push_back(dispatch.attempt);
            }
        }
    }

    /// Agents share the capabilities out evenly: all are served, whichever there are more of.
    fn join(&mut self, at: u64, agents: u64) {
        let capabilities = self.terms.len() as u64;
        let mine = (0..capabilities).filter(|it| it % agents == at % capabilities % agents);
        let serves =
            |it: u64| Serves { capability: self.terms[it as usize].capability.clone(), version: 1 };
        let serves = mine.map(serves).collect();
        self.tell(Command::Join(Arc::new(AgentSpec::new(
            format!("agent-{at}"),
            "bench",
            serves,
            1,
        ))));
    }

    fn submit(&mut self, at: u64) {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&at.to_le_bytes());
        self.tell(Command::Submit(Submit::new(
            self.terms[at as usize % self.terms.len()].clone(),
            Payload { digest: Digest(digest), len: 8, inline: None },
        )));
    }

    /// One task comes in, one goes out, and the next is granted.
    fn live(&mut self, at: u64) {
        self.submit(at);
        if let Some(attempt) = self.running.pop_front() {
            let output = self.output.clone();
            self.tell(Command::Report(attempt, Report::Completed(output)));
        }
    }
}
