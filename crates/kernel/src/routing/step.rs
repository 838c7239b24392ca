//! What happens before a queued task is granted.

use crate::{AgentId, Text, Time};
use serde::{Deserialize, Serialize};

/// What happens before a queued task is granted, where a policy needs more than a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Routing {
    /// It waits for the agent that its affinity key belongs to.
    Held { agent: AgentId, until: Time },
    /// It has waited long enough.
    HoldEnded,
    /// An adviser is asked who should get it.
    AdviceAsked { until: Time },
    /// The adviser said so, in time.
    Advised { ranking: Vec<AgentId>, words: Text },
}
