//! The slot of an attempt: kept while something cannot be dropped, given back while it only waits.

use super::{Context, Failure};
use crate::attempt::Live;
use kernel::Report;
use std::future::Future;
use std::sync::Arc;

/// Keeps the attempt's slot occupied for as long as it exists, also when its future is gone: held
/// by work that cannot be dropped, such as a process that is still being ended.
pub struct Hold(#[allow(dead_code)] tokio::sync::mpsc::Sender<()>);

/// While it exists, the attempt keeps its slot.
pub(super) struct Occupied(Arc<Live>);

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.set_occupied(-1);
    }
}

impl Context {
    /// Keeps the slot while the code only waits, until this is dropped.
    pub(super) fn occupied(&self) -> Occupied {
        self.live.set_occupied(1);
        Occupied(self.live.clone())
    }

    /// Says that the work has really begun; for agents that must start something first.
    pub fn started(&self) {
        self.live.tell(Report::Started);
    }

    /// Runs a future during which nothing but the context's own operations matters, whatever wakers
    /// it keeps: the slot is given back while they wait.
    pub async fn parked<T>(&self, work: impl Future<Output = T>) -> T {
        struct Parking<'a>(&'a Live);
        impl Drop for Parking<'_> {
            fn drop(&mut self) {
                self.0.set_parking(-1);
            }
        }
        self.live.set_parking(1);
        let _parking = Parking(&self.live);
        work.await
    }

    /// Keeps the slot occupied until the hold is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold(self.live.hold())
    }

    /// Runs blocking code on a thread of its own. If the attempt ends before, the slot stays
    /// occupied until the code has really returned.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let hold = self.hold();
        let done = tokio::task::spawn_blocking(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            drop(hold);
            result
        });
        match done.await? {
            Ok(value) => Ok(value),
            // A panic like any other of the agent's.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
