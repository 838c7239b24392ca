//! The runtime.

pub mod port;
pub mod record;
pub mod testing;
