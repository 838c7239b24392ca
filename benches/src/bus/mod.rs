//! The bus inside one process: tell, ask, fan-out, and what an envelope costs as bytes.
//!
//! Beside each stands, measured in turn, the least that tokio's own channels or the encoder alone
//! must do, and whoever else is given: peers, in `benches/peers`, which no build of ours waits for.

mod channels;
mod envelopes;
mod ours;

use crate::report::Report;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;
use tokio::task::JoinSet;

/// Rounds of which the median is told.
pub(crate) const ROUNDS: usize = 5;
/// Messages told in one round.
pub(crate) const TOLD: u64 = 300_000;
/// Questions asked in one round.
pub(crate) const ASKED: u64 = 50_000;
/// Messages to a thousand, in one round.
pub(crate) const FANNED: u64 = 300;
/// To how many.
pub(crate) const SUBSCRIBERS: usize = 1_000;
/// Room in every queue, whosever it is, if it has a bound.
pub(crate) const ROOM: usize = 1_024;

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finding {
    file: String,
    rule: String,
    line: u32,
    text: String,
}

pub(crate) fn finding(line: u32) -> Finding {
    let text = "x".repeat(220);
    Finding { file: "src/main.rs".into(), rule: "identical-branches".into(), line, text }
}

/// Something measured once: how much by the second.
pub(crate) type Speed = Pin<Box<dyn Future<Output = Result<f64>>>>;

/// Has a side do something once.
type Measure = fn(&Side) -> Speed;

/// Who does the same work.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    /// One sender, one receiver, an `Arc` of a [`Finding`]: until the last of [`TOLD`] is heard.
    pub(crate) tell: fn() -> Speed,
    /// So many who ask at once, one who answers: a number, and the next one.
    pub(crate) ask: fn(u64) -> Speed,
    /// One sender, [`SUBSCRIBERS`] receivers: deliveries.
    pub(crate) fan: fn() -> Speed,
}

/// Measures all of it, beside these. With words it is only that of which one is the beginning, by
/// those sides that another one names: for profilers.
pub(crate) async fn run(report: &Report, peers: Vec<Side>, only: &[String]) -> Result<()> {
    let ours = [channels::side(), ours::side()];
    let all: Vec<Side> = ours.into_iter().chain(peers).collect();
    let named = |side: &Side| only.iter().any(|it| it == side.name);
    let some = all.iter().any(named);
    let sides: Vec<Side> = all.into_iter().filter(|it| !some || named(it)).collect();
    let work: [(&str, Measure); 4] = [
        ("tell", |side| (side.tell)()),
        ("ask, 1 at once", |side| (side.ask)(1)),
        ("ask, 256 at once", |side| (side.ask)(256)),
        ("fan-out to 1,000", |side| (side.fan)()),
    ];
    let wanted = |what: &str| only.is_empty() || only.iter().any(|it| what.starts_with(&**it));
    for (what, measure) in work.into_iter().filter(|(what, _)| wanted(what)) {
        together(report, what, &sides, measure).await?;
    }
    if wanted("envelope") { envelopes::run(report) } else { Ok(()) }
}

/// One thing, all sides in turn; of each the median speed, and the median of its ratio to the
/// first's of the same round.
async fn together(report: &Report, what: &str, sides: &[Side], measure: Measure) -> Result<()> {
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for side in sides {
            round.push(measure(side).await?);
        }
        rounds.push(round);
    }
    for (at, side) in sides.iter().enumerate() {
        let of = |figure: &dyn Fn(&Vec<f64>) -> f64| median(rounds.iter().map(figure).collect());
        let (speed, ratio) = (of(&|it| it[at]), of(&|it| it[at] / it[0]));
        let what = format!("{what}, {}", side.name);
        report.line("bus", &what, &[("per_s", speed), ("of_tokio", ratio)]);
    }
    Ok(())
}

/// The one in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub(crate) fn per_s(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

pub(crate) async fn all(mut set: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = set.join_next().await {
        done??;
    }
    Ok(())
}
