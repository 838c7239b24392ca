//! Messages between agents, apart from tasks: subjects, envelopes, typed topics.
//!
//! ```text
//!   publish ──▶ envelope = header + body ──▶ bus: who subscribed to this? ──▶ queue ──▶ receive
//!                 routed by the header      (port::Bus; adapters carry it)   bounded
//! ```
//!
//! A task is durable and is answered; a message is neither: whoever is there gets it at most once,
//! and whoever sends it is told whether somebody was. Inside one process a message is a shared
//! pointer; it becomes bytes ([`wire`]) only if it leaves. The receiver says into which type a
//! body is decoded, the sender never.

mod access;
mod body;
mod broadcast;
mod client;
mod envelope;
mod error;
mod mailbox;
mod publishing;
mod stats;
mod subject;
mod subscription;
mod topic;
mod trace;
pub mod wire;

pub use access::{Access, Policy, TeamSubjects};
pub use body::{Body, Message};
pub(crate) use client::Bond;
pub use client::{Client, Identity};
pub use envelope::{Envelope, Header, Holder, MessageId, Schema};
pub use error::{Error, Unreadable};
pub use mailbox::{Mailbox, Offer, Parcel};
pub use publishing::{Publishing, Receipt};
pub use stats::{Counts, Present, Stats, Subscribed};
pub use subject::{BadSubject, Pattern, Subject};
pub use subscription::{Closer, End, Options, Overflow, Subscription};
pub use topic::{Call, Feed, Received, Topic};
pub use trace::Trace;
