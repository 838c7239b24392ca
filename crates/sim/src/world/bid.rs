//! Agents that are asked for bids: they offer anything, nothing, or something that is no bid.

use super::World;
use crate::program::payload;
use kernel::{Bid, Report, Token};

impl World {
    /// Says what it bids, or something else.
    pub(super) fn say_bid(&mut self, agent: usize, token: Token) {
        let rng = &mut self.rng;
        let bid = Bid {
            price_micros: [rng.below(1_000), rng.below(1_500_000)][rng.below(2) as usize],
            time_ms: rng.below(5_000),
            confidence: rng.below(1_200_000) as u32,
        };
        let output = payload(&bid.price_micros.to_le_bytes());
        let report = match rng.below(20) {
            0 => Report::Completed(output),
            1 => Report::Bid { bid: None, output },
            2 => Report::Bid { bid: Some(bid), output: payload(&[b'7'; 5_000]) },
            _ => Report::Bid { bid: Some(bid), output },
        };
        self.last_word(agent, token, report);
    }
}
