//! What is written down of a world: a digest always, a readable story when asked.

use kernel::topic::Ended;
use kernel::{Event, Loss, Routing, ScheduleEvent, Supervised, TopicEvent};
use std::collections::BTreeMap;

/// The record of one world.
pub(crate) struct Trace {
    told: bool,
    digest: u64,
    /// The story so far.
    pub(crate) lines: Vec<String>,
    /// How often each kind of event became durable.
    pub(crate) kinds: BTreeMap<&'static str, u64>,
}

impl Trace {
    pub(crate) fn new(told: bool) -> Trace {
        let digest = 0xCBF2_9CE4_8422_2325;
        Trace { told, digest, lines: Vec::new(), kinds: BTreeMap::new() }
    }

    /// Adds bytes to the digest (FNV-1a: it must be equal for equal worlds, not withstand anybody).
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Adds a line to the story, if anybody listens.
    pub(crate) fn say(&mut self, now: u64, line: impl FnOnce() -> String) {
        if self.told {
            self.lines.push(format!("{now:>8} {}", line()));
        }
    }

    /// Counts a durable event.
    pub(crate) fn event(&mut self, event: &Event) {
        *self.kinds.entry(kind(event)).or_default() += 1;
    }
}

/// The kinds of event that every long run must have seen.
pub const KINDS: [&str; 77] = [
    "runtime started",
    "drain started",
    "run started",
    "task accepted",
    "lease granted",
    "task started",
    "task waiting",
    "task resumed",
    "once started",
    "once done",
    "timer set",
    "timer fired",
    "spent",
    "attempt failed",
    "attempt lost",
    "work ended",
    "task completed",
    "task failed",
    "task cancelled",
    "task died",
    "dead released",
    "dead discarded",
    "key forgotten",
    "agent joined",
    "agent left",
    "agent paused",
    "agent unpaused",
    "configured",
    "breaker opened",
    "breaker half-opened",
    "breaker closed",
    "breaker forced",
    "schedule set",
    "schedule removed",
    "schedule paused",
    "schedule resumed",
    "schedule reckoned",
    "schedule fired",
    "schedule held",
    "wall clock moved",
    "agent resized",
    "agent draining",
    "agent exited",
    "restart planned",
    "agent stopping",
    "agent starting",
    "agent started",
    "supervisor escalated",
    "agent given up",
    "agent readmitted",
    "agent suspected",
    "agent trusted",
    "held for its agent",
    "hold ended",
    "advice asked",
    "advised",
    "announced",
    "bid heard",
    "preempted",
    "refusal",
    "topic set",
    "topic removed",
    "message published",
    "messages expired",
    "messages dropped",
    "subscriber joined",
    "subscriber left",
    "subscriber replayed",
    "messages delivered",
    "messages handled",
    "message nacked",
    "delivery silent",
    "delivery lost",
    "delivery let go",
    "message died",
    "message redelivered",
    "dead message discarded",
];

fn kind(event: &Event) -> &'static str {
    let at = match event {
        Event::RuntimeStarted { .. } => 0,
        Event::DrainStarted => 1,
        Event::RunStarted { .. } => 2,
        Event::TaskAccepted(_) => 3,
        Event::LeaseGranted(_) => 4,
        Event::TaskStarted { .. } => 5,
        Event::TaskWaiting { .. } => 6,
        Event::TaskResumed { .. } => 7,
        Event::OnceStarted { .. } => 8,
        Event::OnceDone { .. } => 9,
        Event::TimerSet { .. } => 10,
        Event::TimerFired { .. } => 11,
        Event::Spent { .. } => 12,
        Event::AttemptFailed { .. } => 13,
        Event::AttemptLost { cause: Loss::Preempted { .. }, .. } => 58,
        Event::AttemptLost { .. } => 14,
        Event::WorkEnded { .. } => 15,
        Event::TaskCompleted { .. } => 16,
        Event::TaskFailed { .. } => 17,
        Event::TaskCancelled { .. } => 18,
        Event::TaskDied { .. } => 19,
        Event::DeadReleased { .. } => 20,
        Event::DeadDiscarded { .. } => 21,
        Event::KeyForgotten { .. } => 22,
        Event::AgentJoined { .. } => 23,
        Event::AgentLeft { .. } => 24,
        Event::AgentPaused { .. } => 25,
        Event::AgentUnpaused { .. } => 26,
        Event::AgentRestarted { .. } => 46,
        Event::Configured { .. } => 27,
        Event::BreakerOpened { .. } => 28,
        Event::BreakerHalfOpened { .. } => 29,
        Event::BreakerClosed { .. } => 30,
        Event::BreakerForced { .. } => 31,
        Event::Schedule { what, .. } => 32 + schedule(what),
        Event::Topic { what, .. } => 60 + topic(what),
        Event::WallClockMoved { .. } => 39,
        Event::AgentResized { .. } => 40,
        Event::AgentDraining { .. } => 41,
        Event::Supervised(event) => 42 + supervised(event),
        Event::Routing { step, .. } => match step {
            Routing::Held { .. } => 52,
            Routing::HoldEnded => 53,
            Routing::AdviceAsked { .. } => 54,
            Routing::Advised { .. } => 55,
            Routing::Announced { .. } => 56,
            Routing::Bid { .. } => 57,
        },
    };
    KINDS[at]
}

/// Its place among the kinds of event that schedules have.
fn schedule(event: &ScheduleEvent) -> usize {
    match event {
        ScheduleEvent::Set { .. } => 0,
        ScheduleEvent::Removed => 1,
        ScheduleEvent::Paused => 2,
        ScheduleEvent::Resumed { .. } => 3,
        ScheduleEvent::Reckoned { .. } => 4,
        ScheduleEvent::Fired { .. } => 5,
        ScheduleEvent::Held { .. } => 6,
    }
}

/// Its place among the kinds of event that supervision has.
fn supervised(event: &Supervised) -> usize {
    match event {
        Supervised::Exited { .. } => 0,
        Supervised::Planned(_) => 1,
        Supervised::Stopping { .. } => 2,
        Supervised::Starting { .. } => 3,
        Supervised::Started { .. } => 4,
        Supervised::Escalated { .. } => 5,
        Supervised::GivenUp { .. } => 6,
        Supervised::Readmitted { .. } => 7,
        Supervised::Suspected { .. } => 8,
        Supervised::Trusted { .. } => 9,
    }
}

/// Its place among the kinds of event that topics have.
fn topic(event: &TopicEvent) -> usize {
    match event {
        TopicEvent::Set(_) => 0,
        TopicEvent::Removed => 1,
        TopicEvent::Published { .. } => 2,
        TopicEvent::Expired { .. } => 3,
        TopicEvent::Dropped { .. } => 4,
        // A name that is served otherwise has joined anew, on other terms and in its place.
        TopicEvent::Joined { .. } | TopicEvent::Served { .. } => 5,
        TopicEvent::Left { .. } => 6,
        TopicEvent::Replayed { .. } => 7,
        TopicEvent::Delivered { .. } => 8,
        TopicEvent::Handled { .. } => 9,
        TopicEvent::Returned { why: Ended::Nacked, .. } => 10,
        TopicEvent::Returned { why: Ended::Silent, .. } => 11,
        TopicEvent::Returned { why: Ended::RuntimeEnded, .. } => 12,
        TopicEvent::Returned { why: Ended::LetGo, .. } => 13,
        TopicEvent::Died { .. } => 14,
        TopicEvent::Redelivered { .. } => 15,
        TopicEvent::Discarded { .. } => 16,
    }
}
