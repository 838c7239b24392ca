//! Deterministic simulation: a world from one seed, everything that can go wrong with it, and a
//! judge.
//!
//! ```text
//!   seed ──▶ World (kernel, journal, agents, clients, operator, clocks, links) ◀── faults
//!              │ everything that anybody outside could see
//!              ▼
//!            Oracle ──▶ one check a promise ──▶ green, or the line that reproduces it
//! ```
//!
//! Each seed lives through two phases: *safety* under faults, then faults off and *liveness*. The
//! checks themselves are tried by planting bugs ([`mutants`]): every one must be caught.

pub mod checks;
mod clock;
mod fault;
pub mod flood;
pub mod medium;
pub mod mutants;
pub mod oracle;
mod program;
mod rng;
pub mod run;
mod trace;
mod world;

pub use fault::{Fault, Mix, Tally};
pub use trace::KINDS;
pub use world::{Ended, World};
