//! What Majordomo talks to: journals, blobs, views, processes, protocols. One feature per folder.

pub mod agent;
pub mod blobs;
pub mod bus;
#[cfg(any(feature = "log", feature = "web"))]
pub mod disk;
pub mod journal;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(all(feature = "command", target_os = "linux"))]
pub mod process;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "log")]
pub mod secrets;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "views")]
pub mod views;
#[cfg(feature = "web")]
mod web;
