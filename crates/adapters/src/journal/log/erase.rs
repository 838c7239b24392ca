//! Erasing payloads for ever: first the mark, synced, then zeros over the bytes, synced.
//!
//! After the mark the payload counts as erased whatever its bytes are, so a crash in between leaves
//! a log that opens, and opening it writes the zeros. The head, its checksum and the chain
//! stay as they are: they cover the payload's checksum, never its bytes.
//! What an SSD or a file system with copy-on-write keeps of overwritten blocks is beyond this.

use std::io;

use runtime::port::journal::{Error, Journal, Seq};

use super::cursor::Cursor;
use super::frame::{ERASURE, Erasure, Frame, HEADER, erasure_mark};
use super::segment::Segment;
use super::{Log, recover, writer};

impl Log {
    /// Erases payloads, sharing the two syncs among those that stand in one segment.
    pub(super) fn erase_payloads(&mut self, seqs: &[Seq]) -> Result<(), Error> {
        if let Some(seq) = seqs.iter().find(|seq| **seq > self.head() || **seq == Seq(0)) {
            return Err(Error::Unreadable { at: *seq, why: "there is no such record".to_owned() });
        }
        for segment in self.all_segments() {
            let range = segment.header.first..segment.end.seq;
            let mut targets = Vec::new();
            // What is in no segment was dropped with its segment already.
            for seq in seqs.iter().filter(|seq| range.contains(&seq.0)) {
                let (frame, offset) = self.find(segment, *seq)?;
                if frame.erasure != Erasure::Done && frame.payload_len > 0 {
                    targets.push((frame, offset));
                }
            }
            let written = self.overwrite(segment, &targets);
            let (at, head) = (Seq(segment.header.first), self.head());
            written.map_err(|source| {
                writer::refused(writer::Refusal::System(source), &segment.path, at, head)
            })?;
        }
        Ok(())
    }

    fn find(&self, segment: &Segment, seq: Seq) -> Result<(Frame, u64), Error> {
        let unusable = |source| recover::unusable(&segment.path, source);
        let file = self.disk.open(&segment.path).map_err(unusable)?;
        let start = segment.place_before(seq.0);
        let mut cursor = Cursor::new(&file, segment.salt, segment.header.epoch, start);
        loop {
            let place = cursor.place();
            let next = cursor.next().map_err(unusable)?;
            let frame = next.map_err(|fault| segment.damaged(place, fault.why()))?;
            if frame.seq == seq.0 {
                return Ok((frame, place.offset));
            }
        }
    }

    fn overwrite(&self, segment: &Segment, targets: &[(Frame, u64)]) -> io::Result<()> {
        if targets.is_empty() {
            return Ok(());
        }
        let file = self.disk.open_to_write(&segment.path)?;
        for (frame, offset) in targets {
            file.write_at(&erasure_mark(frame.chain).to_le_bytes(), offset + ERASURE)?;
        }
        file.sync()?;
        for (frame, offset) in targets {
            let payload = offset + (HEADER + frame.head_len) as u64;
            file.write_at(&vec![0; frame.payload_len], payload)?;
        }
        file.sync()
    }
}
