//! Agents that do real work with no model and no network.

#[cfg(feature = "review")]
pub mod review;
