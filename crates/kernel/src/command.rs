//! What may be asked of the kernel. The list is closed: everything is on these two screens.

use crate::schedule::{Recurrence, ScheduleSpec};
use crate::topic::{Publish, TopicCommand};
use crate::{
    AgentId, AgentSpec, AttemptId, Bid, Budget, Cost, Digest, Exit, Failure, Forced, Outcome,
    Payload, Policies, TaskId, Terms, Text, Time,
};
use std::sync::Arc;

/// Something the world says to the kernel.
#[derive(Clone, Debug)]
pub enum Command {
    /// A process took the journal over: local leases of the one before are closed.
    Begin(Begin),
    /// A client hands over a root task.
    Submit(Submit),
    /// Call a task and everything below it off.
    Cancel {
        /// Which.
        task: TaskId,
        /// Why, for the record.
        reason: Text,
    },
    /// From now on a run follows another team definition.
    Migrate {
        /// Its root.
        run: TaskId,
        /// Digest of the definition.
        definition: Digest,
    },
    /// Give a dead task another life, as a new root task.
    Release {
        /// Which.
        task: TaskId,
        /// Its input then; `None` is what it had.
        input: Option<Payload>,
    },
    /// Forget a dead task.
    Discard(TaskId),
    /// Decide what holds for a team from now on, whole.
    Configure {
        /// Which: [`Terms::team`] of its tasks.
        team: Text,
        /// What holds.
        policies: Arc<Policies>,
    },
    /// An agent offers its capabilities.
    Join(Arc<AgentSpec>),
    /// An agent goes; what it holds is given to others.
    Leave(AgentId),
    /// An agent gets no new work until resumed.
    Pause(AgentId),
    /// A paused agent gets work again.
    Unpause(AgentId),
    /// An agent has other slots from now on; what runs beyond them may finish.
    Resize {
        /// Which.
        agent: AgentId,
        /// How many.
        slots: u32,
    },
    /// An agent finishes what it has, gets no new work, and then leaves.
    DrainAgent(AgentId),
    /// An operator opens or closes breakers of an agent, or lets its results decide again.
    Breaker {
        /// Whose.
        agent: AgentId,
        /// For which capability; `None` is all that it serves.
        capability: Option<Text>,
        /// `None`: its results decide.
        forced: Option<Forced>,
    },
    /// A task that comes round again; one of this name is changed.
    Schedule(Box<ScheduleSpec>),
    /// It comes round no more.
    Unschedule(Text),
    /// Nothing of this schedule is started until it is resumed.
    PauseSchedule(Text),
    /// A paused schedule goes on.
    ResumeSchedule(Text),
    /// The answer to [`crate::Effect::Reckon`].
    Reckoned {
        /// Which schedule was asked about.
        schedule: Text,
        /// The recurrence that was looked up: it may have been changed since.
        recurs: Recurrence,
        /// After which moment of wall time.
        after_wall_ms: u64,
        /// The next due, or why there is none.
        next: Result<u64, Text>,
    },
    /// Something about a durable topic.
    Topic(Text, TopicCommand),
    /// What the wall clock says, milliseconds since 1970.
    WallClock {
        /// Now.
        wall_ms: u64,
    },
    /// What is behind an agent has died.
    Exited(Exited),
    /// It runs, as it was told.
    Started(AgentId, u64),
    /// Its signs of life stay out; it is the life of this number that is meant.
    Suspect(AgentId, u64),
    /// There is a sign of life again.
    Trust(AgentId, u64),
    /// A person wants an agent started again, whatever became of it.
    Restart(AgentId),
    /// Take no new work and grant none; what runs may finish.
    Drain,
    /// Ask whoever advises who should get a task: by a child of it that is no step, once.
    Consult {
        /// Which.
        task: TaskId,
        /// Until when it is asked: names the question.
        until: Time,
        /// What the adviser is told.
        input: Payload,
    },
    /// An adviser says who should get a task.
    Advice {
        /// Which.
        task: TaskId,
        /// Until when it was asked: names the question.
        until: Time,
        /// Whom it names, best first.
        ranking: Vec<Text>,
        /// Why, in its own words.
        words: Text,
    },
    /// The holder of a lease speaks.
    Report(AttemptId, Report),
    /// Time passed.
    Tick,
}

/// Who took over, and what it brings that the kernel cannot make: randomness and wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Raise the token generation: the journal was restored from a backup.
    pub restored: bool,
    /// Seed of all jitter from now on.
    pub seed: u64,
    /// Wall clock at this moment, milliseconds since 1970, for cron and display only.
    pub wall_ms: u64,
}

/// A life that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exited {
    /// Whose.
    pub agent: AgentId,
    /// Which of its lives.
    pub life: u64,
    /// How.
    pub reason: Exit,
    /// How much of it.
    pub extent: Extent,
}

/// How much of an agent has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// All of it, and what it worked on.
    Whole,
    /// One of several processes, between two tasks or before its first: the others work on.
    Idle,
    /// One of several processes at its work, whose attempt says itself that it has failed.
    AtWork,
}

/// A task on offer.
#[derive(Clone, Debug)]
pub struct Submit {
    /// What is asked for, and on which terms.
    pub terms: Arc<Terms>,
    /// With what.
    pub input: Payload,
    /// The same key is the same task, however often it is sent.
    pub key: Option<Text>,
    /// It must end within this many milliseconds.
    pub deadline_ms: Option<u64>,
    /// It may not start before this many milliseconds have passed.
    pub delay_ms: u64,
    /// Tasks with the same key go to the same agent where the policy is [`crate::Policy::Sticky`].
    pub affinity: Option<Text>,
    /// Only the agent of this name will do.
    pub to: Option<Text>,
    /// A purse of its own; for a child, taken out of its parent's.
    pub budget: Option<Budget>,
    /// Digest of the team definition this run is pinned to; roots only.
    pub definition: Option<Digest>,
}

impl Submit {
    /// A task on plain conditions: no key, no deadline, at once, the usual purse.
    pub fn new(terms: impl Into<Arc<Terms>>, input: Payload) -> Submit {
        Submit {
            terms: terms.into(),
            input,
            key: None,
            deadline_ms: None,
            delay_ms: 0,
            affinity: None,
            to: None,
            budget: None,
            definition: None,
        }
    }
}

/// What the holder of a lease may say. Each is heard only with the current token.
#[derive(Clone, Debug)]
pub enum Report {
    /// The agent has really begun.
    Started,
    /// The work is done.
    Completed(Payload),
    /// What the agent bids for the task that it was asked about; nothing: it does not want it.
    Bid {
        /// What it offers.
        bid: Option<Bid>,
        /// The same as it said it.
        output: Payload,
    },
    /// The work failed.
    Failed(Failure),
    /// The work is given back undone, nobody's fault (drain).
    HandedBack,
    /// Work that was told to stop has stopped: its slot is free. Heard after the lease has ended.
    Ended,
    /// The same, and it had found an answer, which was refused: it came too late.
    EndedLate,
    /// Delegate: the child named (this task, step).
    Ask {
        /// Unique under this task.
        step: Text,
        /// What is asked.
        submit: Box<Submit>,
    },
    /// About to perform a side effect that must not be repeated unknowingly.
    Once {
        /// Unique under this task.
        step: Text,
        /// Perform it although an earlier attempt may have done so.
        again: bool,
    },
    /// The side effect is done; this is what it gave.
    OnceDone {
        /// The same step as before.
        step: Text,
        /// Its result, handed to every later attempt.
        outcome: Outcome,
    },
    /// Wake this task after a while.
    Sleep {
        /// Unique under this task.
        step: Text,
        /// How long, milliseconds, counted from the first time it is asked.
        ms: u64,
    },
    /// Nothing to do until a child, a timer or a person answers: the slot is free meanwhile.
    Wait {
        /// How many deliveries this attempt has taken in; if there are more, it must not wait.
        seen: u32,
    },
    /// A message for a durable topic.
    Publish {
        /// Which topic.
        topic: Text,
        /// The message.
        publish: Box<Publish>,
    },
    /// What the work has cost. Accepted even after the lease has ended: it is spent.
    Spent(Cost),
    /// The same, and on what: the model that was asked, of several.
    SpentOn(Text, Cost),
}
