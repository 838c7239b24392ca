//! What code says in passing, and the signs of life that it gives: soft, and never a decision.

use super::Context;
use crate::port::observer::{Level, Note, Said};
use kernel::Pulse;
use serde_json::Value;

impl Context {
    /// Tells how far it is: `fraction` from 0 to 1 if it can be told.
    pub fn progress(&self, fraction: Option<f32>, message: impl Into<String>) {
        self.note(Said::Progress { fraction, message: message.into() });
    }

    /// A line for the task's log.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        self.note(Said::Log { level, message: message.into() });
    }

    fn note(&self, what: Said) {
        self.live.says_something();
        let note = Note { attempt: self.attempt(), what };
        self.live.runtime.inner.observers.iter().for_each(|it| it.note(&note));
    }

    /// A sign of life: the lease runs anew from now. Code that waits needs none, nor code that runs
    /// for a moment; code that keeps its thread for longer than
    /// [`renew_ms`](kernel::Limits::renew_ms) loses its lease without one, or without another word.
    pub fn heartbeat(&self) {
        self.live.set_silent(false);
        self.live.runtime.pulse([Pulse::Renew(self.attempt())]);
    }

    /// Signs of life stay out that were promised: the lease is not renewed until the next
    /// [`Context::heartbeat`], and decides.
    pub fn silent(&self) {
        self.live.set_silent(true);
    }

    /// An answer that was found after the attempt had been told to stop. It is heard only if the
    /// attempt still has its lease; else it is refused, and the task's story says so.
    pub async fn answer_late(&self, output: Value) {
        if let Ok(payload) = self.live.store(&output).await {
            self.live.answer_late(payload).await;
        }
    }
}
