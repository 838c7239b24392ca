//! What happens before a queued task is granted.

use crate::{AgentId, Bid, Text, Time};
use serde::{Deserialize, Serialize};

/// What happens before a queued task is granted, where a policy needs more than a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Routing {
    /// It waits for one agent: the one that its affinity key belongs to, or whose bid was best.
    Held { agent: AgentId, until: Time },
    /// It has waited long enough, or for nothing.
    HoldEnded,
    /// An adviser is asked who should get it.
    AdviceAsked { until: Time },
    /// The adviser said so, in time.
    Advised {
        ranking: Vec<AgentId>,
        /// Names of nobody that stood among them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nobody: Vec<Text>,
        words: Text,
    },
    /// These are asked for bids; what they say counts until then, and holds for longer.
    Announced { round: u32, until: Time, stands_until: Time, bidders: Vec<AgentId> },
    /// One of them said so in time. Nothing: it does not want the work.
    Bid { agent: AgentId, bid: Option<Bid> },
}
