//! The runtime performs what the kernel decides.
//!
//! ```text
//!   submit ─▶ turn: step ─▶ journal ─▶ desk: perform ─▶ attempt: poll the agent ─▶ report ─┐
//!               ▲                                                                          │
//!               └───────── tick: time passes ──────────────────────────────────────────────┘
//! ```
//!
//! `turn.rs` holds the one contract that everything rests on: nothing is performed and nothing is
//! answered before it is durable. The [`api`] is what agents' code is written against, the
//! [`port`]s are what the runtime needs from the outside. This is the only crate that knows tokio.

mod advise;
pub mod api;
mod attempt;
mod bid;
mod bounds;
pub mod bus;
pub mod canonical;
pub mod contract;
mod core;
mod desk;
mod drain;
mod inbox;
pub mod keep;
mod life;
pub mod llm;
mod messagepack;
pub mod port;
mod portion;
pub mod record;
mod recover;
pub mod replay;
pub mod secret;
mod standing;
pub mod testing;
mod tick;
mod turn;
mod vitals;

pub use bounds::{Bounds, BusBounds};
pub use drain::Drained;
pub use recover::{Error, Replayed, Stores, replay};
pub use standing::Standing;
pub use turn::Runtime;
pub use vitals::Vitals;
