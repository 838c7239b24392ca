//! Bids in `why TASK`: what was offered, what was made of it, and who was out of the question.

use serde::{Deserialize, Serialize};

/// A bid, and what was made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it wants, millionths of a dollar.
    pub price_micros: u64,
    /// How long it says it will work.
    pub time_ms: u64,
    /// How sure it says it is, in millionths.
    pub confidence: u64,
    /// How long it is expected to work, by its word and its record.
    pub expected_ms: u64,
    /// How likely it is expected to succeed, in millionths.
    pub expected_success: u64,
    /// How many results its record is made of.
    pub results: u64,
    /// Working time by its record; 0 where there is none.
    pub shown_ms: u64,
}

/// One who was asked for a bid and was out of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who.
    pub agent: String,
    /// Why, as the journal spells it.
    pub why: String,
}

impl Offer {
    /// Word against record, in a line.
    #[must_use]
    pub fn told(&self) -> String {
        let percent = |millionths: u64| millionths / 10_000;
        let (dollars, micros) = (self.price_micros / 1_000_000, self.price_micros % 1_000_000);
        let (says_ms, sure) = (self.time_ms, percent(self.confidence));
        let word = format!("bids ${dollars}.{micros:06}, {says_ms} ms, {sure}% sure");
        let record = match (self.results, self.shown_ms) {
            (0, _) => return format!("{word}; no record yet, so its word counts"),
            (1, 0) => "its record is 1 result, and no good one".to_owned(),
            (results, 0) => format!("its record is {results} results, none of them good"),
            (1, ms) => format!("its record is {ms} ms of 1 result"),
            (results, ms) => format!("its record is {ms} ms of {results} results"),
        };
        let (expected_ms, success) = (self.expected_ms, percent(self.expected_success));
        format!("{word}; {record}: expected {expected_ms} ms, {success}%")
    }
}

impl PassedOver {
    pub(super) fn told(&self) -> String {
        let agent = &self.agent;
        match &*self.why {
            "late" => format!("{agent} made no bid in time"),
            "declined" => format!("{agent} did not want it"),
            "malformed" => format!("what {agent} said was no bid"),
            "failed" => format!("{agent} failed at bidding"),
            "over_budget" => format!("{agent} wanted more than was left of the budget"),
            "had_it" => format!("{agent} had it before, and did not finish it"),
            "busy" => format!("{agent} was at other work by then"),
            "unfit" => format!("{agent} could not have it any more"),
            other => format!("{agent}: {other}"),
        }
    }
}
