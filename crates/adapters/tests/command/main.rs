//! `command` agents against real programs that misbehave: each ends as stated, and nobody is left.
#![cfg(all(feature = "command", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

extern crate majordomo_adapters as adapters;

mod document;
mod hearing;
mod host;
mod jsonl;
mod plain;
mod process;
mod silence;
mod stage;
mod suite;
mod supervised;
mod team;
