//! Process trees under supervision, for whatever agent is a program: started, bounded, watched, and
//! ended whole.
//!
//! ```text
//!   launch ─ child ─ running ─ ending ─ members
//!   lines    output  marker    census   hurry
//! ```
//!
//! Linux only (5.11 or later): it stands on pidfd, `close_range`, parent-death signals and `/proc`.

mod census;
mod child;
mod ending;
mod hurry;
mod launch;
pub(crate) mod lines;
mod marker;
mod members;
pub(crate) mod output;
mod running;

pub use census::{Census, Present};
pub use launch::{ENVIRONMENT, Error as LaunchError, Program};
pub use marker::VARIABLE;
pub use members::sweep;
pub use running::{Bounds, Pipes, Process};

pub(crate) use hurry::{Hurry, Patience};
pub(crate) use running::told;

/// How much of the last line of stderr a message repeats.
pub(crate) const LAST_WORDS_CHARS: usize = 200;
