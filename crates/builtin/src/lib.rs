//! Agents that do real work with no model and no network.

pub mod catalogue;
pub mod files;
mod function;
pub mod logs;
#[cfg(feature = "review")]
pub mod outline;
#[cfg(feature = "review")]
pub mod review;
