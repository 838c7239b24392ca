//! The runtime.
#![allow(missing_docs)]
pub mod port;
