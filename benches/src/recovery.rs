//! How long a start takes after a million journaled tasks: from the log alone, and from a snapshot.

use crate::closed_loop::cpu_time;
use crate::disk;
use crate::lives::{join, submit};
use crate::report::{Figure, Report};
use adapters::journal::log::{Log, Options};
use anyhow::Result;
use kernel::{
    Answer, Command, Digest, Effect, Kernel, Limits, Payload, Report as Said, Step, Time,
};
use runtime::port::Journal;
use runtime::port::journal::Batch;
use runtime::record;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Whole lives in the log.
const TASKS: u64 = 1_000_000;
/// Tasks that wait, in the snapshot.
const OPEN: u64 = 100_000;
/// Entries are appended when there are so many bytes of them, as the turn does.
const BATCH_BYTES: usize = 512 * 1024;

/// Journals a million lives, opens the journal again, and once more from a snapshot.
pub(crate) fn run(report: &Report) -> Result<()> {
    let dir = disk::scratch()?;
    let entries = write(dir.path(), TASKS, 0)?;
    let took = reopen(dir.path(), |kernel| {
        anyhow::ensure!(kernel.state().counts.completed == TASKS, "all came back");
        Ok(())
    })?;
    let log = [("entries", entries as f64), ("log_mib", took.log_mib)];
    report.line("recovery", "1M ended tasks, from the log", &[&took.figures()[..], &log].concat());
    snapshot(dir.path())?;
    let took = reopen(dir.path(), |kernel| {
        anyhow::ensure!(kernel.state().counts.completed == TASKS, "all came back");
        Ok(())
    })?;
    report.line("recovery", "1M ended tasks, from a snapshot", &took.figures());

    let dir = disk::scratch()?;
    write(dir.path(), 0, OPEN)?;
    snapshot(dir.path())?;
    let took = reopen(dir.path(), |kernel| {
        anyhow::ensure!(kernel.state().open() as u64 == OPEN, "all came back");
        Ok(())
    })?;
    report.line("recovery", "100k open tasks, from a snapshot", &took.figures());
    Ok(())
}

/// What a start took.
struct Took {
    ms: f64,
    /// Processor time: on a busy machine the clock counts others' work as well.
    cpu_ms: f64,
    log_mib: f64,
}

impl Took {
    fn figures(&self) -> [Figure; 2] {
        [("ms", self.ms), ("cpu_ms", self.cpu_ms)]
    }
}

/// Opens the journal and replays it.
fn reopen(dir: &Path, check: impl FnOnce(&Kernel) -> Result<()>) -> Result<Took> {
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut log = Log::open(dir, Options::default())?;
    let kernel = runtime::replay(&mut log, Limits::default())?;
    let (took, cpu) = (start.elapsed(), cpu_time().saturating_sub(cpu));
    check(&kernel)?;
    let log_mib = log.size().tail_bytes as f64 / 1_048_576.0;
    Ok(Took { ms: took.as_secs_f64() * 1e3, cpu_ms: cpu.as_secs_f64() * 1e3, log_mib })
}

fn snapshot(dir: &Path) -> Result<()> {
    let mut log = Log::open(dir, Options { snapshots: 1, ..Options::default() })?;
    let kernel = runtime::replay(&mut log, Limits::default())?;
    let at = log.head();
    Ok(log.put_snapshot(at, &record::encode_snapshot(&kernel))?)
}

/// Steps a kernel and journals what it decides.
struct Scribe {
    log: Log,
    kernel: Kernel,
    batch: Batch,
    entries: u64,
}

impl Scribe {
    fn step(&mut self, command: Command) -> Result<Step> {
        let step = self.kernel.step(Time(0), command);
        for entry in &step.entries {
            record::push(entry, &mut self.batch);
            self.entries += 1;
        }
        if self.batch.size() > BATCH_BYTES {
            self.flush()?;
        }
        Ok(step)
    }

    fn flush(&mut self) -> Result<()> {
        self.log.append(self.log.head(), &self.batch)?;
        self.batch.clear();
        Ok(())
    }
}

/// Journals `done` whole lives, or `open` tasks that wait; gives the number of entries.
fn write(dir: &Path, done: u64, open: u64) -> Result<u64> {
    let log = Log::open(dir, Options::default())?;
    let kernel = Kernel::new(Limits::default());
    let mut scribe = Scribe { log, kernel, batch: Batch::default(), entries: 0 };
    if done > 0 {
        let joined = scribe.step(join(0, 4))?;
        anyhow::ensure!(joined.answer.is_ok(), "joined");
    }
    for _ in 0..done + open {
        let accepted = scribe.step(submit(0))?;
        anyhow::ensure!(matches!(accepted.answer, Ok(Answer::Accepted(_))), "accepted");
        if let Some(Effect::Dispatch(dispatch)) = accepted.effects.first() {
            let null =
                Payload { digest: Digest([9; 32]), len: 4, inline: Some(Arc::from(*b"null")) };
            let done = scribe.step(Command::Report(dispatch.attempt, Said::Completed(null)))?;
            anyhow::ensure!(done.answer.is_ok(), "completed");
        }
    }
    scribe.flush()?;
    Ok(scribe.entries)
}
