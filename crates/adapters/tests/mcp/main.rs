//! `mcp` agents against servers that misbehave: each call ends as stated, and nobody is left.
#![cfg(all(feature = "mcp", feature = "schema", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

extern crate majordomo_adapters as adapters;

mod calls;
mod play;
#[path = "../command/stage.rs"]
#[allow(dead_code, reason = "the same stage has more for programs of kind `command`")]
mod stage;
mod start;
mod supervised;
mod web;
