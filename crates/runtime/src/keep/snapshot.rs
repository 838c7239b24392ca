//! Snapshots by background replay: the last snapshot and the log after it, read beside the writer
//! into a second kernel.
//!
//! Why not clone the living kernel? A clone stops the turn for as long as copying takes, and would
//! hide a difference between memory and journal for ever. A replay is what a restart will do: if
//! it cannot be done, that is known while the log is still whole.

use super::Error;
use super::lender::{Lender, borrow, reader};
use crate::port::Reader;
use crate::port::journal::{self, Seq};
use crate::record;
use kernel::{Entry, Facts, Kernel, Limits};

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The last record it includes.
    pub at: Seq,
    /// Its bytes.
    pub bytes: u64,
}

/// Takes a snapshot of everything durable, and drops what it makes superfluous. The writer waits
/// for no more than a rename. Nothing to do gives what is there.
///
/// # Errors
/// What the journal says; `Ended` when it was closed meanwhile. The log is as before.
pub fn take(lender: &dyn Lender, limits: &Limits) -> Result<Option<Taken>, Error> {
    let mut reader = reader(lender)?;
    let at = reader.head();
    if at == Seq(0) || reader.snapshots().last() == Some(&at) {
        return Ok(None);
    }
    let kernel = replay(&mut *reader, limits, &|| lender.is_ending())?;
    store(lender, &mut *reader, at, &kernel).map(Some)
}

/// Encodes, verifies, stages and adopts the snapshot of a kernel that stands at this record.
pub(super) fn store(
    lender: &dyn Lender,
    reader: &mut dyn Reader,
    at: Seq,
    kernel: &Kernel,
) -> Result<Taken, Error> {
    let bytes = record::encode_snapshot(kernel);
    let back = record::decode_snapshot(&bytes).map_err(Error::Snapshot)?;
    if back != *kernel.snapshot() {
        return Err(Error::Unverified { at });
    }
    drop(back);
    if lender.is_ending() {
        return Err(Error::Ended);
    }
    reader.stage_snapshot(at, &bytes)?;
    let sweep = borrow(lender, |journal| journal.adopt_snapshot(at))??;
    sweep()?;
    Ok(Taken { at, bytes: bytes.len() as u64 })
}

/// The kernel that a journal describes, up to the reader's head. `stop` is asked now and then.
///
/// # Errors
/// What the journal says; `Ended` when `stop` said so.
pub fn replay(
    reader: &mut dyn Reader,
    limits: &Limits,
    stop: &dyn Fn() -> bool,
) -> Result<Kernel, Error> {
    let mut kernel = Kernel::new(limits.clone());
    let base = newest(reader)?;
    let from = base.as_ref().map_or(Seq(1), |(at, _)| Seq(at.0 + 1));
    if let Some((_, facts)) = base {
        kernel.restore(facts);
    }
    visit(reader, from, stop, &mut |_, entry| kernel.apply(&entry))?;
    Ok(kernel)
}

/// Visits the entries from `from` on.
pub(super) fn visit(
    reader: &mut dyn Reader,
    from: Seq,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(Seq, Entry),
) -> Result<(), Error> {
    let mut stopped = false;
    let read = reader.read(from, &mut |seq, bytes| {
        let unreadable = |why: String| journal::Error::Unreadable { at: seq, why };
        if seq.0.is_multiple_of(1024) && stop() {
            stopped = true;
            return Err(unreadable("the reader was told to stop".to_owned()));
        }
        let entry = record::decode(bytes).map_err(|why| unreadable(why.to_string()))?;
        each(seq, entry);
        Ok(())
    });
    if stopped { Err(Error::Ended) } else { Ok(read?) }
}

/// The newest snapshot that can be read. As at a start, a damaged one is passed over where the log
/// still holds what follows the one before it.
fn newest(reader: &mut dyn Reader) -> Result<Option<(Seq, Facts)>, Error> {
    let all = reader.snapshots();
    for (nth, at) in all.iter().enumerate().rev() {
        let older = nth.checked_sub(1).map_or(Seq(0), |nth| all[nth]);
        match reader.snapshot(*at) {
            Ok(bytes) => {
                let facts = record::decode_snapshot(&bytes).map_err(Error::Snapshot)?;
                return Ok(Some((*at, facts)));
            }
            Err(journal::Error::Damaged { .. }) if reader.first().0 <= older.0 + 1 => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(None)
}

/// The oldest snapshot kept, if the log does not hold everything.
pub(super) fn oldest(reader: &mut dyn Reader) -> Result<Option<(Seq, Facts)>, Error> {
    if reader.first() == Seq(1) {
        return Ok(None);
    }
    let Some(at) = reader.snapshots().first().copied() else { return Ok(None) };
    let bytes = reader.snapshot(at)?;
    Ok(Some((at, record::decode_snapshot(&bytes).map_err(Error::Snapshot)?)))
}
