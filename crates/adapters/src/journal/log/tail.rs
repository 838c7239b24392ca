//! A bad frame at the end of the last segment: torn by a crash, or damaged?
//!
//! A crash can only explain what was not synced. This log makes that exact:
//!
//! 1. A segment is created empty, reads as zeros after its last frame, and only the opening that
//!    created it writes to it. So a byte after the last durable batch is either zero or belongs to
//!    the one batch that was being written. There are no stale frames to be mistaken for new ones.
//! 2. Writing starts on a batch only when the one before is durable. Each frame says which record
//!    that was (`synced`). A valid frame that says "record N was durable" *proves* that the bad
//!    frame N, or an earlier one, is damage, wherever in the rest of the file it stands.
//! 3. A later segment, the marks `closed` and `continued`, and a snapshot prove the same of the
//!    records before them.
//! 4. What remains is one batch of which nobody knows whether it was acknowledged. The crash left
//!    of it any subset of its sectors, and zeros for the others; or, if only the process died, a
//!    first part and zeros. A frame that shows neither (no zero sector in it, and its last byte,
//!    which is never zero in a whole frame, is there) was written whole: its bad checksum is
//!    damage.
//! 5. Everything else is a torn tail. It is cut at the start of its batch, so a batch is there
//!    whole or not at all.
//!
//! So what can be lost without a word is at most the last batch before an unclean stop, and only by
//! damage that looks exactly like a write that was never finished. A clean stop leaves `closed`,
//! and then even that is refused.

use std::io;

use super::cursor::Window;
use super::frame::{self, Fault};
use crate::disk::{File, faults::SECTOR};

/// What the end of the last segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing was ever written here.
    Clean,
    /// The first part of a batch that was not finished, up to this byte of the file.
    Torn(u64),
    /// No crash explains it.
    Damaged(&'static str),
}

/// Judges what stands at `offset`, where record `seq` should be and `fault` was found.
pub(super) fn judge(
    file: &File,
    salt: u32,
    offset: u64,
    seq: u64,
    fault: Fault,
) -> io::Result<Verdict> {
    let rest = look(file, salt, offset, seq)?;
    if rest.proof {
        return Ok(Verdict::Damaged("a later record proves that this one was durable"));
    }
    let Some(written_end) = rest.written_end else { return Ok(Verdict::Clean) };
    let len = match fault {
        Fault::Header | Fault::Short(_) => frame::HEADER,
        Fault::Body { size, .. } => size,
        Fault::Order(why) => return Ok(Verdict::Damaged(why)),
    };
    let stopped_inside = written_end < offset + len as u64;
    if stopped_inside || has_missing_sector(file, offset, len)? {
        return Ok(Verdict::Torn(written_end));
    }
    Ok(Verdict::Damaged(fault.why()))
}

struct Rest {
    /// A frame stands there that was written after `seq` was durable.
    proof: bool,
    /// Where the last byte that is not zero ends.
    written_end: Option<u64>,
}

/// Reads from `offset` to the end of the file, looking for proof.
fn look(file: &File, salt: u32, offset: u64, seq: u64) -> io::Result<Rest> {
    let mut rest = Rest { proof: false, written_end: None };
    let mut window = Window::default();
    let mut at = offset;
    loop {
        let bytes = window.fetch(file, at, frame::HEADER + 8)?;
        if bytes.is_empty() {
            return Ok(rest);
        }
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            rest.written_end = Some(at + last as u64 + 1);
            // Frames start at multiples of 8, and so does `offset`.
            rest.proof |=
                (0..bytes.len().saturating_sub(frame::HEADER - 1)).step_by(8).any(|start| {
                    frame::recognise(&bytes[start..], salt)
                        .is_some_and(|(found, synced)| found > seq && synced >= seq)
                });
        }
        // The last bytes are looked at again with what follows them, unless nothing does.
        let seen = bytes.len();
        let overlap = if seen >= frame::HEADER + 8 { frame::HEADER - 8 } else { 0 };
        at += ((seen - overlap) & !7).max(8) as u64;
    }
}

/// Whether one of the sectors under these bytes is zero as far as they reach into it.
fn has_missing_sector(file: &File, offset: u64, len: usize) -> io::Result<bool> {
    let mut window = Window::default();
    let (mut at, end) = (offset, offset + len as u64);
    while at < end {
        let part = (SECTOR as u64 - at % SECTOR as u64).min(end - at) as usize;
        let bytes = window.fetch(file, at, part)?;
        // What the file no longer has reads as zeros.
        if bytes.iter().take(part).all(|byte| *byte == 0) {
            return Ok(true);
        }
        at += part as u64;
    }
    Ok(false)
}
