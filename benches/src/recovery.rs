//! How long a start takes after a million journaled tasks: from the log alone, and from a snapshot.

use adapters::journal::log::{Log, Options};
use anyhow::Result;
use kernel::{
    AgentSpec, Answer, AttemptId, Command, Digest, Effect, Kernel, Limits, Payload, Report, Serves,
    Submit, Terms, Time,
};
use runtime::port::Journal;
use runtime::port::journal::{Batch, Record};
use runtime::record;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What a recovery took.
pub(crate) struct Recovered {
    pub(crate) tasks: u64,
    pub(crate) entries: u64,
    pub(crate) log_bytes: u64,
    pub(crate) log_ms: u128,
    pub(crate) snapshot_ms: u128,
}

/// Journals so many whole lives, then opens the journal again.
pub(crate) fn run(tasks: u64) -> Result<Recovered> {
    let dir = tempfile::tempdir_in(".")?;
    let (entries, log_bytes) = write(dir.path(), tasks, 0)?;
    let start = Instant::now();
    let mut log = Log::open(dir.path(), Options::default())?;
    let kernel = runtime::replay(&mut log, Limits::default())?;
    let log_ms = start.elapsed().as_millis();
    anyhow::ensure!(kernel.state().counts.completed == tasks, "all came back");
    drop((log, kernel));

    let dir = tempfile::tempdir_in(".")?;
    write(dir.path(), 0, tasks / 10)?;
    let mut log = Log::open(dir.path(), Options::default())?;
    let kernel = runtime::replay(&mut log, Limits::default())?;
    let at = log.head();
    log.put_snapshot(at, &record::encode_snapshot(&kernel))?;
    drop((log, kernel));
    let start = Instant::now();
    let mut log = Log::open(dir.path(), Options::default())?;
    let kernel = runtime::replay(&mut log, Limits::default())?;
    let snapshot_ms = start.elapsed().as_millis();
    anyhow::ensure!(kernel.state().open() as u64 == tasks / 10, "all came back");
    Ok(Recovered { tasks, entries, log_bytes, log_ms, snapshot_ms })
}

/// Journals `done` whole lives and `open` tasks that wait.
fn write(dir: &Path, done: u64, open: u64) -> Result<(u64, u64)> {
    let mut log = Log::open(dir, Options::default())?;
    let mut kernel = Kernel::new(Limits::default());
    let mut batch = Batch::default();
    let mut entries = 0;
    let terms = Arc::new(Terms::new("bench.noop"));
    let bytes: Arc<[u8]> = Arc::from(vec![b'x'; 200]);
    let payload = Payload { digest: Digest([7; 32]), len: 200, inline: Some(bytes) };
    let mut step = |kernel: &mut Kernel, command| -> Result<kernel::Step> {
        let step = kernel.step(Time(0), command);
        for entry in &step.entries {
            let (mut head, mut payload) = (Vec::new(), Vec::new());
            record::encode(entry, &mut head, &mut payload);
            batch.push(Record { head: &head, payload: &payload });
            entries += 1;
        }
        if batch.size() > 512 * 1024 {
            log.append(log.head(), &batch)?;
            batch.clear();
        }
        Ok(step)
    };
    if done > 0 {
        let joined = step(&mut kernel, Command::Join(Arc::new(noop())))?;
        anyhow::ensure!(joined.answer.is_ok(), "joined");
    }
    for _ in 0..done + open {
        let submit = Submit {
            terms: terms.clone(),
            input: payload.clone(),
            key: None,
            deadline_ms: None,
            delay_ms: 0,
            budget: None,
            definition: None,
        };
        let accepted = step(&mut kernel, Command::Submit(submit))?;
        anyhow::ensure!(matches!(accepted.answer, Ok(Answer::Accepted(_))), "accepted");
        if let Some(Effect::Dispatch(dispatch)) = accepted.effects.first() {
            let by: AttemptId = dispatch.attempt;
            let null =
                Payload { digest: Digest([9; 32]), len: 4, inline: Some(Arc::from(*b"null")) };
            let done = step(&mut kernel, Command::Report(by, Report::Completed(null)))?;
            anyhow::ensure!(done.answer.is_ok(), "completed");
        }
    }
    log.append(log.head(), &batch)?;
    Ok((entries, log.size().total_bytes))
}

fn noop() -> AgentSpec {
    AgentSpec {
        name: "noop".into(),
        kind: "native".into(),
        team: "".into(),
        serves: vec![Serves { capability: "bench.noop".into(), version: 1 }],
        slots: 4,
        prefer: 0,
        remote: false,
        labels: Default::default(),
    }
}
