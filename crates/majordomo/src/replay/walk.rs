//! The journal, read once: the kernel as it was just before each task of a run was settled.

use super::Error;
use adapters::journal::log::Reader;
use kernel::{AgentId, AgentSpec, Entry, Event, Kernel, Limits, Outcome, TaskId};
use runtime::port::journal::{self, Seq};
use runtime::port::reader::Reader as _;
use runtime::record;
use runtime::replay::Recorded;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A task, and everything else, as it was.
pub(super) struct Moment {
    pub(super) recorded: Recorded,
    /// Who had it last.
    pub(super) agent: Option<Arc<AgentSpec>>,
    /// How it ended; `None` if it is open.
    pub(super) end: Option<Outcome>,
}

/// Visits the tasks of a run in the order in which they were settled, and then those that are open.
pub(super) fn walk(
    journal: &Path,
    run: TaskId,
    visit: &mut dyn FnMut(Moment),
) -> Result<(), Error> {
    let mut reader = Reader::open(journal)?;
    let first = reader.first();
    // The oldest that the log goes on from: it reaches back the furthest.
    let usable = |at: &Seq| at.0 + 1 >= first.0 && first.0 > 1;
    let snapshot = reader.snapshots().into_iter().find(usable);
    let mut kernel = Kernel::new(Limits::default());
    let mut from = first;
    if let Some(at) = snapshot {
        let facts = record::decode_snapshot(&reader.snapshot(at)?);
        kernel.restore(facts.map_err(|why| Error::Snapshot(why.to_string()))?);
        from = Seq(at.0 + 1);
    }
    let mut walk = Walk { kernel, run, agents: BTreeMap::new(), visited: 0, part_of: None };
    reader.read(from, &mut |seq, bytes| {
        let entry = record::decode(bytes)
            .map_err(|why| journal::Error::Unreadable { at: seq, why: why.to_string() })?;
        walk.take_in(&entry, visit);
        Ok(())
    })?;
    walk.open(visit);
    match (walk.visited, walk.part_of) {
        (0, Some(of)) => Err(Error::NotARun { task: run.0, run: of.0 }),
        (0, None) => Err(Error::NoRun { run: run.0, first: first.0 }),
        _ => Ok(()),
    }
}

struct Walk {
    kernel: Kernel,
    run: TaskId,
    /// Who had each open task of the run last.
    agents: BTreeMap<TaskId, AgentId>,
    visited: usize,
    /// What was asked for is no run, but a task of this one.
    part_of: Option<TaskId>,
}

impl Walk {
    fn take_in(&mut self, entry: &Entry, visit: &mut dyn FnMut(Moment)) {
        match &entry.event {
            Event::LeaseGranted(granted) if self.is_of_run(granted.task) => {
                self.agents.insert(granted.task, granted.agent);
            }
            Event::TaskCompleted { task, output, .. } => {
                self.settled(*task, Outcome::Completed(output.clone()), visit);
            }
            Event::TaskFailed { task, failure } => {
                self.settled(*task, Outcome::Failed(failure.clone()), visit);
            }
            Event::TaskCancelled { task, reason } => {
                self.settled(*task, Outcome::Cancelled(reason.clone()), visit);
            }
            Event::TaskDied { task, failure } => {
                self.settled(*task, Outcome::Dead(failure.clone()), visit);
            }
            _ => {}
        }
        self.kernel.apply(entry);
    }

    fn is_of_run(&mut self, task: TaskId) -> bool {
        let run = self.kernel.state().task(task).map(|it| it.run);
        if task == self.run && run.is_some_and(|it| it != task) {
            self.part_of = run;
        }
        run == Some(self.run)
    }

    fn settled(&mut self, task: TaskId, end: Outcome, visit: &mut dyn FnMut(Moment)) {
        if self.is_of_run(task) {
            self.meet(task, Some(end), visit);
        }
    }

    fn meet(&mut self, task: TaskId, end: Option<Outcome>, visit: &mut dyn FnMut(Moment)) {
        let state = self.kernel.state();
        let held = state.task(task).and_then(|it| it.status.lease().map(|lease| lease.agent));
        let agent = self.agents.remove(&task).or(held);
        let spec = agent.and_then(|it| state.agent(it)).map(|it| it.spec.clone());
        let recorded = Recorded {
            kernel: self.kernel.clone(),
            task,
            agent: agent.unwrap_or(AgentId(0)),
            is_settled: end.is_some(),
        };
        self.visited += 1;
        visit(Moment { recorded, agent: spec, end });
    }

    fn open(&mut self, visit: &mut dyn FnMut(Moment)) {
        let open: Vec<TaskId> = self.kernel.state().tasks().map(|it| it.id).collect();
        for task in open {
            if self.is_of_run(task) {
                self.meet(task, None, visit);
            }
        }
    }
}
