//! The journal: an append-only sequence of records with one writer. What it has accepted is
//! durable.
//!
//! A record has a *head*, which is chained by checksum to the head before it, and a *payload*,
//! whose digest stands in the head. The chain never covers payload bytes, so they can be erased on
//! request ([`Journal::erase`]) without breaking what comes after.
//!
//! The port is blocking on purpose: a sync is a blocking call, and the turn gives it a thread.

use super::Reader;
use std::fmt;

/// The position of a record; the first record of a journal has number 1. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Which opening of the journal is writing. Rises by one whenever a writer takes the journal over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// One record as the journal sees it: bytes it does not interpret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Chained and never changed.
    pub head: &'a [u8],
    /// Covered by a digest inside `head`; empty where there is none, or where it was erased.
    pub payload: &'a [u8],
}

/// Records that become durable together, in order. Reused from turn to turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    /// (end of head, end of payload) in `bytes`, per record.
    ends: Vec<(usize, usize)>,
}

impl Batch {
    /// Adds a record at the end.
    pub fn push(&mut self, record: Record<'_>) {
        self.push_with(
            |bytes| bytes.extend_from_slice(record.head),
            |bytes| bytes.extend_from_slice(record.payload),
        );
    }

    /// Adds a record whose parts are appended by whoever knows them: no copy in between.
    pub fn push_with(
        &mut self,
        head: impl FnOnce(&mut Vec<u8>),
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        head(&mut self.bytes);
        let head_end = self.bytes.len();
        payload(&mut self.bytes);
        self.ends.push((head_end, self.bytes.len()));
    }

    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.ends.len()).map(|at| {
            let start = if at == 0 { 0 } else { self.ends[at - 1].1 };
            let (head_end, end) = self.ends[at];
            Record { head: &self.bytes[start..head_end], payload: &self.bytes[head_end..end] }
        })
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all records, frames apart.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// A durable, ordered, single-writer store of records. See `testing::journal_suite` for its
/// contract.
pub trait Journal: Send {
    /// The last durable record; `Seq(0)` when there is none.
    fn head(&self) -> Seq;

    /// The first record still held; earlier ones stand in the snapshot.
    fn first(&self) -> Seq;

    /// The epoch this writer holds.
    fn epoch(&self) -> Epoch;

    /// Makes the whole batch durable, in order, and gives the number of its last record. Refused
    /// unless the head is `expected` and no newer epoch has written. After [`Error::Broken`]
    /// nothing more may be appended: what is on disk is not known, so the process must end.
    fn append(&mut self, expected: Seq, batch: &Batch) -> Result<Seq, Error>;

    /// Visits the records from `from` on, in order; stops at the first error, whoever's it is.
    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error>;

    /// Stores a snapshot of everything up to and including `at`, read back to verify it; records
    /// up to `at` may be dropped from now on. One older than the newest changes nothing.
    fn put_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error>;

    /// Takes in what a [`Reader`] staged: a rename. What it makes superfluous goes with the sweep,
    /// without the journal in hand. One kept already is replaced, to take out what was erased.
    fn adopt_snapshot(&mut self, at: Seq) -> Result<Sweep, Error> {
        Err(Error::Unreadable { at, why: "it was not staged".to_owned() })
    }

    /// Reads beside the writer, if this journal can.
    fn reader(&self) -> Option<Box<dyn Reader>> {
        None
    }

    /// The newest snapshot, and the record it includes up to.
    fn snapshot(&mut self) -> Result<Option<(Seq, Vec<u8>)>, Error>;

    /// Erases the payload bytes of one record, for ever; its head stays and the chain holds.
    fn erase(&mut self, seq: Seq) -> Result<(), Error>;

    /// The same for many records, sharing syncs.
    fn erase_all(&mut self, seqs: &[Seq]) -> Result<(), Error> {
        seqs.iter().try_for_each(|seq| self.erase(*seq))
    }

    /// Drops every snapshot but the newest, and the records kept only for the others.
    fn forget_older(&mut self) -> Result<(), Error>;

    /// Bytes held on disk (or in memory). Cheap: asked after every append.
    fn size(&self) -> Size;

    /// Tells how many bytes the medium has left, if it can.
    fn gauge(&self) -> Option<Gauge> {
        None
    }

    /// True when `append` costs less than handing it to another thread.
    fn is_instant(&self) -> bool {
        false
    }
}

/// Called for each record by [`Journal::read`].
pub type Visit<'a> = &'a mut dyn FnMut(Seq, Record<'_>) -> Result<(), Error>;

/// Removes what a snapshot made superfluous.
pub type Sweep = Box<dyn FnOnce() -> Result<(), Error> + Send>;

/// Bytes that are left on the medium; `None` when it does not say.
pub type Gauge = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// How much a journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Size {
    /// All of it, snapshots and reserved space included.
    pub total_bytes: u64,
    /// What came after the newest snapshot.
    pub tail_bytes: u64,
    /// The newest snapshot; 0 when there is none.
    pub snapshot_bytes: u64,
}

/// What can go wrong with a journal, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds it.
    #[error("the journal is held by {holder}; stop that process, or use another --data directory")]
    Held {
        /// Process id and command line of the holder, as far as they can be told.
        holder: String,
    },
    /// A newer writer took over, or the head is not where the caller thought.
    #[error("the journal was taken over: expected head {expected:?}, found {found:?}")]
    Superseded {
        /// What the caller expected.
        expected: Seq,
        /// What is there.
        found: Seq,
    },
    /// Damage that a crash cannot explain. Nothing was changed.
    #[error("the journal is damaged at record {at:?} ({place}): {why}; restore a backup")]
    Damaged {
        /// The record that should be there.
        at: Seq,
        /// File and byte offset.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Written by a newer Majordomo. Nothing was changed.
    #[error("the journal needs version {needed} of the format, this program reads up to {known}")]
    TooNew {
        /// What it was written with.
        needed: u16,
        /// The newest this program knows.
        known: u16,
    },
    /// No space for more; what is there stays readable and consistent.
    #[error("no space left for the journal in {place}; free some and start again")]
    Full {
        /// The directory.
        place: String,
    },
    /// A write or sync failed: what is on disk is not known until it is opened again.
    #[error("the journal could not be written in {place} ({source}); start again to recover")]
    Broken {
        /// The file.
        place: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// The directory or file could not be used at all.
    #[error(
        "the journal in {place} cannot be used ({source}); check that the directory is there and \
         may be written by you, or use another --data directory"
    )]
    Unusable {
        /// The file or directory.
        place: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// A record that this program cannot read, found by the visitor.
    #[error("record {at:?} cannot be understood: {why}")]
    Unreadable {
        /// Which.
        at: Seq,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
