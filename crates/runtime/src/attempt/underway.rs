//! Which side effects an attempt's code is at now, so that two at once never perform one step.
//!
//! The journal knows what was begun and what has ended; only the attempt knows what was given up in
//! between, because the future that was at it is gone. So the guard is dropped with the future, and
//! whoever begins the step again is told that nobody knows how it went.

use super::Live;
use crate::api::Failure;
use crate::turn::lock;
use kernel::Text;
use std::sync::Arc;

/// While it exists, its step is being performed.
pub(crate) struct Underway {
    live: Arc<Live>,
    /// `None`: somebody else will say when it has ended.
    step: Option<Text>,
}

impl Underway {
    /// Takes a step.
    ///
    /// # Errors
    /// Other code of this attempt is at it.
    pub(crate) fn begin(live: &Arc<Live>, step: &Text) -> Result<Underway, Failure> {
        if lock(&live.state).underway.insert(step.clone()) {
            return Ok(Underway { live: live.clone(), step: Some(step.clone()) });
        }
        let message = format!("step {step} is under way already; give each its own key");
        Err(Failure::rejected(message))
    }

    /// It goes on beyond this guard, until [`Underway::end`].
    pub(crate) fn keep(mut self) {
        self.step = None;
    }

    /// Gives back a step that was kept.
    pub(crate) fn end(live: &Arc<Live>, step: &Text) {
        lock(&live.state).underway.remove(step);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(step) = &self.step {
            Underway::end(&self.live, step);
        }
    }
}
