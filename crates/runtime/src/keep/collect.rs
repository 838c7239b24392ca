//! Blobs that nothing names any more go. Marks come from everything that could ever be read again:
//! each snapshot kept, the retained log, and the definitions that runs are or will be pinned to.
//!
//! What is put while we look is younger than the grace of the store, and stays: a put makes its
//! blob young again, and precedes the event that names it.

use super::Error;
use super::lender::{Lender, reader};
use super::snapshot::visit;
use crate::port::{Blobs, Reader};
use crate::record::{self, INLINE_MAX_BYTES};
use kernel::{Digest, Event, Facts, Kernel, Limits, Payload, ScheduleEvent};
use std::collections::BTreeSet;

/// The blobs that are named.
pub type Marks = BTreeSet<Digest>;

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that are named.
    pub kept: u64,
    /// Blobs removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the blobs that nothing names and that are older than the grace.
///
/// # Errors
/// What the stores say. Without all marks nothing is removed.
pub fn collect(lender: &dyn Lender, blobs: &dyn Blobs) -> Result<Collected, Error> {
    let marks = marks(&mut *reader(lender)?, &|| lender.is_ending())?;
    let mut kept = 0;
    let (removed, bytes) = blobs.collect(&mut |digest| {
        // Told to stop, it keeps everything else.
        let keep = lender.is_ending() || marks.contains(&Digest(*digest));
        kept += u64::from(keep);
        keep
    })?;
    Ok(Collected { kept, removed, bytes })
}

/// Every blob that a journal names, up to the reader's head.
///
/// # Errors
/// What the journal says; `Ended` when `stop` said so.
pub fn marks(reader: &mut dyn Reader, stop: &dyn Fn() -> bool) -> Result<Marks, Error> {
    let mut marks = Marks::new();
    for at in reader.snapshots() {
        match reader.snapshot(at) {
            Ok(bytes) => {
                let facts = record::decode_snapshot(&bytes).map_err(Error::Snapshot)?;
                mark_facts(&mut marks, facts);
            }
            // A start would pass it over as well; if it cannot, this journal names nothing more.
            Err(crate::port::journal::Error::Damaged { .. }) if at.0 + 1 >= reader.first().0 => {}
            Err(other) => return Err(other.into()),
        }
    }
    let first = reader.first();
    visit(reader, first, stop, &mut |_, entry| mark_event(&mut marks, &entry.event))?;
    Ok(marks)
}

/// Marks what a state holds.
pub(super) fn mark_facts(marks: &mut Marks, facts: Facts) {
    let mut kernel = Kernel::new(Limits::default());
    kernel.restore(facts);
    marks.extend(kernel.state().pins.values().map(|pin| pin.definition));
    let schedules = kernel.state().schedules.values();
    marks.extend(schedules.filter_map(|schedule| schedule.spec.definition));
    marks.extend(kernel.state().payloads().filter(|it| is_blob(it)).map(|it| it.digest));
}

/// Marks what an event names.
pub(super) fn mark_event(marks: &mut Marks, event: &Event) {
    marks.extend(event.payloads().filter(|it| is_blob(it)).map(|it| it.digest));
    if let Event::RunStarted { definition, .. } = event {
        marks.insert(*definition);
    }
    if let Event::Schedule { what: ScheduleEvent::Set { spec, .. }, .. } = event {
        marks.extend(spec.definition);
    }
}

/// Whether the content stands in the blob store.
pub(super) fn is_blob(payload: &Payload) -> bool {
    payload.len as usize > INLINE_MAX_BYTES
}
