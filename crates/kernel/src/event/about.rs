//! What every event can be asked: which payloads it carries, and which task it is about.

use super::Event;
use crate::schedule::ScheduleEvent;
use crate::{Outcome, Payload, TaskId};

impl Event {
    /// The payloads it carries, in a fixed order; whoever writes the event stores their bytes.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        match self {
            Event::TaskAccepted(accepted) => Some(&accepted.input),
            Event::Schedule { what: ScheduleEvent::Set { spec, .. }, .. } => Some(&spec.input),
            Event::TaskCompleted { output, .. } => Some(output),
            Event::OnceDone { outcome: Outcome::Completed(output), .. } => Some(output),
            Event::Topic { what, .. } => what.payload(),
            Event::RuntimeStarted { .. }
            | Event::DrainStarted
            | Event::RunStarted { .. }
            | Event::LeaseGranted(_)
            | Event::Routing { .. }
            | Event::TaskStarted { .. }
            | Event::TaskWaiting { .. }
            | Event::TaskResumed { .. }
            | Event::OnceStarted { .. }
            | Event::OnceDone { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::Spent { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptLost { .. }
            | Event::WorkEnded { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelled { .. }
            | Event::TaskDied { .. }
            | Event::DeadReleased { .. }
            | Event::DeadDiscarded { .. }
            | Event::KeyForgotten { .. }
            | Event::Configured { .. }
            | Event::AgentJoined { .. }
            | Event::AgentLeft { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentResized { .. }
            | Event::AgentDraining { .. }
            | Event::AgentRestarted { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. }
            | Event::Schedule { .. }
            | Event::WallClockMoved { .. }
            | Event::Supervised(_) => None,
        }
        .into_iter()
    }

    /// The same, to put the bytes back after reading.
    pub fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        match self {
            Event::TaskAccepted(accepted) => Some(&mut accepted.input),
            Event::Schedule { what: ScheduleEvent::Set { spec, .. }, .. } => Some(&mut spec.input),
            Event::TaskCompleted { output, .. } => Some(output),
            Event::OnceDone { outcome: Outcome::Completed(output), .. } => Some(output),
            Event::Topic { what, .. } => what.payload_mut(),
            Event::RuntimeStarted { .. }
            | Event::DrainStarted
            | Event::RunStarted { .. }
            | Event::LeaseGranted(_)
            | Event::Routing { .. }
            | Event::TaskStarted { .. }
            | Event::TaskWaiting { .. }
            | Event::TaskResumed { .. }
            | Event::OnceStarted { .. }
            | Event::OnceDone { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::Spent { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptLost { .. }
            | Event::WorkEnded { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelled { .. }
            | Event::TaskDied { .. }
            | Event::DeadReleased { .. }
            | Event::DeadDiscarded { .. }
            | Event::KeyForgotten { .. }
            | Event::Configured { .. }
            | Event::AgentJoined { .. }
            | Event::AgentLeft { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentResized { .. }
            | Event::AgentDraining { .. }
            | Event::AgentRestarted { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. }
            | Event::Schedule { .. }
            | Event::WallClockMoved { .. }
            | Event::Supervised(_) => None,
        }
        .into_iter()
    }

    /// The task it is about, if it is about one.
    #[must_use]
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Event::TaskAccepted(accepted) => Some(accepted.task),
            Event::LeaseGranted(granted) => Some(granted.task),
            Event::RunStarted { run: task, .. }
            | Event::Routing { task, .. }
            | Event::TaskStarted { task }
            | Event::TaskWaiting { task }
            | Event::TaskResumed { task, .. }
            | Event::OnceStarted { task, .. }
            | Event::OnceDone { task, .. }
            | Event::TimerSet { task, .. }
            | Event::TimerFired { task, .. }
            | Event::Spent { task, .. }
            | Event::AttemptFailed { task, .. }
            | Event::AttemptLost { task, .. }
            | Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. }
            | Event::DeadReleased { task, .. }
            | Event::DeadDiscarded { task } => Some(*task),
            Event::RuntimeStarted { .. }
            | Event::DrainStarted
            | Event::WorkEnded { .. }
            | Event::KeyForgotten { .. }
            | Event::Configured { .. }
            | Event::AgentJoined { .. }
            | Event::AgentLeft { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentResized { .. }
            | Event::AgentDraining { .. }
            | Event::AgentRestarted { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. }
            | Event::Schedule { .. }
            | Event::Topic { .. }
            | Event::WallClockMoved { .. }
            | Event::Supervised(_) => None,
        }
    }
}
