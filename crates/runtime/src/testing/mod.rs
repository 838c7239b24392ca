//! What every plug-in must pass, a suite for each port; and for tests of teams, agents that play a
//! script and what was recorded.

pub mod agent_suite;
pub mod blobs_suite;
pub mod bus_suite;
pub mod journal_suite;
mod record;
mod script;

pub use record::Record;
pub use script::Script;
