//! A second pair of eyes on a journal: reads what is durable beside the writer, and prepares
//! snapshots without holding it up.

use super::journal::{Error, Seq, Visit};

/// Reads a journal as it was when the reader was made. Needs no lock and changes no record; what
/// is dropped meanwhile is told as an error, never as a gap.
pub trait Reader: Send {
    /// The last record that was durable then.
    fn head(&self) -> Seq;

    /// The first record that was held then.
    fn first(&self) -> Seq;

    /// The snapshots kept, by the record they include up to; oldest first.
    fn snapshots(&self) -> Vec<Seq>;

    /// The bytes of one of them, checked.
    fn snapshot(&mut self, at: Seq) -> Result<Vec<u8>, Error>;

    /// Visits the records from `from` to the head, in order; stops at the first error, its own or
    /// the visitor's.
    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error>;

    /// Writes a snapshot of everything up to and including `at` beside the others, and verifies it
    /// by reading it back. It counts from [`super::Journal::adopt_snapshot`] on.
    fn stage_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error>;
}
