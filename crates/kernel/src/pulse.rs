//! Soft signs of life. Not journaled, not part of `replay == state`: a pulse may only *delay* an
//! expiry. Whatever is decided from pulses is an event.

use crate::AttemptId;

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// The holder of this lease is still at it: the lease runs a full length from now.
    Renew(AttemptId),
    /// Nobody looked for a while: the process stood still, or its machine slept. Nobody could have
    /// renewed, and nobody was at work: every lease runs a full length from now, and what bounds
    /// an attempt's work is put off by as much.
    Slept {
        /// For how long.
        ms: u64,
    },
}
