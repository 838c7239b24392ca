//! The commands, as a person or a script types them, against the real program: what they print,
//! what they leave behind, and how they end.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

mod batches;
mod bus;
mod cassettes;
mod disk;
mod guide;
mod holding;
mod house;
mod json;
mod keeping;
mod linters;
mod live;
mod mcp;
mod members;
mod models;
mod openings;
mod people;
mod reload;
mod replays;
mod secrets;
mod signals;
mod sync;
mod topics;
mod verbs;
