//! The trace of a message: which run of which journal it belongs to, and which task sent it, in the
//! form of W3C's `traceparent`, so that every tool that knows traces can follow it.
//!
//! ```text
//!   00-5f0c9e7d21aa03b1 0000000000000007-000000000000000c-01
//!      journal          run              task
//! ```
//!
//! A trace is one run, a span one task: both are numbers that are in the journal anyhow, so nothing
//! has to be kept to tell them. The number of a journal is random, so the runs of two never share a
//! trace.

use kernel::{TaskId, Text};

/// Run and task of whoever sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The number of the journal; 0 for data of before it had one.
    pub journal: u64,
    /// The root task.
    pub run: TaskId,
    /// The task.
    pub task: TaskId,
}

impl Trace {
    /// As it is written in the header.
    pub(crate) fn header(self) -> Text {
        let Trace { journal, run: TaskId(run), task: TaskId(task) } = self;
        format!("00-{journal:016x}{run:016x}-{task:016x}-01").into()
    }

    /// What a header says, if it is of this form. One from elsewhere may be, too: whose numbers it
    /// has, its journal tells.
    #[must_use]
    pub fn read(header: &str) -> Option<Trace> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let mut parts = header.strip_prefix("00-")?.strip_suffix("-01")?.split('-');
        let (trace, span) = (parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && trace.is_ascii() && trace.len() == 32;
        let (journal, run) = whole.then(|| trace.split_at(16))?;
        let is_span = span.len() == 16;
        let task = TaskId(is_span.then(|| number(span))??);
        Some(Trace { journal: number(journal)?, run: TaskId(number(run)?), task })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let trace = Trace { journal: 0x5f0c_9e7d_21aa_03b1, run: TaskId(7), task: TaskId(12) };
        let header = trace.header();
        assert_eq!(&*header, "00-5f0c9e7d21aa03b10000000000000007-000000000000000c-01");
        assert_eq!(Trace::read(&header), Some(trace));
        let odd = ["", "00--01", "00-5f0c-000000000000000c-01", "01-a-b-01", "00-ü-b-01"];
        for header in odd.into_iter().chain([&*format!("{header}-01"), &header[..50]]) {
            assert_eq!(Trace::read(header), None, "{header}");
        }
    }
}
