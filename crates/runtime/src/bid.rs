//! Bids at the edge: what a bidder is asked, and what it says, read strictly.
//!
//! The kernel knows a bid as three numbers. Here it is JSON, so that any kind of agent can make
//! one. A bidder is given the task on offer, and answers with a price, a time and a confidence, or
//! with `null` where it does not want the work. Anything else is no bid.

use crate::api::Failure;
use crate::canonical;
use kernel::{Dispatch, FailureKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The capability by which agents bid.
pub(crate) const BID: &str = "bid";

/// The dearest that can be said, US dollars.
const PRICE_MAX_USD: f64 = 1e9;

/// What is on offer, as a bidder is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offered {
    /// The task on offer.
    pub task: u64,
    /// What is asked for.
    pub capability: String,
    /// With what.
    pub input: Value,
}

/// What an agent would do it for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bid {
    /// US dollars.
    pub price: f64,
    /// How long it will work, milliseconds.
    pub time_ms: u64,
    /// How sure it is to succeed, 0 to 1.
    pub confidence: f64,
}

/// The input of a task for a bid: what is on offer, around that task's own input.
pub(crate) fn asked(dispatch: &Dispatch, input: &[u8]) -> Result<Vec<u8>, Failure> {
    canonical::to_bytes(&Offered {
        task: dispatch.parent.as_ref().map_or(0, |parent| parent.task.0),
        capability: dispatch.bids_for.as_deref().unwrap_or_default().to_owned(),
        input: canonical::from_bytes(input)?,
    })
}

/// What an agent says it would do the task for; `None`: it does not want it.
pub(crate) fn said(value: &Value) -> Result<Option<kernel::Bid>, Failure> {
    let garbage = |why: String| {
        let form = json!({ "price": 0.01, "time_ms": 500, "confidence": 0.9 });
        let message = format!("this is no bid: {why}; a bid is like {form}, or null");
        Failure::new(FailureKind::Garbage, message)
    };
    let bid = Option::<Bid>::deserialize(value).map_err(|why| garbage(why.to_string()))?;
    let Some(bid) = bid else { return Ok(None) };
    if !(0.0..=PRICE_MAX_USD).contains(&bid.price) {
        return Err(garbage(format!("its price is {}, not 0 to {PRICE_MAX_USD}", bid.price)));
    }
    if !(0.0..=1.0).contains(&bid.confidence) {
        return Err(garbage(format!("its confidence is {}, not 0 to 1", bid.confidence)));
    }
    Ok(Some(kernel::Bid {
        price_micros: (bid.price * 1e6).round() as u64,
        time_ms: bid.time_ms,
        confidence: (bid.confidence * 1e6).round() as u32,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_is_three_numbers_or_nothing_and_nothing_else() {
        let bid = said(&json!({ "price": 0.25, "time_ms": 40, "confidence": 0.5 })).expect("a bid");
        let read = kernel::Bid { price_micros: 250_000, time_ms: 40, confidence: 500_000 };
        assert_eq!(bid, Some(read));
        assert_eq!(said(&Value::Null).expect("nothing"), None);
        let free = said(&json!({ "price": 0, "time_ms": 0, "confidence": 1 })).expect("a bid");
        assert_eq!(free.map(|it| it.price_micros), Some(0));
        for odd in [
            json!("cheap"),
            json!({}),
            json!({ "price": 1, "time_ms": 1 }),
            json!({ "price": -0.1, "time_ms": 1, "confidence": 1 }),
            json!({ "price": 1e10, "time_ms": 1, "confidence": 1 }),
            json!({ "price": "1", "time_ms": 1, "confidence": 1 }),
            json!({ "price": 1, "time_ms": -1, "confidence": 1 }),
            json!({ "price": 1, "time_ms": 1.5, "confidence": 1 }),
            json!({ "price": 1, "time_ms": 1, "confidence": 1.01 }),
            json!({ "price": 1, "time_ms": 1, "confidence": 1, "winner": "me" }),
            json!([1, 1, 1, 1]),
        ] {
            let failure = said(&odd).expect_err("no bid");
            assert_eq!(failure.kind, FailureKind::Garbage, "{odd}: {failure:?}");
        }
    }
}
