//! The other side of adapters, for tests of whoever uses them.

pub mod models;
