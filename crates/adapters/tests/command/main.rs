//! `command` agents against real programs that misbehave: each ends as stated, and nobody is left.
#![cfg(all(feature = "command", target_os = "linux"))]

extern crate majordomo_adapters as adapters;

mod host;
mod plain;
mod process;
mod stage;
