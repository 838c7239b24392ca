//! What happened. Events are journaled and are the only thing that changes state.

mod about;

use crate::routing::Routing;
use crate::schedule::ScheduleEvent;
use crate::topic::TopicEvent;
use crate::{
    AgentId, AgentSpec, Budget, Cost, Digest, Failure, Forced, Granted, Loss, Outcome, Payload,
    Policies, Supervised, TaskId, Terms, Text, Time, Token, Tripped,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One line of the journal: a fact and the kernel's time when it was decided.
///
/// Time is journaled so that a restart under a clock set back cannot revive old deadlines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided.
    pub at: Time,
    /// What.
    pub event: Event,
}

/// A fact. Past tense, complete in itself, never rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation; the fields are those of the state.
pub enum Event {
    RuntimeStarted {
        incarnation: u64,
        generation: u16,
        seed: u64,
        wall_ms: u64,
        /// The leases of remote agents run until then at least, whatever was renewed before.
        #[serde(default)]
        leases_until: Time,
        /// The journal's name for outside systems, given at its first start and kept for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        journal: Option<u64>,
    },
    DrainStarted,
    /// A run is pinned to a definition; said again when an operator moves it to another one.
    RunStarted {
        run: TaskId,
        team: Text,
        definition: Digest,
    },
    TaskAccepted(Box<Accepted>),
    LeaseGranted(Box<Granted>),
    /// It goes on about who gets a task, while the task waits.
    Routing {
        task: TaskId,
        step: Routing,
    },
    TaskStarted {
        task: TaskId,
    },
    TaskWaiting {
        task: TaskId,
    },
    TaskResumed {
        task: TaskId,
        until: Time,
    },
    OnceStarted {
        task: TaskId,
        step: Text,
        token: Token,
    },
    OnceDone {
        task: TaskId,
        step: Text,
        outcome: Outcome,
    },
    TimerSet {
        task: TaskId,
        step: Text,
        due: Time,
    },
    TimerFired {
        task: TaskId,
        step: Text,
    },
    /// `on`: what it was spent on, where that is not what the agent's labels say; else empty.
    Spent {
        task: TaskId,
        token: Token,
        cost: Cost,
        #[serde(default, skip_serializing_if = "crate::terms::is_empty")]
        on: Text,
    },
    /// Charged to the task. `stop`: the work may still be going on and must be ended.
    AttemptFailed {
        task: TaskId,
        token: Token,
        failure: Failure,
        retry_at: Time,
        stop: bool,
    },
    /// Not charged: the runtime, not the agent, lost it.
    AttemptLost {
        task: TaskId,
        token: Token,
        cause: Loss,
        retry_at: Time,
    },
    /// Work that was told to stop has stopped; `late`: with an answer, which was not heard.
    WorkEnded {
        token: Token,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
    },
    TaskCompleted {
        task: TaskId,
        token: Token,
        output: Payload,
    },
    TaskFailed {
        task: TaskId,
        failure: Failure,
    },
    TaskCancelled {
        task: TaskId,
        reason: Text,
    },
    TaskDied {
        task: TaskId,
        failure: Failure,
    },
    DeadReleased {
        task: TaskId,
        into: TaskId,
    },
    DeadDiscarded {
        task: TaskId,
    },
    KeyForgotten {
        tenant: Text,
        key: Text,
    },
    /// What holds for a team from now on.
    Configured {
        team: Text,
        policies: Arc<Policies>,
    },
    AgentJoined {
        agent: AgentId,
        spec: Arc<AgentSpec>,
    },
    AgentLeft {
        agent: AgentId,
    },
    AgentPaused {
        agent: AgentId,
    },
    AgentUnpaused {
        agent: AgentId,
    },
    AgentResized {
        agent: AgentId,
        slots: u32,
    },
    /// It finishes what it has; then it leaves.
    AgentDraining {
        agent: AgentId,
    },
    /// Not recorded any more: restarts are planned, begun and done.
    AgentRestarted {
        agent: AgentId,
        reason: Text,
    },
    /// An agent gets no more of this capability until then.
    BreakerOpened {
        agent: AgentId,
        capability: Text,
        until: Time,
        why: Tripped,
    },
    /// It gets a few tasks of it, to see how they go.
    BreakerHalfOpened {
        agent: AgentId,
        capability: Text,
    },
    /// It gets all of it again.
    BreakerClosed {
        agent: AgentId,
        capability: Text,
    },
    /// An operator decided; `None`: from now on results decide again.
    BreakerForced {
        agent: AgentId,
        capability: Text,
        forced: Option<Forced>,
    },
    /// Something became of a schedule.
    Schedule {
        name: Text,
        what: ScheduleEvent,
    },
    /// Something became of a durable topic.
    Topic {
        topic: Text,
        what: TopicEvent,
    },
    /// The wall clock was set, or the machine slept.
    WallClockMoved {
        wall_ms: u64,
        /// It says less than it should.
        set_back: bool,
    },
    /// Something that supervision has to do with.
    Supervised(Supervised),
}

/// A task that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // The fields are those of the command and the state.
pub struct Accepted {
    pub task: TaskId,
    pub terms: Arc<Terms>,
    pub input: Payload,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// It must end by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// It may not start before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Tasks with the same key go to the same agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Text>,
    /// The dead task that this is another life of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_from: Option<TaskId>,
    /// It asks for a bid for its parent, and is no step of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_bid: bool,
    /// It asks who should get its parent, and is no step of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_advice: bool,
}

/// Whose child a task is, and as which step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The parent.
    pub task: TaskId,
    /// Unique under the parent.
    pub step: Text,
}
