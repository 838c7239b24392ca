//! Whoever ends has a grace; this says that it is over.

use tokio::sync::watch;

/// Cuts every grace short that knows of it. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Hurry {
    is_over: watch::Sender<bool>,
}

impl Hurry {
    pub(super) fn new() -> Self {
        Self { is_over: watch::Sender::new(false) }
    }

    /// From now on nobody is waited for.
    pub(super) fn now(&self) {
        self.is_over.send_replace(true);
    }

    /// Returns when the grace is over.
    pub(super) async fn called(&self) {
        let mut seen = self.is_over.subscribe();
        seen.wait_for(|is_over| *is_over).await.expect("self holds the sender");
    }
}

/// Dropped while a stop is under way, it says that nobody waits for it any longer.
pub(super) struct Patience(pub(super) Hurry);

impl Drop for Patience {
    fn drop(&mut self) {
        self.0.now();
    }
}
