//! P27: no entry of an old epoch comes after a new one.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use runtime::port::journal::{Epoch, Seq};

/// The newest writer, and the place it wrote to last.
#[derive(Default)]
pub struct Epochs {
    epoch: Epoch,
    seq: Seq,
}

impl Check for Epochs {
    fn name(&self) -> &'static str {
        "p27_one_writer"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        if seen.epoch < self.epoch {
            let (old, new) = (seen.epoch.0, self.epoch.0);
            return Err(format!("epoch {old} wrote entry {} after epoch {new}", seen.seq));
        }
        if seen.seq.0 != self.seq.0 + 1 {
            return Err(format!("entry {} after {}", seen.seq, self.seq));
        }
        (self.epoch, self.seq) = (seen.epoch, seen.seq);
        Ok(())
    }
}
