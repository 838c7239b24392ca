//! An auction: five agents bid for the same work, and the cheapest of them lies about its speed.
//!
//! ```text
//! cargo run --example auction
//! ```
//!
//! Each round a page is to be read: how many words, how many different ones. The team's policy for
//! this is a market, so whoever serves it is asked what it would do it for. `bargain` is cheap and
//! says that it needs 20 ms. It takes ten times as long; nobody has to find that out by hand, since
//! what an agent has shown counts more with every result, and what it says less. No model, no
//! network, and a real run of the whole runtime.

#![allow(missing_docs, unreachable_pub)] // A program of its own: nobody else reads its items.

#[path = "watch.rs"]
#[allow(dead_code)] // Its figures are for other examples.
mod watch;

use clap::Parser;
use majordomo::kernel::{Candidate, NoBid, Policy, Terms};
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::{AgentEntry, Bid, Context, Failure, Offered, Result, Team};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use watch::{Grant, Watch};

/// What is asked for.
const READ: &str = "page.read";
/// Pages to be read, one after the other.
pub const ROUNDS: u64 = 10;
/// The one that lies.
pub const LIAR: &str = "bargain";

/// Five agents bid for work; the cheapest lies about its speed.
#[derive(Parser)]
pub struct Options {
    /// For programs: one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("auction: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// One bidder: what it says, and how long it really takes.
#[derive(Clone, Copy)]
pub struct Bidder {
    name: &'static str,
    price: f64,
    says_ms: u64,
    takes_ms: u64,
    confidence: f64,
}

const fn bidder(name: &'static str, price: f64, says_ms: u64, takes_ms: u64) -> Bidder {
    Bidder { name, price, says_ms, takes_ms, confidence: 1.0 }
}

/// In the order in which they join.
pub const BIDDERS: [Bidder; 5] = [
    bidder(LIAR, 0.001, 20, 200),
    bidder("steady", 0.001_455, 60, 60),
    Bidder { confidence: 0.95, ..bidder("swift", 0.003, 40, 40) },
    bidder("modest", 0.001_7, 90, 50),
    bidder("picky", 0.001_3, 100, 100),
];

impl Bidder {
    /// What it would read a page for; one of them reads only short ones.
    fn offer(&self, offered: &Offered) -> Option<Bid> {
        let words = offered.input["text"].as_str().map_or(0, |text| text.split(' ').count());
        let wants_it = self.name != "picky" || words < 60;
        let Bidder { price, says_ms: time_ms, confidence, .. } = *self;
        wants_it.then_some(Bid { price, time_ms, confidence })
    }
}

#[derive(Serialize, Deserialize)]
struct Page {
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Read {
    words: usize,
    different: usize,
}

impl Agent for Bidder {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value>> {
        let takes = Duration::from_millis(self.takes_ms);
        Box::pin(async move {
            let page: Page = serde_json::from_value(cx.input().clone())?;
            tokio::time::sleep(takes).await; // Some read faster than others.
            let words: Vec<&str> = page.text.split_whitespace().collect();
            let different = words.iter().collect::<BTreeSet<_>>().len();
            Ok(serde_json::to_value(Read { words: words.len(), different })?)
        })
    }
}

/// Lets the five bid for one page after the other, and tells each round.
pub async fn run(options: &Options) -> Result<String> {
    let watch = Arc::new(Watch::default());
    let rules = Policy::Auction { bids_ms: 2_000, bidders_max: 8, price_percent: 50 };
    let mut team = Team::in_memory_watched(vec![watch.clone()]).route(READ, rules);
    for bidder in BIDDERS {
        let entry = AgentEntry::new(bidder.name, "native", &[READ], 1, Arc::new(bidder));
        team = team.agent(entry.bidding(move |offered| bidder.offer(offered)));
    }
    let team = team.start().await?;
    for round in 1..=ROUNDS {
        let page = Page { text: "to be or not to be ".repeat(round as usize + 4) };
        let input = serde_json::to_vec(&page)?;
        let ticket = team.submit(Terms::new(READ), input, Default::default()).await?;
        let read = ticket.typed::<Read>().outcome().await?;
        if read.words != 6 * (round as usize + 4) || read.different != 4 {
            return Err(Failure::rejected(format!("page {round} was misread")));
        }
    }
    team.drain(Duration::from_secs(1)).await;
    let report = watch.report();
    let won: Vec<Grant> = report.grants.into_iter().filter(|it| it.what == READ).collect();
    judge(&won)?;
    Ok(if options.json { as_json(&won) } else { as_text(&won) })
}

/// The liar is believed at first, and has lost the market in the end.
fn judge(won: &[Grant]) -> Result<()> {
    let names: Vec<&str> = won.iter().map(|it| &*it.agent).collect();
    let late = names.iter().skip(ROUNDS as usize / 2).filter(|it| **it == LIAR).count();
    if names.first() == Some(&LIAR) && names.len() as u64 == ROUNDS && late == 0 {
        return Ok(());
    }
    Err(Failure::rejected(format!("{LIAR} keeps the market: {names:?}")))
}

fn as_json(won: &[Grant]) -> String {
    let rounds = won.iter().map(|grant| {
        let bids = grant.why.candidates.iter().map(|it| {
            let offer = it.offer.as_ref();
            json!({
                "agent": name(it),
                "price_micros": offer.map(|it| it.bid.price_micros),
                "says_ms": offer.map(|it| it.bid.time_ms),
                "shown_ms": offer.map(|it| it.shown_ms),
                "results": offer.map(|it| it.results),
                "expected_ms": offer.map(|it| it.expected.time_ms),
                "points": it.score,
            })
        });
        json!({ "won": grant.agent, "bids": bids.collect::<Vec<_>>() })
    });
    json!({ "rounds": rounds.collect::<Vec<_>>() }).to_string() + "\n"
}

fn name(candidate: &Candidate) -> &'static str {
    BIDDERS.get(candidate.agent.0 as usize).map_or("?", |it| it.name)
}

fn as_text(won: &[Grant]) -> String {
    let mut text = String::new();
    for (round, grant) in (1..).zip(won) {
        let _ = writeln!(text, "round {round}: {} has it", grant.agent);
        text += "    agent        price   says      record         expected   points\n";
        for candidate in &grant.why.candidates {
            text += &row(candidate, &grant.agent);
        }
        for it in &grant.why.passed_over {
            let agent = BIDDERS.get(it.agent.0 as usize).map_or("?", |it| it.name);
            let why = if it.why == NoBid::Declined { "does not want it" } else { "made no bid" };
            let _ = writeln!(text, "    {agent:<8} {why}");
        }
    }
    let lost = won.iter().position(|it| it.agent != LIAR).unwrap_or(won.len());
    let _ = writeln!(text, "{LIAR} was believed {lost} times; then its record spoke.");
    text
}

fn row(candidate: &Candidate, winner: &str) -> String {
    let name = name(candidate);
    let Some(offer) = &candidate.offer else { return String::new() };
    let mark = if name == winner { "→" } else { " " };
    let price = offer.bid.price_micros as f64 / 1e6;
    let record = match offer.results {
        0 => "none".to_owned(),
        results => format!("{} ms of {results}", offer.shown_ms),
    };
    let (says, expected) = (offer.bid.time_ms, offer.expected.time_ms);
    let points = candidate.score.unwrap_or(0) / 1_000;
    format!(
        "  {mark} {name:<8} ${price:.6} {says:>4} ms {record:>11} {expected:>13} ms {points:>8}\n"
    )
}
