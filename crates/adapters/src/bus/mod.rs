//! Buses: inside one process so far.

pub mod local;
