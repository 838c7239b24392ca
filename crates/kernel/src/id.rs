//! Names for things and moments: monotone counters and milliseconds, each its own type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Short shared text: names, keys, step keys, reasons.
pub type Text = Arc<str>;

/// Kernel time in milliseconds. It is the last journaled time plus what the boot clock has advanced
/// since, so it never falls and no wall-clock jump touches it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// Later than every deadline: "never".
    pub const NEVER: Time = Time(u64::MAX);

    /// This moment and `ms` more; stops at [`Time::NEVER`].
    #[must_use]
    pub fn after(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, or 0.
    #[must_use]
    pub fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One task, for ever. A run is named by its root task.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// One agent, for ever: an agent that joins again under its name keeps its number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AgentId(pub u32);

/// Fencing token: strictly rising over the journal's whole life, one per lease. The high bits hold
/// the journal's *generation*, which a restore raises, so a token from a lost future never fits.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Token(pub u64);

impl Token {
    const COUNTER_BITS: u32 = 48;

    /// The first token of a generation is the one after this.
    #[must_use]
    pub fn floor(generation: u16) -> Token {
        Token(u64::from(generation) << Self::COUNTER_BITS)
    }

    /// The token after this one.
    #[must_use]
    pub fn next(self) -> Token {
        Token(self.0.saturating_add(1))
    }

    /// Which life of the journal it was minted in.
    #[must_use]
    pub fn generation(self) -> u16 {
        (self.0 >> Self::COUNTER_BITS) as u16
    }
}

/// One try at a task: which task, and the token that proves the right to speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The task.
    pub task: TaskId,
    /// The proof.
    pub token: Token,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counter = self.0 & ((1 << Self::COUNTER_BITS) - 1);
        match self.generation() {
            0 => write!(f, "{counter}"),
            generation => write!(f, "{generation}.{counter}"),
        }
    }
}
