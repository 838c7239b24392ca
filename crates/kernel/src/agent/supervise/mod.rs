//! Who looks after whom, and what happens when somebody dies: OTP's words and semantics.
//!
//! ```text
//!                     root, one_for_one          it counts the restarts of each child apart,
//!              ┌────────────┼────────────┐       and gives a child up that exceeds them
//!          supervisor     agent        agent     an agent without a supervisor: 1 in 5 s,
//!       ┌──────┼──────┐                          then the root decides
//!     agent  agent  supervisor                   a supervisor that exceeds its intensity stops
//!                   ┌──┴──┐                      its children and fails as a child of the one
//!                 agent  agent                   above it
//! ```
//!
//! Why does the root differ from OTP's, where the whole node goes down in the end? Nobody would
//! start it again, and agents that nobody has tied together have nothing to do with one another:
//! what exceeds the root's patience is *given up* and gets no work, the others go on, and a person
//! re-admits it.
//!
//! One file a question: [`tree`] who stands where, [`exit`] what a death means, [`restart`] what is
//! stopped and started because of it, [`advance`] what comes next, [`readmit`] a person's word.

mod advance;
mod exit;
mod readmit;
mod restart;
mod suspect;
pub(crate) mod tree;

pub(crate) use advance::{advance, go_on, started};
pub(crate) use exit::exited;
pub(crate) use readmit::restart_agent;
pub(crate) use suspect::{suspect, trust};

use crate::rule::intensity::{Intensity, Window};
use crate::{Plan, Text, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who else is restarted with a child.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// All children of its supervisor.
    OneForAll,
    /// The children that were started after it.
    RestForOne,
}

/// When a child is started again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// When it ended abnormally.
    Transient,
    /// Never.
    Temporary,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It was done.
    Normal,
    /// It was told to.
    Shutdown,
    /// Anything else, in words.
    Abnormal(Text),
}

impl Exit {
    /// In words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Exit::Normal => "it ended normally",
            Exit::Shutdown => "it was shut down",
            Exit::Abnormal(why) => why,
        }
    }
}

/// One supervisor of a team.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Supervisor {
    /// Its name; agents and supervisors of a team share one space of names.
    pub name: Text,
    /// Who is restarted with a child.
    #[serde(default)]
    pub strategy: Strategy,
    /// How many restarts it bears.
    pub intensity: Intensity,
    /// Whether the one above starts it again when it gives up. It then ends with `shutdown`, as
    /// in OTP: only a permanent one is started again.
    #[serde(default)]
    pub restart: Restart,
    /// Agents and supervisors, in start order.
    pub children: Vec<Text>,
}

impl Supervisor {
    /// A permanent supervisor with the usual intensity.
    pub fn new(name: impl Into<Text>, strategy: Strategy, children: Vec<Text>) -> Supervisor {
        let (intensity, restart) = (Intensity::GROUP, Restart::Permanent);
        Supervisor { name: name.into(), strategy, intensity, restart, children }
    }
}

/// Who looks after whom in one team. Agents that no supervisor names are the root's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Supervisors {
    /// Every supervisor but the root.
    pub named: Vec<Supervisor>,
    /// What an agent of the root's may take before the root decides.
    pub agent: Intensity,
    /// What the root bears of each of its children.
    pub root: Intensity,
}

impl Supervisors {
    /// Whether it is the root alone.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Supervisors::default()
    }
}

impl Default for Supervisors {
    fn default() -> Supervisors {
        Supervisors { named: Vec::new(), agent: Intensity::AGENT, root: Intensity::GROUP }
    }
}

/// What counts restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Level {
    /// Of which team.
    #[serde(default)]
    pub team: Text,
    /// Where in the tree.
    pub tier: Tier,
    /// Of the agent or supervisor; the root counts each of its children apart, by their name.
    pub name: Text,
}

/// Where something stands in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// An agent of the root's, on its own.
    Agent,
    /// A supervisor, with all its children.
    Group,
    /// The root, with one of its children.
    Root,
}

/// What is under way in the trees of all teams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Restarts under way, by number.
    pub plans: BTreeMap<u64, Plan>,
    /// The highest number given out.
    pub last_plan: u64,
    /// The restarts that count, by what counts them.
    pub windows: BTreeMap<Level, Window>,
}

impl Supervision {
    /// Restarts that count at this moment.
    #[must_use]
    pub fn count(&self, level: &Level, now: Time) -> u32 {
        self.windows.get(level).map_or(0, |window| window.count(now))
    }

    pub(crate) fn is_idle(&self) -> bool {
        *self == Supervision::default()
    }
}
