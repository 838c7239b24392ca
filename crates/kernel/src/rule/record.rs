//! How well an agent has done lately: moving averages of success and of working time.
//!
//! Why averages that decay, and not totals? An agent that failed a thousand times last month and
//! none since is a good agent; totals would hold it against it for ever. Each result moves the
//! average by a sixteenth of the difference, so that half of what is known is from the last eleven
//! results. Only integers: the same results are the same bytes on every machine.

use serde::{Deserialize, Serialize};

/// How much one result weighs: 1/16, as a shift.
const WEIGHT: u32 = 4;

/// An agent's moving averages. An agent without results is given the benefit of the doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Share of attempts without a fault of the agent's, in 1/[`Record::ONE`].
    success: u32,
    /// Working time of a completed attempt, in sixteenths of a millisecond.
    work: u32,
}

impl Record {
    /// Success without exception.
    pub const ONE: u32 = 1 << 20;

    /// Share of attempts without a fault of the agent's, in 1/[`Record::ONE`].
    #[must_use]
    pub fn success(&self) -> u32 {
        self.success
    }

    /// The same in hundredths, for people.
    #[must_use]
    pub fn success_percent(&self) -> u32 {
        (u64::from(self.success) * 100 / u64::from(Record::ONE)) as u32
    }

    /// Working time of a completed attempt, milliseconds; 0 until one was completed.
    #[must_use]
    pub fn work_ms(&self) -> u64 {
        u64::from(self.work) / 16
    }

    /// An attempt was completed, after so much work.
    pub(crate) fn completed(&mut self, worked_ms: u64) {
        self.success = drift(self.success, Record::ONE);
        let worked = u32::try_from(worked_ms.saturating_mul(16)).unwrap_or(u32::MAX);
        self.work = if self.work == 0 { worked } else { drift(self.work, worked) };
    }

    /// An attempt failed by the agent's own fault.
    pub(crate) fn failed(&mut self) {
        self.success = drift(self.success, 0);
    }

    /// Whether nothing is known.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Record::default()
    }
}

impl Default for Record {
    fn default() -> Record {
        Record { success: Record::ONE, work: 0 }
    }
}

/// A sixteenth of the way towards what was seen, and at least one step, so that it arrives.
fn drift(average: u32, seen: u32) -> u32 {
    if seen >= average {
        average + (seen - average).div_ceil(1 << WEIGHT)
    } else {
        average - (average - seen).div_ceil(1 << WEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_starts_well_and_falls_and_mends() {
        let mut record = Record::default();
        assert_eq!(record.success(), Record::ONE);
        (0..11).for_each(|_| record.failed());
        assert!((45..55).contains(&record.success_percent()), "{record:?}");
        (0..11).for_each(|_| record.completed(100));
        assert!((70..80).contains(&record.success_percent()), "{record:?}");
        (0..300).for_each(|_| record.completed(100));
        assert_eq!(record.success(), Record::ONE);
        (0..300).for_each(|_| record.failed());
        assert_eq!(record.success(), 0);
    }

    #[test]
    fn working_time_is_the_first_and_then_follows_slowly() {
        let mut record = Record::default();
        record.completed(1_600);
        assert_eq!(record.work_ms(), 1_600);
        record.completed(3_200);
        assert_eq!(record.work_ms(), 1_700);
        record.completed(u64::MAX);
        assert!(record.work_ms() > 1_700);
    }
}
