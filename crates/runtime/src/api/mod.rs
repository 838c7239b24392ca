//! What Rust users write against: capabilities, the context of an attempt, teams, tickets.

mod ask;
mod asks;
mod bidding;
mod capability;
mod context;
mod failure;
mod govern;
mod letters;
mod many;
mod map;
mod messages;
mod native;
mod once;
mod pinned;
mod schedules;
mod scope;
mod submit;
mod team;
mod ticket;

pub use crate::bid::{Bid, Offered};
pub use ask::{Ask, AskOptions};
pub use asks::Asks;
pub use capability::{Capability, Handler};
pub use context::{Context, Hold};
pub use failure::{Failure, Result, describe};
pub use macros::capability;
pub use many::SubmitMany;
pub use map::map;
pub use native::native;
pub use once::{Begun, DECIDE, OnUnknown, Once};
pub use pinned::Pinned;
pub use schedules::ScheduleOptions;
pub use submit::SubmitOptions;
pub use team::{AgentEntry, StartError, Team, TeamBuilder};
pub use ticket::Ticket;

pub(crate) use failure::to_kernel;
pub(crate) use messages::Aboard;
