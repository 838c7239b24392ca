//! Whether what is behind an agent runs: its supervisor's view of it.

use crate::mutant::{Mutant, planted};
use crate::{AgentId, Text, Time};
use serde::{Deserialize, Serialize};

/// The life of what is behind an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Counts its lives: what an earlier one says is from the dead.
    pub number: u64,
    /// Where it is in this one.
    #[serde(default, skip_serializing_if = "Stage::is_up")]
    pub stage: Stage,
    /// Why it is not started again, when it has died too often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Text>,
    /// Signs of life stay out: it gets no new work until one comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspected: bool,
    /// The restart that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<u64>,
}

/// Where something is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It runs.
    #[default]
    Up,
    /// It runs, and its turn to be stopped has not come.
    Condemned,
    /// It was told to stop and has not said yet that it has.
    Stopping,
    /// It does not run, and will be started.
    Down,
    /// It was told to start and has not said yet that it has.
    Starting,
    /// It does not run, and nobody starts it.
    Resting,
}

impl Life {
    /// Whether it may get new work, as far as its life goes.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let suspected = self.suspected && !planted(Mutant::SuspectedGetsWork);
        self.stage == Stage::Up && self.given_up.is_none() && !suspected
    }

    /// The name of its condition, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.stage, &self.given_up) {
            (Stage::Resting, Some(_)) => "given up",
            (Stage::Up, _) if self.suspected => "suspected",
            (Stage::Up, _) => "up",
            (Stage::Condemned | Stage::Stopping, _) => "stopping",
            (Stage::Down, _) => "down",
            (Stage::Starting, _) => "starting",
            (Stage::Resting, None) => "ended",
        }
    }
}

impl Stage {
    fn is_up(&self) -> bool {
        *self == Stage::Up
    }

    /// Whether something of it may still run.
    pub(crate) fn is_alive(self) -> bool {
        match self {
            Stage::Up | Stage::Condemned | Stage::Stopping | Stage::Starting => true,
            Stage::Down | Stage::Resting => false,
        }
    }
}

/// A restart under way: who is stopped, one after the other, and who is then started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In the order in which they are stopped.
    pub stop: Vec<AgentId>,
    /// In the order in which they are started.
    pub start: Vec<AgentId>,
    /// Nobody is started before.
    pub at: Time,
}

/// What a plan wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Stop(AgentId),
    Start(AgentId),
    /// Somebody is stopping or starting.
    Wait,
    Done,
}

impl Plan {
    /// Read off from where its members are; those that left are nowhere.
    pub(crate) fn next(&self, stage: impl Fn(AgentId) -> Option<Stage>) -> Next {
        for agent in &self.stop {
            match stage(*agent) {
                Some(Stage::Condemned) => return Next::Stop(*agent),
                Some(Stage::Stopping) => return Next::Wait,
                Some(Stage::Up | Stage::Down | Stage::Starting | Stage::Resting) | None => {}
            }
        }
        for agent in &self.start {
            match stage(*agent) {
                Some(Stage::Down) => return Next::Start(*agent),
                Some(Stage::Starting) => return Next::Wait,
                Some(Stage::Up | Stage::Condemned | Stage::Stopping | Stage::Resting) | None => {}
            }
        }
        Next::Done
    }
}
