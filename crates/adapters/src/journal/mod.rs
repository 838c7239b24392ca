//! Journals: [`memory`] for tests and throw-away teams, [`log`] for everything that must last.

#[cfg(feature = "log")]
pub mod log;
pub mod memory;
