//! Why an agent was chosen: enough to explain it later without the state of that moment.

use crate::market::{NoBid, Offer};
use crate::{AgentId, Text};
use serde::{Deserialize, Serialize};

/// One choice, as it is journaled with the grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which policy chose.
    #[serde(default, skip_serializing_if = "PolicyKind::is_least_loaded")]
    pub policy: PolicyKind,
    /// The best candidates, best first, at most [`Decision::CANDIDATES_MAX`]; empty when the chosen
    /// agent was the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Agents that serve it but had no free slot.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub busy: u32,
    /// Agents that serve it but are paused.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub paused: u32,
    /// Agents that serve it and are kept from it by their breakers.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub breaker_open: u32,
    /// Agents that serve it but are down: being restarted, given up, or suspected to be dead.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub down: u32,
    /// Agents present that do not serve it.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub not_serving: u32,
    /// Agents that serve it in no version that will do.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub version: u32,
    /// Agents that serve it and whose labels do not meet what is required.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub labels: u32,
    /// Agents that serve it and have fewer slots than it takes.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub too_small: u32,
    /// What tipped the scales.
    pub reason: Reason,
    /// Why the policy could not choose, and the lowest load did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// Which round of its auction it was decided by.
    #[serde(default, skip_serializing_if = "crate::terms::is_zero")]
    pub round: u32,
    /// Those who were asked for a bid and are out of the question, at most
    /// [`Decision::CANDIDATES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// Those whom the adviser named and who did not get it, at most
    /// [`Decision::CANDIDATES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dismissed: Vec<Dismissed>,
    /// What the adviser said. Data from an agent: never interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Text>,
}

impl Decision {
    /// How many candidates are recorded.
    pub const CANDIDATES_MAX: usize = 8;
}

/// One agent that could have had the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: AgentId,
    /// Its declared preference.
    pub prefer: i32,
    /// Slots in use, in 1/1024 of its slots; of fewer while it is new and has completed little,
    /// except on a market.
    pub load: u32,
    /// Whether its labels meet what the task wishes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wished: bool,
    /// What the policy gave it, where it gives points: higher is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u64>,
    /// What it bid, where it was asked for a bid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

/// One who was asked for a bid and does not get the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Who.
    pub agent: AgentId,
    /// Why not.
    pub why: NoBid,
}

/// One whom an adviser named in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    /// The name. Data from an agent, unless somebody has it.
    pub name: Text,
    /// Why not.
    pub why: Unadvisable,
}

/// Why one whom an adviser named does not get the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unadvisable {
    /// There is no such agent.
    Unknown,
    /// It does not serve it, in this team and version.
    NotServing,
    /// It is paused, on its way out, or gone.
    Away,
    /// It is down, too small, without the labels, kept from it by its breaker, or it was asked of
    /// another.
    Barred,
    /// It has no free slot.
    Busy,
}

/// The policies by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Who has the least to do.
    #[default]
    LeastLoaded,
    /// The better of two that are drawn.
    PowerOfTwo,
    /// Who has done it best so far.
    BestRecord,
    /// Who had the tasks of the same key before.
    Sticky,
    /// Who an adviser named.
    External,
    /// Who bid best.
    Auction,
    /// None: it was asked of one agent by name.
    Addressed,
}

impl PolicyKind {
    fn is_least_loaded(&self) -> bool {
        *self == PolicyKind::LeastLoaded
    }
}

/// What tipped the scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nobody else could.
    #[default]
    Only,
    /// Its labels are what the task wishes.
    Wished,
    /// It was kept back until it had the room.
    KeptBack,
    /// Less urgent work was stopped there to make room for it.
    RoomMade,
    /// It is preferred to the others.
    Preferred,
    /// It had the lowest load.
    LeastLoaded,
    /// Loads were equal and it had waited longest for work.
    LongestIdle,
    /// The better candidate had just failed this task.
    AnotherThanLast,
    /// It was asked of this agent by name.
    Addressed,
    /// Two were drawn, and it was the less loaded.
    TwoDrawn,
    /// It had the best record.
    BestRecord,
    /// It is little known, and this grant was for finding out.
    Explored,
    /// The task's affinity key is its own.
    OwnsKey,
    /// The owner of the key was busy for too long, and it is next in the key's order.
    NextForKey,
    /// The adviser named it.
    Advised,
    /// Its bid was the best.
    BestBid,
}

/// Why a policy could not choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The task has no affinity key.
    NoKey,
    /// No advice came in time.
    NoAdvice,
    /// The adviser could not say.
    NoOpinion,
    /// Nobody whom the adviser named could have it at that moment.
    AdviceUnfit,
    /// Nobody who could have it bids.
    NoBidders,
    /// The limits of its run, or of the whole, left no room to ask for bids.
    NoRoomForBids,
    /// Nobody made a bid that could be taken.
    NoBids,
    /// Those whose bids could be taken were at other work for too long.
    BiddersBusy,
}
