//! `forget RUN`: the contents of a run go, that it happened stays.
//!
//! 1. Its inputs and outputs are erased from memory and from the log, whose chain holds.
//! 2. Its large payloads are removed, unless something else names the same content.
//! 3. The snapshots are rewritten without them. Nothing else is dropped, so that what is known of
//!    other runs stays as it was.
//!
//! 4. Whoever watches hears of it and erases what it kept.
//!
//! Each step may be interrupted, and the whole done again.

use super::collect::{is_blob, mark_event};
use super::lender::{Lender, borrow, reader};
use super::snapshot::{self, oldest, visit};
use super::{Error, Marks, replay};
use crate::port::journal::Seq;
use crate::port::{Blobs, Observer, Reader};
use crate::record;
use kernel::{Digest, Entry, Event, Kernel, Limits, Outcome, Payload, State, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Records erased under one hold of the journal, so that the turn waits for two syncs at most.
const PORTION: usize = 256;

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Tasks of the run, as far as the retained log knows them.
    pub tasks: u64,
    /// Records whose contents were erased.
    pub records: u64,
    /// Blobs removed.
    pub blobs: u64,
    /// Blobs that stay because something else has the same content.
    pub shared: u64,
}

/// Erases the contents of a settled run from journal, snapshots and blobs. Everything decided must
/// be durable. `from_memory` is told which tasks belong to it, and the observers which run it is.
///
/// # Errors
/// `StillOpen`, `NotARun`, `Unknown`: nothing was changed. Else what the stores say, and doing it
/// again goes on where it stopped.
pub fn forget(
    lender: &dyn Lender,
    blobs: &dyn Blobs,
    limits: &Limits,
    run: TaskId,
    observers: &[Arc<dyn Observer>],
    from_memory: &mut dyn FnMut(&BTreeSet<TaskId>),
) -> Result<Forgotten, Error> {
    let mut reader = reader(lender)?;
    let found = find(&mut *reader, lender, limits, run)?;
    from_memory(&found.tasks);
    for portion in found.seqs.chunks(PORTION) {
        borrow(lender, |journal| journal.erase_all(portion))??;
    }
    let (shared, own): (Vec<Digest>, Vec<Digest>) =
        found.blobs.iter().partition(|digest| found.named_elsewhere.contains(digest));
    for digest in &own {
        blobs.erase(&digest.0)?;
    }
    for at in reader.snapshots() {
        rewrite(lender, &mut *reader, at, &found.tasks)?;
    }
    for observer in observers {
        observer.forget(run).map_err(|why| Error::Views { why })?;
    }
    Ok(Forgotten {
        tasks: found.tasks.len() as u64,
        records: found.seqs.len() as u64,
        blobs: own.len() as u64,
        shared: shared.len() as u64,
    })
}

/// Writes a snapshot again without the contents of these tasks.
fn rewrite(
    lender: &dyn Lender,
    reader: &mut dyn Reader,
    at: Seq,
    tasks: &BTreeSet<TaskId>,
) -> Result<(), Error> {
    // A damaged one is told: nobody can take anything out of it.
    let bytes = reader.snapshot(at)?;
    let facts = record::decode_snapshot(&bytes).map_err(Error::Snapshot)?;
    let mut kernel = Kernel::new(Limits::default());
    kernel.restore(facts);
    kernel.forget(|task| tasks.contains(&task));
    snapshot::store(lender, reader, at, &kernel).map(drop)
}

/// What belongs to a run.
#[derive(Default)]
struct Found {
    tasks: BTreeSet<TaskId>,
    /// Records with contents of it.
    seqs: Vec<Seq>,
    blobs: Marks,
    named_elsewhere: Marks,
}

fn find(
    reader: &mut dyn Reader,
    lender: &dyn Lender,
    limits: &Limits,
    run: TaskId,
) -> Result<Found, Error> {
    let stop = || lender.is_ending();
    let kernel = replay(reader, limits, &stop)?;
    let state = kernel.state();
    let open = state.tasks().filter(|task| task.run == run).count();
    if open > 0 {
        return Err(Error::StillOpen { run, tasks: open });
    }
    if run.0 == 0 || run > state.last_task {
        return Err(Error::Unknown { run });
    }
    let mut roots = BTreeMap::new();
    let mut found = Found { tasks: [run].into(), ..Found::default() };
    if let Some((_, facts)) = oldest(reader)? {
        // Tasks accepted before the retained log, whose ends may stand in it.
        let mut past = Kernel::new(limits.clone());
        past.restore(facts);
        let dead = past.state().dead.values().map(|dead| &dead.task);
        roots.extend(past.state().tasks().chain(dead).map(|task| (task.id, task.run)));
    }
    let first = reader.first();
    visit(reader, first, &stop, &mut |seq, entry| found.take_in(&mut roots, run, seq, &entry))?;
    found.tasks.extend(roots.iter().filter(|(_, root)| **root == run).map(|(task, _)| *task));
    if let Some(root) = roots.get(&run).filter(|root| **root != run) {
        return Err(Error::NotARun { task: run, run: *root });
    }
    found.look_at(state);
    Ok(found)
}

impl Found {
    fn take_in(
        &mut self,
        roots: &mut BTreeMap<TaskId, TaskId>,
        run: TaskId,
        seq: Seq,
        entry: &Entry,
    ) {
        if let Event::TaskAccepted(accepted) = &entry.event {
            let parent = accepted.parent.as_ref();
            let root = parent.map_or(Some(&accepted.task), |parent| roots.get(&parent.task));
            if let Some(root) = root.copied() {
                roots.insert(accepted.task, root);
            }
        }
        let task = entry.event.task();
        if task.and_then(|task| roots.get(&task)) != Some(&run) && task != Some(run) {
            return mark_event(&mut self.named_elsewhere, &entry.event);
        }
        let contents = entry.event.payloads().filter(|payload| payload.len > 0);
        for payload in contents {
            if is_blob(payload) {
                self.blobs.insert(payload.digest);
            } else if payload.inline.is_some() {
                self.seqs.push(seq);
            }
        }
    }

    /// The blobs that the present state names, for this run or for others.
    fn look_at(&mut self, state: &State) {
        for key in state.keys.values() {
            let output = key.outcome.as_deref().and_then(Outcome::output);
            self.name(self.tasks.contains(&key.task), output);
        }
        let dead = state.dead.values().map(|dead| &dead.task);
        for task in state.tasks().chain(dead) {
            let own = self.tasks.contains(&task.id);
            self.name(own, Some(&task.input));
            let steps = task.past.iter().flat_map(|past| past.steps.values());
            for (_, outcome) in steps.filter_map(|step| step.outcome.as_ref()) {
                self.name(own, outcome.output());
            }
        }
    }

    fn name(&mut self, own: bool, payload: Option<&Payload>) {
        let marks = if own { &mut self.blobs } else { &mut self.named_elsewhere };
        marks.extend(payload.filter(|it| is_blob(it)).map(|it| it.digest));
    }
}
