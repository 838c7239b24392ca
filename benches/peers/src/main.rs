//! The bus, restarts and idle agents beside libraries of actors: `cargo xtask bench bus`.
//!
//! What is measured, and our side of it, is the code of `benches/src`, which the workspace builds
//! and checks; only the peers are at home here.

#![allow(clippy::disallowed_types)]

mod actix_side;
#[path = "../../src/bus/mod.rs"]
mod bus;
#[path = "../../src/closed_loop.rs"]
#[allow(dead_code, reason = "only its quantiles are needed here")]
mod closed_loop;
#[path = "../../src/fleet.rs"]
mod fleet;
mod kameo_side;
#[path = "../../src/noop.rs"]
#[allow(dead_code, reason = "the workflows are not measured here")]
mod noop;
mod ractor_side;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/restart.rs"]
mod restart;

use anyhow::Result;
use fleet::Fleet;

fn main() -> Result<()> {
    let (flags, only): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let report = report::Report { json: flags.iter().any(|flag| flag == "--json") };
    let fleets = fleets();
    if let [section, rest @ ..] = &only[..]
        && section == fleet::NAME
        && !rest.is_empty()
    {
        return fleet::measure(&fleets, rest);
    }
    let wanted = |what: &str| only.is_empty() || only.iter().any(|it| it == what);
    fleet::runtime()?.block_on(async {
        let actors = vec![ractor_side::side(), kameo_side::side(), actix_side::side()];
        bus::run(&report, actors, &only).await?;
        if wanted("restart") {
            // An actor of actix that panics ends the thread of all its like.
            let sides = vec![restart::restart(), ractor_side::restart(), kameo_side::restart()];
            restart::run(&report, sides).await?;
        }
        anyhow::Ok(())
    })?;
    if wanted(fleet::NAME) { fleet::run(&report, &fleets) } else { Ok(()) }
}

fn fleets() -> Vec<Fleet> {
    let peers = [ractor_side::fleet(), kameo_side::fleet(), actix_side::fleet()];
    fleet::fleets().into_iter().chain(peers).collect()
}
