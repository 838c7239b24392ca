//! What Rust users write against: capabilities, the context of an attempt, teams, tickets.

mod agent_ref;
mod ask;
mod asks;
mod bidding;
mod capability;
mod context;
mod entry;
mod failure;
mod govern;
mod handles;
mod letters;
mod many;
mod map;
mod messages;
mod native;
mod once;
mod pinned;
mod schedules;
mod scope;
mod signs;
mod stateful;
mod submit;
mod team;
mod ticket;

pub use crate::bid::{Bid, Offered};
pub use agent_ref::{AgentRef, Handle};
pub use ask::{Ask, AskOptions};
pub use asks::Asks;
pub use capability::{Capability, FirstParameter, Handler};
pub use context::{Context, Hold};
pub use entry::AgentEntry;
pub use failure::{Failure, Result, describe};
pub use handles::{Exclusive, Handles, NativeAgent, Served, Shared};
pub use macros::capability;
pub use many::{Proposed, SubmitMany};
pub use map::map;
pub use native::native;
pub use once::{Begun, DECIDE, OnUnknown, Once};
pub use pinned::Pinned;
pub use schedules::ScheduleOptions;
pub use submit::SubmitOptions;
pub use team::{StartError, Team, TeamBuilder};
pub use ticket::Ticket;

pub(crate) use failure::to_kernel;
pub(crate) use messages::Aboard;
