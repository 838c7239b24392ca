//! What the runtime must do once the events are durable. Performing any of it twice is harmless.

use crate::routing::external::{Question, question};
use crate::schedule::{Schedule, ScheduleEvent, after_wall_clock};
use crate::topic::{Delivery, TopicEvent};
use crate::{
    AgentId, AttemptId, Event, Granted, Next, Outcome, Parent, Payload, Recurrence, Routing,
    ScheduleSpec, State, StepRecord, Supervised, Task, TaskId, Terms, Text, Time,
};
use std::sync::Arc;

/// An order to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Hand this task to this agent.
    Dispatch(Box<Dispatch>),
    /// A slot is there again for work that waited.
    Resume {
        /// Who goes on.
        attempt: AttemptId,
    },
    /// A step of a live attempt has ended.
    Deliver {
        /// Whose step.
        attempt: AttemptId,
        /// Which.
        step: Text,
        /// How.
        outcome: Arc<Outcome>,
    },
    /// End this work; say [`crate::Report::Ended`] when it has really ended.
    Stop {
        /// What to end.
        attempt: AttemptId,
        /// Where it runs.
        agent: AgentId,
    },
    /// Start what is behind an agent; say [`crate::Command::Started`] when it runs.
    StartAgent {
        /// Whose.
        agent: AgentId,
        /// The number of its new life.
        life: u64,
    },
    /// Stop what is behind an agent; say [`crate::Command::Exited`] when it has ended.
    StopAgent {
        /// Whose.
        agent: AgentId,
        /// The life that ends.
        life: u64,
        /// What has not stopped by then is ended.
        grace_ms: u64,
    },
    /// An agent has other slots from now on: what is behind it may keep more or less.
    ResizeAgent {
        /// Which.
        agent: AgentId,
        /// How many.
        slots: u32,
    },
    /// An agent has left: let go of it, and end what it keeps.
    DismissAgent {
        /// Which.
        agent: AgentId,
    },
    /// Ask an adviser who should get a task, by [`crate::Command::Consult`], and bring what it says
    /// as [`crate::Command::Advice`].
    Advise(Box<Question>),
    /// A root task has ended, or one that asks for advice: tell whoever waits for it.
    Settled {
        /// Which.
        task: TaskId,
        /// How.
        outcome: Arc<Outcome>,
    },
    /// Hand messages of a durable topic to whoever is there for them.
    DeliverMessages(Arc<Delivery>),
    /// Look up when a calendar is due next; say [`crate::Command::Reckoned`].
    Reckon {
        /// For whom.
        schedule: Text,
        /// The calendar.
        cron: Text,
        /// The time zone it is meant in.
        zone: Text,
        /// The first due after this moment of wall time is wanted.
        after_wall_ms: u64,
    },
}

/// Everything an agent needs to know about one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The task and the token to speak with.
    pub attempt: AttemptId,
    /// To whom.
    pub agent: AgentId,
    /// The root of its tree.
    pub run: TaskId,
    /// Whose step it is.
    pub parent: Option<Parent>,
    /// What is asked.
    pub terms: Arc<Terms>,
    /// With what.
    pub input: Payload,
    /// It is asked what it would do this capability for, with this input.
    pub bids_for: Option<Text>,
    /// 1 for the first attempt, whoever lost the ones before.
    pub number: u32,
    /// It must end by then.
    pub deadline: Time,
    /// Steps that earlier attempts recorded, in the order in which they were settled; the ones
    /// still under way come last.
    pub steps: Vec<(Text, StepRecord)>,
}

impl Effect {
    /// The one place that says which facts the world must hear about. `before` is the state just
    /// before the event.
    pub(crate) fn of(before: &State, event: &Event, out: &mut Vec<Effect>) {
        let task = |id: &TaskId| before.task(*id);
        match event {
            Event::LeaseGranted(granted) => out.extend(Effect::dispatch(before, granted)),
            Event::Routing { task, step } => out.extend(Effect::advise(before, *task, step)),
            Event::TaskResumed { task: id, .. } => out.extend(task(id).and_then(Effect::resume)),
            Event::TimerFired { task: id, step } => {
                let done = Arc::new(Outcome::Completed(Payload::default()));
                out.extend(task(id).and_then(|it| Effect::deliver(it, step, &done)));
            }
            Event::AttemptFailed { task: id, stop: true, .. } => {
                out.extend(task(id).and_then(Effect::stop));
            }
            Event::AttemptLost { task: id, cause, .. } if cause.stops() => {
                out.extend(task(id).and_then(Effect::stop));
            }
            Event::TaskCompleted { task: id, output, .. } => {
                let outcome = Outcome::Completed(output.clone());
                out.extend(task(id).and_then(|it| Effect::settled(before, it, outcome)));
            }
            Event::TaskFailed { task: id, failure } => {
                Effect::ended(before, *id, Outcome::Failed(failure.clone()), out);
            }
            Event::TaskCancelled { task: id, reason } => {
                Effect::ended(before, *id, Outcome::Cancelled(reason.clone()), out);
            }
            Event::TaskDied { task: id, failure } => {
                Effect::ended(before, *id, Outcome::Dead(failure.clone()), out);
            }
            Event::Schedule { name, what } => out.extend(Effect::asks(before, name, what)),
            Event::Topic { topic, what } => out.extend(Effect::delivers(before, topic, what)),
            Event::WallClockMoved { wall_ms, set_back: true } => {
                Effect::reckon_anew(before, *wall_ms, out);
            }
            Event::Supervised(event) => out.extend(Effect::of_life(before, event)),
            // Agents in this process end with it, and join anew: neither is ever outstanding.
            Event::AgentResized { agent, slots } => out.push(Effect::resize(*agent, *slots)),
            Event::AgentLeft { agent } => out.push(Effect::DismissAgent { agent: *agent }),
            // The world need not hear of the rest: they are the kernel's own bookkeeping.
            Event::RuntimeStarted { .. }
            | Event::DrainStarted
            | Event::RunStarted { .. }
            | Event::TaskAccepted(_)
            | Event::TaskStarted { .. }
            | Event::TaskWaiting { .. }
            | Event::OnceStarted { .. }
            | Event::OnceDone { .. }
            | Event::TimerSet { .. }
            | Event::Spent { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptLost { .. }
            | Event::WorkEnded { .. }
            | Event::DeadReleased { .. }
            | Event::DeadDiscarded { .. }
            | Event::KeyForgotten { .. }
            | Event::Configured { .. }
            | Event::AgentJoined { .. }
            | Event::AgentPaused { .. }
            | Event::AgentUnpaused { .. }
            | Event::AgentDraining { .. }
            | Event::AgentRestarted { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::BreakerForced { .. }
            | Event::WallClockMoved { .. } => {}
        }
    }

    fn dispatch(before: &State, granted: &Granted) -> Option<Effect> {
        let attempt = AttemptId { task: granted.task, token: granted.token };
        let dispatch = Dispatch::of(before, before.task(granted.task)?, attempt, granted.agent, 1);
        Some(Effect::Dispatch(Box::new(dispatch)))
    }

    fn advise(before: &State, task: TaskId, step: &Routing) -> Option<Effect> {
        match step {
            Routing::AdviceAsked { until } => {
                Some(Effect::Advise(Box::new(question(before, before.task(task)?, *until))))
            }
            Routing::Held { .. }
            | Routing::HoldEnded
            | Routing::Advised { .. }
            | Routing::Announced { .. }
            | Routing::Bid { .. } => None,
        }
    }

    /// A task that ends other than by completing: its work is stopped, and it is told.
    fn ended(before: &State, id: TaskId, outcome: Outcome, out: &mut Vec<Effect>) {
        let Some(task) = before.task(id) else { return };
        out.extend(Effect::stop(task));
        out.extend(Effect::settled(before, task, outcome));
    }

    /// Tells the parent's live attempt, or, of a root and of what asks for advice, whoever waits.
    fn settled(before: &State, task: &Task, outcome: Outcome) -> Option<Effect> {
        let outcome = Arc::new(outcome);
        match &task.parent {
            None => Some(Effect::Settled { task: task.id, outcome }),
            // The kernel itself has asked, and knows.
            Some(_) if task.is_bid => None,
            Some(_) if task.is_advice => Some(Effect::Settled { task: task.id, outcome }),
            Some(parent) => Effect::deliver(before.task(parent.task)?, &parent.step, &outcome),
        }
    }

    fn deliver(to: &Task, step: &Text, outcome: &Arc<Outcome>) -> Option<Effect> {
        let attempt = to.attempt()?;
        Some(Effect::Deliver { attempt, step: step.clone(), outcome: outcome.clone() })
    }

    /// What became of a schedule may leave a question to its calendar.
    fn asks(before: &State, name: &Text, what: &ScheduleEvent) -> Option<Effect> {
        match what {
            ScheduleEvent::Set { spec, next } => Effect::reckon(spec, *next),
            ScheduleEvent::Fired { next, .. } | ScheduleEvent::Resumed { next } => {
                Effect::reckon(&before.schedules.get(name)?.spec, *next)
            }
            ScheduleEvent::Removed
            | ScheduleEvent::Paused
            | ScheduleEvent::Reckoned { .. }
            | ScheduleEvent::Held { .. } => None,
        }
    }

    /// Of what becomes of a topic, the world hears of deliveries.
    fn delivers(before: &State, topic: &Text, what: &TopicEvent) -> Option<Effect> {
        match what {
            TopicEvent::Delivered { name, token, until, runs } => {
                Delivery::of(before, topic, name, (*token, *until), runs)
            }
            TopicEvent::Set(_)
            | TopicEvent::Removed
            | TopicEvent::Published { .. }
            | TopicEvent::Expired { .. }
            | TopicEvent::Dropped { .. }
            | TopicEvent::Joined { .. }
            | TopicEvent::Served { .. }
            | TopicEvent::Left { .. }
            | TopicEvent::Replayed { .. }
            | TopicEvent::Handled { .. }
            | TopicEvent::Returned { .. }
            | TopicEvent::Died { .. }
            | TopicEvent::Redelivered { .. }
            | TopicEvent::Discarded { .. } => None,
        }
    }

    /// What only a calendar knows is asked.
    pub(crate) fn reckon(spec: &ScheduleSpec, next: Next) -> Option<Effect> {
        let (Next::Reckon { after }, Recurrence::Calendar { cron, zone }) = (next, &spec.recurs)
        else {
            return None;
        };
        let (schedule, cron, zone) = (spec.name.clone(), cron.clone(), zone.clone());
        Some(Effect::Reckon { schedule, cron, zone, after_wall_ms: after })
    }

    /// A wall clock that was set back makes calendars be asked again. At a start, whoever takes
    /// over asks for everything that is outstanding.
    fn reckon_anew(before: &State, wall: u64, out: &mut Vec<Effect>) {
        let asks = |it: &Schedule| {
            let next = after_wall_clock(it, wall, true)?;
            Effect::reckon(&it.spec, next)
        };
        out.extend(before.schedules.values().filter_map(asks));
    }

    /// Of what supervision decides, the world hears who is to start and who to stop.
    fn of_life(before: &State, event: &Supervised) -> Option<Effect> {
        match event {
            Supervised::Stopping { agent, life } => Effect::stop_agent(before, *agent, *life),
            Supervised::Starting { agent, life } => {
                Some(Effect::StartAgent { agent: *agent, life: *life })
            }
            Supervised::Exited { .. }
            | Supervised::Planned(_)
            | Supervised::Started { .. }
            | Supervised::Escalated { .. }
            | Supervised::GivenUp { .. }
            | Supervised::Readmitted { .. }
            | Supervised::Suspected { .. }
            | Supervised::Trusted { .. } => None,
        }
    }

    fn resize(agent: AgentId, slots: u32) -> Effect {
        Effect::ResizeAgent { agent, slots }
    }

    pub(crate) fn stop_agent(state: &State, agent: AgentId, life: u64) -> Option<Effect> {
        let grace_ms = state.agent(agent)?.spec.shutdown_ms;
        Some(Effect::StopAgent { agent, life, grace_ms })
    }

    fn resume(task: &Task) -> Option<Effect> {
        task.attempt().map(|attempt| Effect::Resume { attempt })
    }

    pub(crate) fn stop(task: &Task) -> Option<Effect> {
        let lease = task.status.lease()?;
        let attempt = AttemptId { task: task.id, token: lease.token };
        Some(Effect::Stop { attempt, agent: lease.agent })
    }
}

impl Dispatch {
    /// `ahead`: grants that are not yet counted in the task.
    pub(crate) fn of(
        state: &State,
        task: &Task,
        attempt: AttemptId,
        agent: AgentId,
        ahead: u32,
    ) -> Dispatch {
        let parent = task.parent.as_ref().filter(|_| task.is_bid);
        let offered = parent.and_then(|parent| state.task(parent.task));
        Dispatch {
            bids_for: offered.map(|it| it.terms.capability.clone()),
            attempt,
            agent,
            run: task.run,
            parent: task.parent.as_deref().cloned(),
            terms: task.terms.clone(),
            input: task.input.clone(),
            number: task.grants + ahead,
            deadline: task.deadline,
            steps: task.steps_in_order(),
        }
    }
}
