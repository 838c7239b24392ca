//! What the runtime needs from the outside, as traits of at most a screen each. Adapters implement
//! them; each has a public conformance suite in `crate::testing` that every implementation must
//! pass.

pub mod agent;
pub mod blobs;
pub mod bus;
pub mod calendar;
pub mod journal;
pub mod llm;
pub mod observer;
pub mod reader;
pub mod schemas;
pub mod secrets;

pub use crate::vitals::Vitals;
pub use agent::{Agent, BoxFuture};
pub use blobs::Blobs;
pub use bus::Bus;
pub use calendar::Calendar;
pub use journal::Journal;
pub use llm::Llm;
pub use observer::Observer;
pub use reader::Reader;
pub use schemas::Schemas;
pub use secrets::Secrets;
