//! Majordomo's decisions, and nothing else.
//!
//! ```text
//!   Command ──▶ Kernel::step ──▶ entries (journal them) ──▶ effects (then perform them)
//!      ▲                                                         │
//!      └───────── agents report back, the clock ticks ◀──────────┘
//! ```
//!
//! The kernel owns no socket, file, thread, clock or source of randomness, and cannot fail. Whoever
//! calls it supplies the time, writes the entries down, and only then performs the effects and
//! gives the answer. A restart is [`Kernel::replay`]: the same entries give the same state. What
//! must be done after a restart is [`Kernel::outstanding`]: derived from the state, not remembered.

mod agent;
mod answer;
mod apply;
mod command;
mod configure;
mod constraint;
mod effect;
mod event;
mod granted;
mod id;
mod index;
mod kernel;
mod limits;
mod market;
pub mod mutant;
mod payload;
mod policies;
mod pulse;
mod report;
mod routing;
mod rule;
mod schedule;
mod start;
mod state;
mod supervised;
mod table;
mod task;
mod terms;
pub mod topic;
mod words;

pub use agent::{
    Agent, AgentSpec, Exit, Level, Life, Plan, Presence, Restart, Serves, Stage, Strategy,
    Supervision, Supervisor, Supervisors, Tier,
};
pub use answer::{Answer, Receipt, Refusal};
pub use apply::Payer;
pub use command::{Begin, Command, Exited, Extent, Report, Submit};
pub use constraint::{Comparison, Constraint, Label, Labels};
pub use effect::{Dispatch, Effect};
pub use event::{Accepted, Entry, Event, Parent};
pub use granted::Granted;
pub use id::{AgentId, AttemptId, TaskId, Text, Time, Token};
pub use kernel::{Kernel, Step};
pub use limits::Limits;
pub use market::{Auction, Bidder, Escrow, NoBid, Offer, Said};
pub use payload::{Digest, Payload};
pub use policies::{CapabilityPolicy, Policies, Quota, QuotaOf};
pub use pulse::Pulse;
pub use routing::external::{Advisable, Question};
pub use routing::{
    Candidate, Decision, Dismissed, Fallback, PassedOver, Policy, PolicyKind, Reason, Routing,
    Unadvisable,
};
pub use rule::auction::{Bid, Expected, Proof};
pub use rule::breaker::{Breaker, BreakerPolicy, Forced, Mark, Phase, Tripped, Verdict};
pub use rule::budget::{Budget, Cost, Part, Purse};
pub use rule::ceiling::{Ceiling, Ceilings, Reached};
pub use rule::fair_queue::FairQueue;
pub use rule::intensity::{Intensity, Window};
pub use rule::ledger::{Account, Ledger};
pub use rule::record::Record;
pub use schedule::{
    Came, Missed, Next, Overlap, Recurrence, Schedule, ScheduleEvent, ScheduleSpec,
};
pub use state::{Advice, Counts, DeadLetter, Deliberation, Facts, KeyRecord, Pin, State, Stopping};
pub use supervised::{Planned, Supervised};
pub use task::{FailureRecord, Lease, Past, Status, StepKind, StepRecord, Streak, Task};
pub use terms::{
    Class, FailedAttempt, Failure, FailureKind, Loss, Outcome, RetryPolicy, Terms, Versions,
};
pub use topic::{TopicCommand, TopicEvent};
