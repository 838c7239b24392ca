//! What happens to the lives of agents: the events of supervision.

use crate::{AgentId, Exit, Intensity, Level, Text, Time};
use serde::{Deserialize, Serialize};

/// A fact about the life of an agent, or about who looks after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // As of every event: the names say it.
pub enum Supervised {
    /// A life ended. `rest`: nobody starts it again.
    Exited {
        agent: AgentId,
        life: u64,
        reason: Exit,
        rest: bool,
    },
    Planned(Box<Planned>),
    Stopping {
        agent: AgentId,
        life: u64,
    },
    Starting {
        agent: AgentId,
        life: u64,
    },
    Started {
        agent: AgentId,
        life: u64,
    },
    /// A level has restarted as often as it may: it stops its children, and the one above decides.
    Escalated {
        level: Level,
        /// Whose death was one too many.
        agent: AgentId,
    },
    GivenUp {
        agent: AgentId,
        reason: Text,
    },
    Readmitted {
        agent: AgentId,
    },
    /// Its heartbeats stay out: no new work.
    Suspected {
        agent: AgentId,
    },
    Trusted {
        agent: AgentId,
    },
}

impl Supervised {
    /// The agent that it is about, or because of.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        match self {
            Supervised::Planned(planned) => planned.agent,
            Supervised::Exited { agent, .. }
            | Supervised::Stopping { agent, .. }
            | Supervised::Starting { agent, .. }
            | Supervised::Started { agent, .. }
            | Supervised::Escalated { agent, .. }
            | Supervised::GivenUp { agent, .. }
            | Supervised::Readmitted { agent }
            | Supervised::Suspected { agent }
            | Supervised::Trusted { agent } => *agent,
        }
    }

    /// Its name, as views spell it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Supervised::Exited { .. } => "agent_exited",
            Supervised::Planned(_) => "restart_planned",
            Supervised::Stopping { .. } => "agent_stopping",
            Supervised::Starting { .. } => "agent_starting",
            Supervised::Started { .. } => "agent_started",
            Supervised::Escalated { .. } => "supervisor_escalated",
            Supervised::GivenUp { .. } => "agent_given_up",
            Supervised::Readmitted { .. } => "agent_readmitted",
            Supervised::Suspected { .. } => "agent_suspected",
            Supervised::Trusted { .. } => "agent_trusted",
        }
    }
}

/// A restart: who is stopped and who is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Because of whom.
    pub agent: AgentId,
    /// What counts it, and how many that bears; absent where a person asked, or gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<(Level, Intensity)>,
    /// What begins to count anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgets: Vec<Level>,
    /// In the order in which they are stopped, those that have ended already included.
    pub stop: Vec<AgentId>,
    /// In the order in which they are started.
    pub start: Vec<AgentId>,
    /// Nobody is started before.
    pub at: Time,
}
