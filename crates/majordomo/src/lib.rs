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
//!     # let home = std::env::temp_dir().join(format!("majordomo-hello-{}", std::process::id()));
//!     # std::fs::create_dir_all(&home)?;
//!     # std::env::set_current_dir(&home)?;
//!     let team = Team::open(".majordomo").with(count).with(report).start().await?;
//!     println!("{}", team.ask::<report>("to be or not to be").await?);
//!     # let _ = team.drain(std::time::Duration::from_secs(1)).await;
//!     # std::fs::remove_dir_all(&home)?;
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
pub mod replay;
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
#[cfg(feature = "mcp")]
pub use adapters::agent::mcp;
#[cfg(feature = "llm")]
pub use adapters::llm as models;
#[cfg(feature = "schema")]
pub use adapters::schema::JsonSchemas;
pub use open::{Team, TeamBuilder};
/// One agent of a team before it joins, of whatever kind.
///
/// ```
/// use majordomo::{AgentEntry, Context, Result, Team, capability};
///
/// #[capability("text.count@1")]
/// async fn count(_: Context, text: String) -> Result<usize> {
///     Ok(text.split_whitespace().count())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let mut quick = AgentEntry::native("quick", 4, count); // four tasks at once
/// quick.spec.prefer = 1; // before others, as long as it has room
/// let team = Team::in_memory().agent(quick).agent(AgentEntry::native("spare", 1, count));
/// let team = team.start().await?;
/// assert_eq!(team.ask::<count>("to be").await?, 2);
/// assert_eq!(team.agents().len(), 2);
/// # Ok(())
/// # }
/// ```
pub use runtime::api::AgentEntry;
/// What an agent's code has in its hands: it asks others, does things once, waits, pays, says how
/// far it is, and takes time and chance from here, so that a later life goes the same way.
///
/// ```
/// use majordomo::kernel::Cost;
/// use majordomo::{Context, Level, Result, Team, capability};
/// use std::time::Duration;
///
/// #[capability("text.count@1")]
/// async fn count(_: Context, text: String) -> Result<usize> {
///     Ok(text.split_whitespace().count())
/// }
///
/// #[capability("text.report@1")]
/// async fn report(cx: Context, lines: Vec<String>) -> Result<String> {
///     // A task for each line, eight at once, each under a key.
///     let each = |cx: Context, line: String| async move { cx.ask::<count>(line).await };
///     let words: usize = cx.map(lines, String::clone, 8, each).await?.into_iter().sum();
///     // Done once, whatever crashes.
///     let number: u64 = cx.once("number", async { Ok(7) }).await?;
///     // Without a slot, and over restarts.
///     cx.sleep(Duration::from_millis(1)).await?;
///     cx.spend(Cost { tokens: 10, ..Cost::default() }).await?;
///     cx.log_with(Level::Info, "counted", serde_json::json!({ "words": words }));
///     // The same in every later life.
///     assert!(cx.now().await?.elapsed().is_ok());
///     assert!(cx.random().await? % 6 < 6);
///     // To whoever listens; nobody does.
///     let counts = cx.topic::<usize>("counts", 1)?;
///     assert!(cx.publish(&counts, words).await?.is_nobody());
///     Ok(format!("report {number}: {words} words"))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let team = Team::in_memory().with(count).with(report).start().await?;
/// let lines = vec!["to be".to_owned(), "or not to be".to_owned()];
/// assert_eq!(team.ask::<report>(lines).await?, "report 7: 6 words");
/// # Ok(())
/// # }
/// ```
pub use runtime::api::Context;
#[doc(hidden)]
pub use runtime::api::FirstParameter;
/// How a root task is handed over.
///
/// ```
/// use majordomo::{Context, Result, SubmitOptions, Team, capability};
///
/// #[capability("text.count@1")]
/// async fn count(_: Context, text: String) -> Result<usize> {
///     Ok(text.split_whitespace().count())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let team = Team::in_memory().with(count).start().await?;
/// let options = SubmitOptions {
///     key: Some("page 7".to_owned()), // one task, however often it is sent
///     deadline_ms: Some(60_000),
///     ..SubmitOptions::default()
/// };
/// let first = team.handle::<count>().submit("to be", options.clone()).await?;
/// let again = team.handle::<count>().submit("to be", options).await?;
/// assert_eq!((first.task, again.fresh), (again.task, false));
/// assert_eq!((first.await?, again.await?), (2, 2));
/// # Ok(())
/// # }
/// ```
pub use runtime::api::SubmitOptions;
/// A receipt for a task: from now on it ends in exactly one way, whatever happens to the process.
///
/// ```
/// use majordomo::{Context, Result, Said, SubmitOptions, TaskStatus, Team, capability};
///
/// #[capability("text.count@1")]
/// async fn count(cx: Context, text: String) -> Result<usize> {
///     cx.progress(Some(0.5), "counts");
///     Ok(text.split_whitespace().count())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let team = Team::in_memory().with(count).start().await?;
/// let ticket = team.handle::<count>().submit("to be", SubmitOptions::default()).await?;
/// let mut progress = ticket.progress();
/// while let Some(note) = progress.next().await {
///     assert!(matches!(note.what, Said::Progress { .. }));
/// }
/// assert_eq!(ticket.status()?, TaskStatus::Ended);
/// assert!(ticket.cancel("too late").await.is_err());
/// assert_eq!(ticket.await?, 2);
/// # Ok(())
/// # }
/// ```
pub use runtime::api::Ticket;
pub use runtime::api::{
    AgentRef, Ask, AskOptions, Begun, Bid, Capability, Contract, Exclusive, Failure, Fault, Handle,
    Handler, Handles, Hold, IntoInput, Join, Mismatch, NativeAgent, Offered, OnUnknown, Once,
    Progress, Result, ScheduleOptions, Served, Shared, StartError, TaskStatus, capability,
    first_success, join, race,
};
#[doc(hidden)]
pub use runtime::contract;
pub use runtime::port::observer::{Level, Note, Said};
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

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/runtime.md")]
pub struct Runtime;

/// See [`Coordination`].
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/failure.md")]
pub struct Failures;
