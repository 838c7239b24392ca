//! One entry of the journal as one line for people.

mod topic;

use super::change::Line;
use super::memory::Memory;
use super::names;
use kernel::{Came, Event, Routing, ScheduleEvent, Supervised};

/// The entry as one line for people; `None` for what a row of another table tells in full. Those
/// are the entries that every task has, and most have no others.
pub(super) fn of<'e>(memory: &Memory, seq: i64, at_ms: i64, event: &'e Event) -> Option<Line<'e>> {
    let mut line = Line {
        seq,
        at_ms,
        kind: event_name(event),
        task: event.task().map(|task| task.0),
        ..Line::default()
    };
    match event {
        Event::TaskAccepted(_) | Event::LeaseGranted(_) | Event::TaskCompleted { .. } => {
            return None;
        }
        Event::OnceStarted { step, token, .. } => {
            (line.step, line.token) = (Some(&**step), Some(token.0));
        }
        Event::OnceDone { step, outcome, .. } => {
            line.step = Some(step);
            line.note = Some(names::complaint(outcome).unwrap_or(names::outcome(outcome)));
        }
        Event::TimerSet { step, .. } | Event::TimerFired { step, .. } => line.step = Some(step),
        Event::Spent { token, on, .. } => (line.token, line.note) = (Some(token.0), said(on)),
        Event::WorkEnded { token, late } => {
            line.token = Some(token.0);
            line.note = late.then_some("its answer came too late and was refused");
            line.task = memory.stopping.get(&token.0).map(|halted| halted.task);
        }
        Event::AttemptFailed { token, failure, .. } => {
            (line.token, line.note) = (Some(token.0), Some(&*failure.message));
        }
        Event::AttemptLost { token, cause, .. } => {
            (line.token, line.note) = (Some(token.0), Some(names::loss(*cause)));
        }
        Event::TaskFailed { failure, .. } | Event::TaskDied { failure, .. } => {
            line.note = Some(&failure.message);
        }
        Event::TaskCancelled { reason, .. } => line.note = Some(reason),
        Event::Routing { step, .. } => routing(&mut line, memory, step),
        Event::AgentJoined { spec, .. } => line.agent = Some(spec.name.clone()),
        Event::AgentRestarted { agent, reason: note }
        | Event::BreakerOpened { agent, capability: note, .. }
        | Event::BreakerHalfOpened { agent, capability: note }
        | Event::BreakerClosed { agent, capability: note }
        | Event::BreakerForced { agent, capability: note, .. } => {
            (line.agent, line.note) = (Some(memory.agent(agent.0)), Some(&**note));
        }
        Event::Supervised(event) => {
            line.agent = Some(memory.agent(event.agent().0));
            line.note = note_of(event);
        }
        Event::AgentLeft { agent }
        | Event::AgentPaused { agent }
        | Event::AgentUnpaused { agent }
        | Event::AgentResized { agent, .. }
        | Event::AgentDraining { agent } => line.agent = Some(memory.agent(agent.0)),
        Event::RunStarted { team, .. } | Event::Configured { team, .. } => line.note = Some(team),
        Event::Schedule { name, what } => schedule(&mut line, name, what),
        Event::Topic { topic, what } => return topic::tell(line, topic, what),
        Event::RuntimeStarted { .. }
        | Event::DrainStarted
        | Event::KeyForgotten { .. }
        | Event::TaskStarted { .. }
        | Event::TaskWaiting { .. }
        | Event::TaskResumed { .. }
        | Event::DeadReleased { .. }
        | Event::DeadDiscarded { .. }
        | Event::WallClockMoved { .. } => {}
    }
    Some(line)
}

/// Why, where a fact of supervision says so.
fn said(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn note_of(event: &Supervised) -> Option<&str> {
    match event {
        Supervised::Exited { reason, .. } => Some(reason.words()),
        Supervised::GivenUp { reason, .. } => Some(reason),
        Supervised::Escalated { level, .. } => Some(&level.name),
        Supervised::Planned(_)
        | Supervised::Stopping { .. }
        | Supervised::Starting { .. }
        | Supervised::Started { .. }
        | Supervised::Readmitted { .. }
        | Supervised::Suspected { .. }
        | Supervised::Trusted { .. } => None,
    }
}

fn routing<'e>(line: &mut Line<'e>, memory: &Memory, step: &'e Routing) {
    match step {
        Routing::Held { agent, .. } => line.agent = Some(memory.agent(agent.0)),
        Routing::Advised { ranking, words, .. } => {
            line.agent = ranking.first().map(|agent| memory.agent(agent.0));
            line.note = Some(words);
        }
        Routing::Bid { agent, bid } => {
            line.agent = Some(memory.agent(agent.0));
            line.note = bid.is_none().then_some("declined");
        }
        Routing::HoldEnded | Routing::AdviceAsked { .. } | Routing::Announced { .. } => {}
    }
}

/// The kind of an event, as the journal spells it.
fn event_name(event: &Event) -> &'static str {
    match event {
        Event::RuntimeStarted { .. } => "runtime_started",
        Event::DrainStarted => "drain_started",
        Event::RunStarted { .. } => "run_started",
        Event::TaskAccepted(_) => "task_accepted",
        Event::LeaseGranted(_) => "lease_granted",
        Event::Routing { step, .. } => match step {
            Routing::Held { .. } => "task_held",
            Routing::HoldEnded => "hold_ended",
            Routing::AdviceAsked { .. } => "advice_asked",
            Routing::Advised { .. } => "advised",
            Routing::Announced { .. } => "announced",
            Routing::Bid { .. } => "bid",
        },
        Event::TaskStarted { .. } => "task_started",
        Event::TaskWaiting { .. } => "task_waiting",
        Event::TaskResumed { .. } => "task_resumed",
        Event::OnceStarted { .. } => "once_started",
        Event::OnceDone { .. } => "once_done",
        Event::TimerSet { .. } => "timer_set",
        Event::TimerFired { .. } => "timer_fired",
        Event::Spent { .. } => "spent",
        Event::AttemptFailed { .. } => "attempt_failed",
        Event::AttemptLost { .. } => "attempt_lost",
        Event::WorkEnded { .. } => "work_ended",
        Event::TaskCompleted { .. } => "task_completed",
        Event::TaskFailed { .. } => "task_failed",
        Event::TaskCancelled { .. } => "task_cancelled",
        Event::TaskDied { .. } => "task_died",
        Event::DeadReleased { .. } => "dead_released",
        Event::DeadDiscarded { .. } => "dead_discarded",
        Event::KeyForgotten { .. } => "key_forgotten",
        Event::AgentJoined { .. } => "agent_joined",
        Event::AgentLeft { .. } => "agent_left",
        Event::AgentPaused { .. } => "agent_paused",
        Event::AgentUnpaused { .. } => "agent_unpaused",
        Event::AgentRestarted { .. } => "agent_restarted",
        Event::Configured { .. } => "configured",
        Event::BreakerOpened { .. } => "breaker_opened",
        Event::BreakerHalfOpened { .. } => "breaker_half_opened",
        Event::BreakerClosed { .. } => "breaker_closed",
        Event::BreakerForced { .. } => "breaker_forced",
        Event::AgentResized { .. } => "agent_resized",
        Event::AgentDraining { .. } => "agent_draining",
        Event::Supervised(event) => event.name(),
        Event::Schedule { what, .. } => schedule_name(what),
        Event::Topic { what, .. } => topic::name(what),
        Event::WallClockMoved { .. } => "wall_clock_moved",
    }
}

fn schedule_name(event: &ScheduleEvent) -> &'static str {
    match event {
        ScheduleEvent::Set { .. } => "schedule_set",
        ScheduleEvent::Removed => "schedule_removed",
        ScheduleEvent::Paused => "schedule_paused",
        ScheduleEvent::Resumed { .. } => "schedule_resumed",
        ScheduleEvent::Reckoned { .. } => "schedule_reckoned",
        ScheduleEvent::Fired { .. } => "schedule_fired",
        ScheduleEvent::Held { .. } => "schedule_held",
    }
}

/// A schedule's name stands where a step's does.
fn schedule<'e>(line: &mut Line<'e>, name: &'e str, event: &'e ScheduleEvent) {
    line.step = Some(name);
    match event {
        ScheduleEvent::Set { spec, .. } => line.note = Some(&spec.terms.capability),
        ScheduleEvent::Reckoned { why, .. } => {
            line.note = Some(&**why).filter(|it| !it.is_empty());
        }
        ScheduleEvent::Fired { came, .. } => {
            line.note = Some(names::came(came));
            if let Came::Task(task) | Came::Overlap(task) = came {
                line.task = Some(task.0);
            }
        }
        ScheduleEvent::Removed
        | ScheduleEvent::Paused
        | ScheduleEvent::Resumed { .. }
        | ScheduleEvent::Held { .. } => {}
    }
}
