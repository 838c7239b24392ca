//! Whoever ends has a grace; this says that it is over.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Cuts every grace short that knows of it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hurry {
    is_over: watch::Sender<bool>,
}

impl Hurry {
    pub(crate) fn new() -> Self {
        Self { is_over: watch::Sender::new(false) }
    }

    /// From now on nobody is waited for.
    pub(crate) fn now(&self) {
        self.is_over.send_replace(true);
    }

    /// What comes of it within a grace; nothing if that is over before, or cut short.
    pub(crate) async fn within<T>(
        &self,
        grace_ms: u64,
        what: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            done = timeout(Duration::from_millis(grace_ms), what) => done.ok(),
            () = self.called() => None,
        }
    }

    /// Returns when the grace is over.
    async fn called(&self) {
        let mut seen = self.is_over.subscribe();
        seen.wait_for(|is_over| *is_over).await.expect("self holds the sender");
    }
}

/// Dropped while a stop is under way, it says that nobody waits for it any longer.
pub(crate) struct Patience(pub(crate) Hurry);

impl Drop for Patience {
    fn drop(&mut self) {
        self.0.now();
    }
}
