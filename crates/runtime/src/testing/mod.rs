//! What every plug-in must pass: public conformance suites, one per port.

pub mod agent_suite;
pub mod blobs_suite;
pub mod bus_suite;
pub mod journal_suite;
