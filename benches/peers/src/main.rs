//! The bus beside libraries of actors, in one run: `cargo xtask bench bus`.
//!
//! What is measured, and our side of it, is the code of `benches/src/bus`, which the workspace
//! builds and checks; only the peers are at home here.

#![allow(clippy::disallowed_types)]

#[path = "../../src/bus/mod.rs"]
mod bus;
mod kameo_side;
mod ractor_side;
#[path = "../../src/report.rs"]
mod report;

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let (flags, only): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let report = report::Report { json: flags.iter().any(|flag| flag == "--json") };
    bus::run(&report, vec![ractor_side::side(), kameo_side::side()], &only).await
}
