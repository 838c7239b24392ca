//! What a task's market is: who was asked for a bid, what they said, and who has the work for it.
//!
//! A market is opened when a task is announced and stays until the task ends, so that the next
//! bidder is known when the winner fails. Each bid is asked for by a task of its own, a child that
//! is no step: it counts in the limits and the purse of its tree, and in nothing of its parent's.

use crate::mutant::{Mutant, planted};
use crate::rule::auction::{Bid, Expected};
use crate::{AgentId, FailureKind, Outcome, TaskId, Text, Time, Token};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The capability by which agents bid.
pub(crate) const BID: &str = "bid";

/// One task's market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auction {
    /// Counts the announcements of this task.
    pub round: u32,
    /// What is bid later is not heard.
    pub until: Time,
    /// How long the bids hold.
    pub stands_until: Time,
    /// Those who were asked in this round.
    pub bidders: Vec<Bidder>,
    /// Somebody had the task since this round began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tried: bool,
    /// Those under whom it failed or was lost, in any round.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<AgentId>,
    /// What is set aside for whoever has it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow: Option<Escrow>,
}

/// One who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bidder {
    /// Who.
    pub agent: AgentId,
    /// The task by which it was asked.
    pub task: Option<TaskId>,
    /// What came of it; nothing yet.
    pub said: Option<Said>,
}

/// What came of a question for a bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// An offer.
    Bid(Bid),
    /// None, and why.
    None(NoBid),
}

/// Why one who was asked is out of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoBid {
    /// It said nothing in time.
    Late,
    /// It does not want the work.
    Declined,
    /// What it said is no bid.
    Malformed,
    /// It failed at bidding.
    Failed,
    /// It wants more than there is to pay with.
    OverBudget,
    /// It had the task, and others can do without it.
    HadIt,
    /// It has no room for it just now.
    Busy,
    /// It may not have it any more.
    Unfit,
}

/// A price that is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// The attempt that it is for.
    pub token: Token,
    /// Millionths of a dollar.
    pub price_micros: u64,
    /// What the attempt has spent already; it comes out of the price.
    pub spent_micros: u64,
}

/// A bid with what is made of it, as it is recorded with the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What was bid.
    pub bid: Bid,
    /// What is expected of it.
    pub expected: Expected,
    /// Results of this agent at such work.
    pub results: u32,
    /// Of these, the working time, milliseconds; 0 where nothing was completed.
    pub shown_ms: u64,
}

impl Auction {
    pub(crate) fn bidder_mut(&mut self, agent: AgentId) -> Option<&mut Bidder> {
        self.bidders.iter_mut().find(|it| it.agent == agent)
    }

    /// What an agent offers.
    #[must_use]
    pub fn bid_of(&self, agent: AgentId) -> Option<Bid> {
        self.bidders.iter().find(|it| it.agent == agent)?.bid()
    }

    /// Whether a bid would still be heard: this task was asked for one and has said nothing.
    pub(crate) fn waits_for(&self, task: TaskId) -> Option<AgentId> {
        let open = |it: &&Bidder| it.task == Some(task) && it.said.is_none();
        self.bidders.iter().find(open).map(|it| it.agent)
    }

    /// Whether everybody has said something.
    pub(crate) fn is_complete(&self) -> bool {
        self.bidders.iter().all(|it| it.said.is_some())
    }

    /// Whether somebody is left who offers something and has not failed the task yet.
    pub(crate) fn has_fresh(&self) -> bool {
        self.bidders.iter().any(|it| it.bid().is_some() && !self.has_failed(it.agent))
    }

    /// Whether the task was taken from this agent before.
    pub(crate) fn has_failed(&self, agent: AgentId) -> bool {
        self.failed.contains(&agent) && !planted(Mutant::FailedBidderAgain)
    }
}

impl Bidder {
    /// What it offers.
    #[must_use]
    pub fn bid(&self) -> Option<Bid> {
        match self.said {
            Some(Said::Bid(bid)) => Some(bid),
            Some(Said::None(_)) | None => None,
        }
    }
}

impl Escrow {
    /// What is set aside still.
    pub(crate) fn left(&self) -> u64 {
        self.price_micros.saturating_sub(self.spent_micros)
    }
}

impl NoBid {
    /// Why there is no bid of a task that ended like this without one.
    pub(crate) fn of(outcome: &Outcome) -> NoBid {
        match outcome {
            // It was said after the others were judged, or what it said was not heard.
            Outcome::Completed(_) => NoBid::Late,
            Outcome::Cancelled(_) => NoBid::Failed,
            Outcome::Failed(failure) | Outcome::Dead(failure) => match failure.kind {
                FailureKind::Deadline | FailureKind::Timeout => NoBid::Late,
                FailureKind::Garbage => NoBid::Malformed,
                FailureKind::Error
                | FailureKind::Rejected
                | FailureKind::Panic
                | FailureKind::Crash
                | FailureKind::LeaseExpired
                | FailureKind::Overloaded
                | FailureKind::OverBudget
                | FailureKind::Drift
                | FailureKind::Unknown
                | FailureKind::Limit
                | FailureKind::Child
                | FailureKind::Shed
                | FailureKind::Setup
                | FailureKind::Lost => NoBid::Failed,
            },
        }
    }
}

/// The step key under which an agent is asked.
pub(crate) fn step_key(round: u32, agent: &str) -> Text {
    format!("{BID}/{round}/{agent}").into()
}
