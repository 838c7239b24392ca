//! What a bid is worth: points out of a million, more is better.
//!
//! As public tenders do it, price and time are judged against the best that was offered: the best
//! gets all points, a bid at twice of it half of them. Why so, and not what a second costs? Nobody
//! has to know what a second costs. The points count as far as the agent can be relied upon.
//!
//! What an agent says of itself costs it nothing, so it counts as much as *one* result would:
//!
//! ```text
//!   expected = (promised + n × shown) ÷ (1 + n)      n results, at most 16
//! ```
//!
//! Without results the promise is all there is. After one it is half, after four a fifth; whoever
//! promises 10 ms and takes 300 is taken to need 242 by then. Sixteen, since a record is made of
//! about so many results; see [`super::record`]. Only integers: the same bids win everywhere.

use crate::Record;
use crate::mutant::{Mutant, planted};
use serde::{Deserialize, Serialize};

/// Results beyond which a record weighs no more.
const EVIDENCE_MAX: u32 = 16;
/// All points, all confidence, all success.
pub(crate) const ONE: u64 = 1_000_000;

/// What an agent offers to do the work for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bid {
    /// What it wants, millionths of a dollar.
    pub price_micros: u64,
    /// How long it says it will work, milliseconds.
    pub time_ms: u64,
    /// How sure it says it is to succeed, in millionths.
    pub confidence: u32,
}

/// What an agent has shown at work that was on a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// How it has done lately.
    pub record: Record,
    /// Of how many results that is made.
    pub results: u32,
}

/// What to expect of a bid: its promises, corrected by what its agent has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// How long it will work, milliseconds.
    pub time_ms: u64,
    /// How likely it is to succeed, in millionths.
    pub success: u32,
}

impl Proof {
    pub(crate) fn completed(&mut self, worked_ms: u64) {
        self.record.completed(worked_ms);
        self.results = self.results.saturating_add(1);
    }

    pub(crate) fn failed(&mut self) {
        self.record.failed();
        self.results = self.results.saturating_add(1);
    }
}

/// A promise and what was shown, the one as good as a single result.
fn blend(promised: u64, shown: u64, results: u32) -> u64 {
    let results = if planted(Mutant::MarketIgnoresRecord) { 0 } else { results };
    let evidence = u128::from(results.min(EVIDENCE_MAX));
    let sum = u128::from(promised) + evidence * u128::from(shown);
    u64::try_from(sum / (1 + evidence)).unwrap_or(u64::MAX)
}

/// What to expect of a bid.
#[must_use]
pub(crate) fn expected(bid: &Bid, proof: &Proof) -> Expected {
    let record = &proof.record;
    let shown = u64::from(record.success()) * ONE / u64::from(Record::ONE);
    let success = blend(u64::from(bid.confidence).min(ONE), shown, proof.results);
    // Whoever has completed nothing has shown nothing of its speed.
    let timed = if record.work_ms() == 0 { 0 } else { proof.results };
    let time_ms = blend(bid.time_ms, record.work_ms(), timed);
    Expected { time_ms, success: u32::try_from(success).unwrap_or(u32::MAX) }
}

/// The points of a bid of this price and what is expected of it, among bids of which the best has
/// this price and time. `price_percent` of the points are for the price, the rest for the time.
#[must_use]
pub(crate) fn points(
    price_micros: u64,
    expected: Expected,
    best: (u64, u64),
    price_percent: u32,
) -> u64 {
    let weight = u64::from(price_percent.min(100));
    let price = share(best.0, price_micros) * weight;
    let time = share(best.1, expected.time_ms) * (100 - weight);
    (price + time) / 100 * u64::from(expected.success) / ONE
}

/// How close to the best, in millionths. One is added to both, so that nothing divides by zero.
fn share(best: u64, own: u64) -> u64 {
    let (best, own) = (u128::from(best.min(own)) + 1, u128::from(own) + 1);
    u64::try_from(best * u128::from(ONE) / own).unwrap_or(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &str) -> impl Iterator<Item = Vec<u64>> {
        let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        rows.map(|row| row.split_whitespace().map(|it| it.parse().expect(row)).collect())
    }

    /// A record of so many results that all took this long, of which so many failed last.
    fn proof(work_ms: u64, results: u64, failed: u64) -> Proof {
        let mut proof = Proof::default();
        (failed..results).for_each(|_| proof.completed(work_ms));
        (0..failed).for_each(|_| proof.failed());
        proof
    }

    #[test]
    fn bids_get_the_points_of_the_table() {
        let table = include_str!("../../tests/tables/auction.txt");
        let mut count = 0;
        for row in rows(table) {
            let [price, time, sure, work, results, failed, best_price, best_time, percent, ..] =
                row[..]
            else {
                panic!("twelve columns: {row:?}");
            };
            let bid = Bid { price_micros: price, time_ms: time, confidence: sure as u32 };
            let expected = expected(&bid, &proof(work, results, failed));
            let points = points(price, expected, (best_price, best_time), percent as u32);
            let seen = [expected.time_ms, u64::from(expected.success), points];
            assert_eq!(seen, row[9..], "{row:?}");
            count += 1;
        }
        assert_eq!(count, 18);
    }
}
