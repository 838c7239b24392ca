//! A run again, over what is recorded of it: would the code of today, or an edited team file, do
//! what was done?
//!
//! ```text
//! journal ─▶ kernel just before each task was settled ─▶ its agent's code, over the step table
//!                                                          │
//!              matched · differs, at which step · taken ◀──┘ held against the record
//! ```
//!
//! What decides over recorded steps is run: the steps of the team, and agents that are models.
//! Everybody else is taken at their word: programs are not started, people not asked, builtins not
//! run, and no model is called. The journal is read and not held, so a team may be at work beside.

mod cast;
mod judge;
mod walk;

use crate::data::DataDir;
use crate::session;
use crate::team::definitions;
use crate::team::file::TeamFile;
use adapters::blobs::files::Files;
use adapters::blobs::memory::Memory;
use cast::Cast;
use kernel::{Digest, Outcome, TaskId};
use runtime::port::{Blobs, blobs, journal};
use runtime::replay::{self, Played, Recorded};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use walk::Moment;

/// Why a run cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the journal says.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// What the blob store says.
    #[error(transparent)]
    Blobs(#[from] blobs::Error),
    /// The snapshot of the journal cannot be understood.
    #[error("the snapshot of the journal cannot be used: {0}")]
    Snapshot(String),
    /// The edited team file cannot run.
    #[error(transparent)]
    Definition(#[from] definitions::Error),
    /// There is no such run.
    #[error(
        "the journal tells of no run {run}; `majordomo runs` lists the runs, of which those are \
         kept here whose tasks ended after entry {first}"
    )]
    NoRun {
        /// Its number.
        run: u64,
        /// The first entry that is kept.
        first: u64,
    },
    /// It is a task of a run.
    #[error("task {task} is part of run {run}: replay that one")]
    NotARun {
        /// What was asked for.
        task: u64,
        /// Its run.
        run: u64,
    },
    /// The program is about to end.
    #[error("the program is ending")]
    Ended,
}

/// A team file to hold the record against, in the place of the one that the run follows.
pub struct Edited {
    /// Its content.
    pub file: TeamFile,
    /// Where it stands.
    pub path: Option<PathBuf>,
}

/// What became of a run that was played.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// Its root.
    pub run: u64,
    /// Tasks whose code did what is recorded.
    pub matched: usize,
    /// Tasks whose code would do something else.
    pub differs: usize,
    /// Tasks whose outcome was taken from the record.
    pub taken: usize,
    /// Each of its tasks, in the order in which they were settled; those that are open come last.
    pub tasks: Vec<Task>,
    /// What is to be known besides.
    pub notes: Vec<String>,
}

/// What became of one task.
#[derive(Debug, Serialize)]
pub struct Task {
    /// Its number.
    pub task: u64,
    /// Its step key under the task above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was asked for.
    pub capability: String,
    /// Who had it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How it ended in the record; `open` if it has not.
    pub status: &'static str,
    #[serde(flatten)]
    /// Whether it does the same now.
    pub verdict: Verdict,
}

/// How a task compares.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every step that its code asks for is in the record, and it ends as it did.
    Matched {
        /// Recorded steps that were asked for again.
        steps: usize,
        /// What could not be told, or how far it went.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It does something else.
    Differs {
        /// What, the first difference first.
        differences: Vec<Found>,
    },
    /// Its code was not run.
    Taken {
        /// Why.
        why: String,
    },
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// At which step; `None`: in how it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What is recorded.
    pub recorded: String,
    /// What is now.
    pub now: String,
}

/// Plays a run of this data directory.
///
/// # Errors
/// It is not there, or what is kept of it cannot be read.
pub async fn run(data: &DataDir, run: TaskId, edited: Option<Edited>) -> Result<Replay, Error> {
    let store = Arc::new(Aside { files: Files::open(&data.blobs())?, aside: Memory::new() });
    let mut notes = Vec::new();
    let edited = edited.map(|Edited { file, path }| {
        let nobody = Some(cast::nobody());
        session::settle(file, path, nobody, &mut notes)
    });
    let cast = Cast::new(store.clone(), edited)?;
    let (journal, handle) = (data.journal(), Handle::current());
    let walking = move || {
        let mut tasks = Vec::new();
        let mut visit = |moment: Moment| {
            let played = handle.block_on(play(&cast, &store, &moment));
            tasks.push(moment.told(played));
        };
        walk::walk(&journal, run, &mut visit).map(|()| tasks)
    };
    let tasks = tokio::task::spawn_blocking(walking).await.map_err(|_| Error::Ended)??;
    let count = |of: fn(&Verdict) -> bool| tasks.iter().filter(|it| of(&it.verdict)).count();
    Ok(Replay {
        run: run.0,
        matched: count(|it| matches!(it, Verdict::Matched { .. })),
        differs: count(|it| matches!(it, Verdict::Differs { .. })),
        taken: count(|it| matches!(it, Verdict::Taken { .. })),
        tasks,
        notes,
    })
}

/// What became of one task, now.
async fn play(cast: &Cast, store: &Arc<Aside>, moment: &Moment) -> Verdict {
    let role = match cast.role(moment) {
        Ok(role) => role,
        Err(why) => return Verdict::Taken { why },
    };
    let played = once(moment, &role.agent, role.follows, store).await;
    let mut judged = judge::Judged::of(moment, &played, role.is_workflow, &**store);
    if judged.asks_otherwise()
        && let Some(original) = cast.original(moment)
    {
        let before = once(moment, &original, None, store).await;
        judged.tell_words(&before);
    }
    judged.verdict()
}

async fn once(
    moment: &Moment,
    agent: &Arc<dyn runtime::port::Agent>,
    follows: Option<Digest>,
    store: &Arc<Aside>,
) -> Played {
    let mut recorded: Recorded = moment.recorded.clone();
    if let Some(definition) = follows {
        cast::follow(&mut recorded.kernel, recorded.task, definition);
    }
    let journal = Box::new(adapters::journal::memory::Memory::new());
    replay::play(recorded, agent.clone(), journal, store.clone()).await
}

impl Moment {
    fn told(self, verdict: Verdict) -> Task {
        let state = self.recorded.kernel.state();
        let task = state.task(self.recorded.task);
        let status = match &self.end {
            None => "open",
            Some(Outcome::Completed(_)) => "completed",
            Some(Outcome::Failed(_)) => "failed",
            Some(Outcome::Cancelled(_)) => "cancelled",
            Some(Outcome::Dead(_)) => "dead",
        };
        Task {
            task: self.recorded.task.0,
            step: task.and_then(|it| it.parent.as_ref()).map(|it| it.step.to_string()),
            capability: task.map(|it| it.terms.capability.to_string()).unwrap_or_default(),
            agent: self.agent.map(|spec| spec.name.to_string()),
            status,
            verdict,
        }
    }
}

/// The blobs of a data directory, and beside them, in memory, what is put there now.
struct Aside {
    files: Files,
    aside: Memory,
}

impl Blobs for Aside {
    fn put(&self, bytes: &[u8]) -> Result<blobs::Digest, blobs::Error> {
        self.aside.put(bytes)
    }

    fn get(&self, digest: &blobs::Digest) -> Result<Arc<[u8]>, blobs::Error> {
        self.aside.get(digest).or_else(|_| self.files.get(digest))
    }

    fn collect(
        &self,
        keep: &mut dyn FnMut(&blobs::Digest) -> bool,
    ) -> Result<(u64, u64), blobs::Error> {
        self.aside.collect(keep)
    }

    fn erase(&self, digest: &blobs::Digest) -> Result<(), blobs::Error> {
        self.aside.erase(digest)
    }

    fn size(&self) -> Result<u64, blobs::Error> {
        self.aside.size()
    }
}
