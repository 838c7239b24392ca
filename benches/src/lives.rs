//! The kernel alone: what a whole life costs by the length of the queue, the number of agents and
//! of capabilities, and what a queued task and an idle agent cost in memory.
//!
//! A life is: submitted, matched, leased, completed. Queue and fleet are held at a constant size
//! while lives go through them, so that the figure says what a life costs in such a house.

use crate::closed_loop::cpu_time;
use crate::report::Report;
use anyhow::{Context, Result};
use kernel::{
    AgentSpec, AttemptId, Command, Digest, Effect, Kernel, Limits, Payload, Report as Said, Serves,
    Submit, Terms, Time,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Capabilities of the fleet whose tasks are journaled and whose memory is measured.
const CAPABILITIES: u32 = 100;
/// Tasks that wait, as measured.
const QUEUES: [u64; 3] = [1_000, 100_000, 1_000_000];
/// Agents, one slot each, all at work.
const FLEETS: [u32; 3] = [10, 1_000, 10_000];
/// Capabilities, spread evenly over agents and tasks.
const CRAFTS: [u32; 3] = [1, 10, 100];
/// The longest queue is measured with these only: filling it takes longer than measuring.
const CRAFTS_OF_LONGEST: [u32; 2] = [1, 100];
/// How long each is measured.
const TIME: Duration = Duration::from_millis(400);

/// Nanoseconds that a life may take at most, with 1 000 agents and 100 capabilities.
const LIFE_NS_MAX: f64 = 1_000.0;
/// How much dearer a life may get from the smallest house to any other.
const GROWTH_MAX: f64 = 2.0;
/// Bytes that a queued task may take, its payload apart.
const TASK_BYTES_MAX: f64 = 256.0;
/// Bytes that an idle agent may take.
const AGENT_BYTES_MAX: f64 = 512.0;

/// Measures lives and bytes.
pub(crate) fn run(report: &Report) -> Result<()> {
    // First, while this process is small: memory given back by what came before would be reused.
    let (task, payload, agent) = bytes()?;
    for crafts in CRAFTS {
        table(report, crafts)?;
    }
    let most = |max| ("target_max", max);
    let figures = [("bytes", task), most(TASK_BYTES_MAX)];
    report.line("kernel", "a queued task, payload apart", &figures);
    report.line("kernel", "its payload of 200 bytes", &[("bytes", payload)]);
    report.line("kernel", "an idle agent", &[("bytes", agent), most(AGENT_BYTES_MAX)]);
    Ok(())
}

/// Every house with so many capabilities, and how much the cost of a life grows among them, by the
/// processor's time: busy neighbours change that less than the clock's.
fn table(report: &Report, crafts: u32) -> Result<()> {
    let mut smallest = None;
    let mut growth_max = 0.0_f64;
    for agents in FLEETS {
        for queued in QUEUES {
            if queued == QUEUES[2] && !CRAFTS_OF_LONGEST.contains(&crafts) {
                continue;
            }
            let cost = lives(queued, agents, crafts)?;
            let growth = cost.cpu_ns / *smallest.get_or_insert(cost.cpu_ns);
            growth_max = growth_max.max(growth);
            let mut figures =
                vec![("ns_per_life", cost.ns), ("cpu_ns", cost.cpu_ns), ("growth", growth)];
            if (agents, crafts) == (FLEETS[1], CRAFTS[2]) {
                figures.push(("cpu_ns_target_max", LIFE_NS_MAX));
            }
            let (queued, agents) = (short(queued), short(u64::from(agents)));
            let what = format!("{queued} queued, {agents} agents, {crafts} cap.");
            report.line("kernel", &what, &figures);
        }
    }
    let what = format!("growth at most, {crafts} cap.");
    report.line("kernel", &what, &[("growth", growth_max), ("target_max", GROWTH_MAX)]);
    Ok(())
}

/// `100k`, `1M`.
fn short(count: u64) -> String {
    match count {
        1_000_000.. => format!("{}M", count / 1_000_000),
        1_000.. => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}

/// What a life costs, by the clock and by the processor's time.
struct Cost {
    ns: f64,
    cpu_ns: f64,
}

/// Every agent works on one task; each turn the one that has worked longest completes, which grants
/// the next task, and one more is submitted.
fn lives(queued: u64, agents: u32, crafts: u32) -> Result<Cost> {
    let mut house = House::new(crafts);
    (0..agents).try_for_each(|agent| house.join(agent, agents))?;
    (0..u64::from(agents) + queued).try_for_each(|nth| house.submit(nth))?;
    let mut nth = 0;
    let mut live = |house: &mut House| -> Result<()> {
        for _ in 0..256 {
            house.complete()?;
            house.submit(nth)?;
            nth += 1;
        }
        Ok(())
    };
    // Until caches are as warm as they stay.
    (0..8).try_for_each(|_| live(&mut house))?;
    let (begun, cpu, mut rounds) = (Instant::now(), cpu_time(), 0_u32);
    while begun.elapsed() < TIME {
        live(&mut house)?;
        rounds += 1;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(rounds * 256);
    Ok(Cost { ns: each(begun.elapsed()), cpu_ns: each(cpu_time().saturating_sub(cpu)) })
}

/// A kernel, what is asked of it, and who works, longest first.
struct House {
    kernel: Kernel,
    terms: Vec<Arc<Terms>>,
    working: VecDeque<AttemptId>,
    steps: u64,
}

impl House {
    fn new(crafts: u32) -> House {
        let max = u64::MAX;
        let limits = Limits { queue_max: max, payload_max_bytes: max, ..Limits::default() };
        let terms = (0..crafts).map(|nth| Arc::new(Terms::new(capability(u64::from(nth)))));
        let (terms, working) = (terms.collect(), VecDeque::new());
        House { kernel: Kernel::new(limits), terms, working, steps: 0 }
    }

    /// Agents share the capabilities out evenly: all are served, whichever there are more of.
    fn join(&mut self, nth: u32, agents: u32) -> Result<()> {
        let crafts = self.terms.len() as u32;
        let mine = (0..crafts).filter(|craft| craft % agents == nth % crafts % agents);
        let serves = mine.map(|craft| {
            let capability = self.terms[craft as usize].capability.clone();
            Serves { capability, version: 1 }
        });
        let serves = serves.collect();
        let spec = AgentSpec::new(format!("agent-{nth}"), "native", serves, 1);
        self.step(Command::Join(Arc::new(spec)))
    }

    fn submit(&mut self, nth: u64) -> Result<()> {
        let terms = self.terms[nth as usize % self.terms.len()].clone();
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&nth.to_le_bytes());
        let input = Payload { digest: Digest(digest), len: 8, inline: None };
        self.step(Command::Submit(Submit::new(terms, input)))
    }

    fn complete(&mut self) -> Result<()> {
        let attempt = self.working.pop_front().context("somebody works")?;
        let output = Payload { digest: Digest([9; 32]), len: 4, inline: None };
        self.step(Command::Report(attempt, Said::Completed(output)))
    }

    fn step(&mut self, command: Command) -> Result<()> {
        self.steps += 1;
        // A millisecond for every thousand steps: about what a busy process sees.
        let step = self.kernel.step(Time(self.steps / 1_000), command);
        anyhow::ensure!(step.answer.is_ok(), "the kernel refused: {:?}", step.answer);
        self.working.extend(step.effects.iter().filter_map(granted));
        Ok(())
    }
}

fn granted(effect: &Effect) -> Option<AttemptId> {
    match effect {
        Effect::Dispatch(dispatch) => Some(dispatch.attempt),
        Effect::Resume { .. }
        | Effect::Deliver { .. }
        | Effect::Stop { .. }
        | Effect::Advise(_)
        | Effect::Settled { .. }
        | Effect::Reckon { .. }
        | Effect::StartAgent { .. }
        | Effect::StopAgent { .. }
        | Effect::ResizeAgent { .. }
        | Effect::DismissAgent { .. }
        | Effect::DeliverMessages(_) => None,
    }
}

/// Bytes of memory a queued task without its payload, a payload, and an idle agent.
fn bytes() -> Result<(f64, f64, f64)> {
    const TASKS: u64 = 500_000;
    const AGENTS: u32 = 100_000;
    let bare = grown(TASKS, |kernel, nth| {
        let Command::Submit(mut submit) = submit(nth) else { return };
        submit.input.inline = None;
        drop(kernel.step(Time(0), Command::Submit(submit)));
    })?;
    let whole = grown(TASKS, |kernel, nth| drop(kernel.step(Time(0), submit(nth))))?;
    let agent = grown(u64::from(AGENTS), |kernel, nth| {
        drop(kernel.step(Time(0), join(nth as u32, 1)));
    })?;
    Ok((bare, whole - bare, agent))
}

/// How much the process grows for each of so many, while the kernel that holds them is kept: what
/// one measurement gives back would be reused by the next.
fn grown(count: u64, mut add: impl FnMut(&mut Kernel, u64)) -> Result<f64> {
    let mut kernel = Kernel::new(Limits::default());
    let before = crate::fleet::resident(std::process::id())?;
    (0..count).for_each(|nth| add(&mut kernel, nth));
    let after = crate::fleet::resident(std::process::id())?;
    std::mem::forget(kernel);
    Ok((after - before) as f64 / count as f64)
}

/// An agent that serves one of the capabilities.
pub(crate) fn join(nth: u32, slots: u32) -> Command {
    let serves = Serves { capability: capability(u64::from(nth)).into(), version: 1 };
    Command::Join(Arc::new(AgentSpec::new(format!("agent-{nth}"), "native", vec![serves], slots)))
}

/// A task with 200 bytes of input that asks for one of the capabilities.
pub(crate) fn submit(nth: u64) -> Command {
    let bytes: Arc<[u8]> = Arc::from([b'x'; 200]);
    Command::Submit(Submit::new(
        Terms::new(capability(nth)),
        Payload { digest: Digest([7; 32]), len: 200, inline: Some(bytes) },
    ))
}

fn capability(nth: u64) -> String {
    format!("bench.work{}", nth % u64::from(CAPABILITIES))
}
