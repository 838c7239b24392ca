//! Keeping and losing data on purpose: snapshots, the collection of blobs, forgetting, and room.
//!
//! ```text
//!   log grows ──▶ replay beside the writer ──▶ stage a snapshot ──▶ adopt: a rename in the turn
//!                                                                     └▶ old log and blobs go
//! ```
//!
//! Everything here works on a [`Lender`]: the running turn, which lends its journal between two
//! batches, or a journal that nobody else has open.

pub(crate) mod blobs;
mod collect;
mod forget;
mod keeper;
mod lender;
mod room;
mod snapshot;

pub use collect::{Collected, Marks, collect, marks};
pub use forget::{Forgotten, forget};
pub(crate) use keeper::Keeper;
pub use keeper::Keeping;
pub use lender::{Lender, Lone};
pub(crate) use room::{Room, no_room};
pub use snapshot::{Taken, replay, take};

use crate::port::{blobs as port_blobs, journal};
use crate::record;
use kernel::TaskId;

/// Why something could not be kept, tidied up or forgotten. The journal is as good as before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the journal says.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// What the blob store says.
    #[error(transparent)]
    Blobs(#[from] port_blobs::Error),
    /// A snapshot that this program cannot read.
    #[error("the snapshot cannot be used: {0}")]
    Snapshot(record::Error),
    /// What was encoded reads back as something else: a bug, and the log is kept.
    #[error("the snapshot up to record {at} does not read back as it was; the log is kept whole")]
    Unverified {
        /// The last record it should include.
        at: journal::Seq,
    },
    /// The journal was closed meanwhile; it is done again at another time.
    #[error("the journal was closed meanwhile; nothing was lost")]
    Ended,
    /// This kind of journal cannot be read beside its writer.
    #[error("this kind of journal cannot be read while it is written")]
    NotReadable,
    /// Whoever keeps views could not be told; the journal no longer has the contents.
    #[error("the contents are gone from the journal, but not from the views: {why}")]
    Views {
        /// What they say, and what to do.
        why: String,
    },
    /// Its work goes on, so its contents are still needed.
    #[error(
        "run {run} is still open ({tasks} tasks); cancel it or wait for its end, then forget it"
    )]
    StillOpen {
        /// Which.
        run: TaskId,
        /// Open tasks of it.
        tasks: usize,
    },
    /// A task below a run was named.
    #[error("task {task} belongs to run {run}; forget that")]
    NotARun {
        /// What was named.
        task: TaskId,
        /// Its root.
        run: TaskId,
    },
    /// No such number was ever given out.
    #[error("there is no run {run}; `majordomo tasks` lists those there are")]
    Unknown {
        /// Which.
        run: TaskId,
    },
}
