//! Soft signs of life. Not journaled, not part of `replay == state`: a pulse may only *delay* an
//! expiry. Whatever is decided from pulses is an event.

use crate::AttemptId;

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// The holder of this lease is still at it: the lease runs a full length from now.
    Renew(AttemptId),
}
