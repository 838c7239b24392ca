//! The kernel alone: whole lives a second by the length of the queue and the number of agents, and
//! what a queued task and an idle agent cost in memory.

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

/// Capabilities that agents serve and tasks ask for, in turn.
const CAPABILITIES: u32 = 100;
/// Tasks waiting and agents, as measured: one of the two grows at a time.
const SIZES: [(u64, u32); 5] =
    [(1_000, 10), (1_000, 1_000), (1_000, 10_000), (100_000, 1_000), (1_000_000, 1_000)];
/// How long each is measured.
const TIME: Duration = Duration::from_millis(700);

/// Measures lives and bytes.
pub(crate) fn run(report: &Report) -> Result<()> {
    // First, while this process is small: memory given back by what came before would be reused.
    let (task, payload, agent) = bytes()?;
    for (waiting, agents) in SIZES {
        let what = format!("{waiting} waiting, {agents} agents");
        let (per_s, per_cpu_s) = lives(waiting, agents)?;
        let figures = [("lives_per_s", per_s), ("lives_per_cpu_s", per_cpu_s)];
        report.line("kernel", &what, &figures);
    }
    report.line("kernel", "a queued task, payload apart", &[("bytes", task)]);
    report.line("kernel", "its payload of 200 bytes", &[("bytes", payload)]);
    report.line("kernel", "an idle agent", &[("bytes", agent)]);
    Ok(())
}

/// Every agent works on one task; each turn the one that has worked longest completes, which grants
/// the next task, and one more is submitted. By the clock, and by the processor's time.
fn lives(waiting: u64, agents: u32) -> Result<(f64, f64)> {
    let limits = Limits { queue_max: u64::MAX, payload_max_bytes: u64::MAX, ..Limits::default() };
    let mut fleet = Fleet { kernel: Kernel::new(limits), working: VecDeque::new() };
    // With fewer agents than capabilities, nobody would serve the rest.
    let asked = u64::from(agents.min(CAPABILITIES));
    (0..agents).try_for_each(|agent| fleet.step(join(agent, 1)))?;
    (0..u64::from(agents) + waiting).try_for_each(|nth| fleet.step(submit(nth % asked)))?;
    let (begun, cpu, mut nth) = (Instant::now(), cpu_time(), 0);
    while begun.elapsed() < TIME {
        for _ in 0..256 {
            let attempt = fleet.working.pop_front().context("somebody works")?;
            let output = Payload { digest: Digest([9; 32]), len: 4, inline: None };
            fleet.step(Command::Report(attempt, Said::Completed(output)))?;
            fleet.step(submit(nth % asked))?;
            nth += 1;
        }
    }
    let cpu = cpu_time().saturating_sub(cpu);
    Ok((nth as f64 / begun.elapsed().as_secs_f64(), nth as f64 / cpu.as_secs_f64()))
}

/// A kernel and who works, longest first.
struct Fleet {
    kernel: Kernel,
    working: VecDeque<AttemptId>,
}

impl Fleet {
    fn step(&mut self, command: Command) -> Result<()> {
        let step = self.kernel.step(Time(0), command);
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
        | Effect::Settled { .. } => None,
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
    let before = crate::process::resident(std::process::id())?;
    (0..count).for_each(|nth| add(&mut kernel, nth));
    let after = crate::process::resident(std::process::id())?;
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
