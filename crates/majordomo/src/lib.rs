//! Majordomo runs teams of agents: it gives each task to the agent that can do it best, keeps every
//! agent supervised, and never loses accepted work.
//!
//! ```
//! use majordomo::{Context, Result, Team, capability};
//!
//! #[capability("text.count@1")]
//! async fn count(_: Context, text: String) -> Result<usize> {
//!     Ok(text.split_whitespace().count())
//! }
//!
//! #[capability("text.report@1")]
//! async fn report(cx: Context, text: String) -> Result<String> {
//!     Ok(format!("{} words", cx.ask::<count>(text).await?))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     # std::env::set_current_dir(std::env::temp_dir())?;
//!     let team = Team::open(".majordomo").with(count).with(report).start().await?;
//!     println!("{}", team.ask::<report>("to be or not to be".into()).await?);
//!     # let _ = team.drain(std::time::Duration::from_secs(1)).await;
//!     Ok(())
//! }
//! ```
//!
//! Every task and every result is in the journal before it is answered. Kill the process at any
//! moment, start it again, and it goes on: finished steps answer at once, unfinished ones are done.
//!
//! # Features
//!
//! | feature | what it adds | by default |
//! |---|---|---|
//! | `cli` | the program `majordomo`; `team` with it | yes |
//! | `team` | teams in TOML, sessions, programs and people as agents; `schema` with it | by `cli` |
//! | `llm` | language models as agents; `schema` with it | yes |
//! | `schema` | contracts by JSON schemas, those of Rust types included | by both |
//!
//! Without any of them there are teams in Rust, the journal, messages and durable topics.

// Capabilities in our own tests name the crate as everybody else does.
#[cfg(test)]
extern crate self as majordomo;

#[cfg(feature = "team")]
pub mod alert;
#[cfg(feature = "team")]
pub mod calendar;
#[cfg(feature = "cli")]
pub mod control;
#[cfg(feature = "team")]
mod crew;
pub mod data;
#[cfg(feature = "cli")]
pub mod health;
#[cfg(feature = "cli")]
pub mod live;
mod open;
#[cfg(feature = "team")]
pub mod problem;
#[cfg(feature = "team")]
pub mod session;
#[cfg(feature = "cli")]
pub mod show;
pub mod store;
#[cfg(feature = "team")]
pub mod tally;
#[cfg(feature = "team")]
pub mod team;
pub mod testing;
#[cfg(feature = "cli")]
pub mod viewing;

#[cfg(feature = "team")]
pub use adapters::agent::command;
#[cfg(feature = "llm")]
pub use adapters::agent::llm;
#[cfg(feature = "llm")]
pub use adapters::llm as models;
#[cfg(feature = "schema")]
pub use adapters::schema::JsonSchemas;
pub use open::{Team, TeamBuilder};
#[doc(hidden)]
pub use runtime::api::FirstParameter;
pub use runtime::api::{
    AgentEntry, AgentRef, Ask, AskOptions, Begun, Bid, Capability, Context, Contract, Exclusive,
    Failure, Fault, Handle, Handler, Handles, Hold, Join, Mismatch, NativeAgent, Offered,
    OnUnknown, Once, Progress, Result, ScheduleOptions, Served, Shared, StartError, SubmitOptions,
    TaskStatus, Ticket, capability, first_success, join, race,
};
#[doc(hidden)]
pub use runtime::contract;
pub use runtime::secret::{self, Secret};
#[cfg(feature = "schema")]
pub use schemars;
pub use {builtin, kernel, runtime};

/// The programs of the guide are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/messages.md")]
pub struct Messages;

/// And these.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/coordination.md")]
pub struct Coordination;

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/first-agent.md")]
pub struct FirstAgent;

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/typed-tasks.md")]
pub struct TypedTasks;

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/secrets.md")]
pub struct Secrets;

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/testing.md")]
pub struct Testing;

/// See [`Coordination`].
#[cfg(all(doctest, feature = "llm"))]
#[doc = include_str!("../../../docs/guide/models.md")]
pub struct LanguageModels;
