//! Runs of earlier processes: what became of them, from the journal itself.
//!
//! The tally of a session counts from where work was open. A run that ended in a process which was
//! killed before it could say so is told later, by whoever resumes: *untold* are the runs that have
//! ended since the last orderly end and before this start.

use super::Session;
use crate::crew;
use crate::tally::{Figures, Tally};
use kernel::{Entry, Event, TaskId};
use runtime::port::Observer;
use runtime::port::journal::{self, Seq};
use runtime::record;
use std::collections::BTreeSet;

impl Session {
    /// Runs that ended with nobody left to say so, oldest first. Reads the log that is kept.
    pub async fn untold(&self) -> Vec<TaskId> {
        let mut told = Told::default();
        let untold = self.read_log(move |_, entry| {
            told.take_in(entry);
            matches!(entry.event, Event::RuntimeStarted { .. }).then(|| told.untold.clone())
        });
        untold.await.unwrap_or_default().into_iter().collect()
    }

    /// The figures of a run that this session has not counted, as far back as the log is kept.
    pub(super) async fn figures_before(&self, run: TaskId) -> Option<Figures> {
        let tally = Tally::of(run);
        let figures = self.read_log(move |seq, entry| {
            tally.durable(seq, &[entry.clone()].into());
            entry.event.task().filter(|task| *task == run).and_then(|_| tally.figures(run))
        });
        figures.await.filter(|figures| figures.tasks.accepted > 0 && figures.ended.is_some())
    }

    /// The last of what `visit` makes of the entries.
    async fn read_log<T: Send + 'static>(
        &self,
        mut visit: impl FnMut(Seq, &Entry) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let runtime = self.team.runtime().clone();
        let read = move || {
            let mut last = None;
            let read = runtime.with_journal(|journal| {
                let first = journal.first();
                journal.read(first, &mut |seq, bytes| {
                    let entry = record::decode(bytes).map_err(|why| {
                        journal::Error::Unreadable { at: seq, why: why.to_string() }
                    })?;
                    if let Some(made) = visit(seq, &entry) {
                        last = Some(made);
                    }
                    Ok(())
                })
            });
            read?.ok()?;
            last
        };
        tokio::task::spawn_blocking(read).await.ok()?
    }
}

/// Which runs have ended, and of which somebody was told.
#[derive(Default)]
struct Told {
    open: BTreeSet<TaskId>,
    ended: BTreeSet<TaskId>,
    /// Those that had ended when the present process began.
    untold: BTreeSet<TaskId>,
}

impl Told {
    fn take_in(&mut self, entry: &Entry) {
        match &entry.event {
            Event::TaskAccepted(accepted)
                if accepted.parent.is_none() && crew::is_root(&accepted.terms.capability) =>
            {
                self.open.insert(accepted.task);
            }
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => self.ended.extend(self.open.take(task)),
            // An orderly end comes after the last word.
            Event::DrainStarted => self.ended.clear(),
            Event::RuntimeStarted { .. } => self.untold.clone_from(&self.ended),
            _ => {}
        }
    }
}
