//! For the tests of your own teams: a journal in memory that outlives its team, agents that do what
//! a script says, and what was recorded.
//!
//! ```
//! use majordomo::testing::{Disk, Script};
//! use majordomo::{Context, Result, capability};
//! # use std::time::Duration;
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
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<()> {
//! // #[tokio::test(start_paused = true)]
//! let disk = Disk::new();
//! let counter = Script::<count>::new().crash().answer(6);
//! let team = disk.team().with(report).agent(counter.joins("counter")).start().await?;
//! assert_eq!(team.ask::<report>("to be or not to be").await?, "6 words");
//! assert_eq!(counter.asked().len(), 2);
//! disk.record().assert_settled();
//! # Ok(())
//! # }
//! ```
//!
//! Time is driven by tokio: under `start_paused` it stands still while there is work and jumps to
//! the next moment at which something happens, so hours of backoff and leases take milliseconds.

use crate::{Team, TeamBuilder};
use adapters::{blobs, journal};
use runtime::Stores;
use runtime::api::StartError;
use std::sync::Arc;

pub use runtime::testing::{Record, Script};

/// What outlives a process: a journal and blobs, in memory. Teams on one disk, one after the other,
/// are the lives of one team.
#[derive(Clone, Default)]
pub struct Disk {
    journal: journal::memory::Store,
    blobs: Arc<blobs::memory::Memory>,
    record: Record,
}

impl Disk {
    /// An empty one.
    #[must_use]
    pub fn new() -> Disk {
        Disk::default()
    }

    /// A team on it. What is unfinished goes on when it starts.
    #[must_use]
    pub fn team(&self) -> TeamBuilder {
        let journal = self.journal.open().map_err(|why| StartError::Stores(why.to_string()));
        let stores = journal.map(|journal| Stores {
            journal: Box::new(journal),
            blobs: self.blobs.clone(),
            observers: vec![Arc::new(self.record.clone())],
            restored: false,
        });
        TeamBuilder::on(stores)
    }

    /// Ends a team as `kill -9` would: nothing is handed back, nobody is told, and only what is in
    /// the journal is known to the next.
    pub fn kill(&self, team: Team) {
        team.runtime().abandon();
    }

    /// What was written to it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }
}
