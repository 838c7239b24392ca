//! Agents that do real work with no model and no network.

pub mod catalogue;
#[cfg(feature = "review")]
mod function;
#[cfg(feature = "review")]
pub mod review;
