//! What code says in passing, and the signs of life that it gives: soft, and never a decision.

use super::Context;
use crate::bounds::PARTIAL_MAX_BYTES;
use crate::port::observer::{Level, Note, Said};
use kernel::Pulse;
use serde::Serialize;
use serde_json::{Map, Value};

impl Context {
    /// Tells how far it is: `fraction` from 0 to 1 if it can be told.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn read(cx: Context, pages: Vec<String>) -> Result<()> {
    ///     for (at, page) in pages.iter().enumerate() {
    ///         cx.progress(Some(at as f32 / pages.len() as f32), format!("reads {page}"));
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn progress(&self, fraction: Option<f32>, message: impl Into<String>) {
        self.note(Said::Progress { fraction, message: message.into() });
    }

    /// What there is of the output so far, for whoever watches: findings before the last, a table
    /// with its first rows. Only what the attempt returns in the end is kept. More than 64 KiB is
    /// not said; a text is better said by [`Context::writing`], piece by piece.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn square(cx: Context, numbers: Vec<u64>) -> Result<Vec<u64>> {
    ///     let mut squares = Vec::new();
    ///     for number in numbers {
    ///         squares.push(number * number);
    ///         cx.partial(&squares);
    ///     }
    ///     Ok(squares)
    /// }
    /// ```
    pub fn partial(&self, output: impl Serialize) {
        if !self.is_watched() {
            return self.live.says_something();
        }
        let Ok(text) = serde_json::to_string(&output) else { return };
        if text.len() <= PARTIAL_MAX_BYTES
            && let Ok(output) = serde_json::from_str(&text)
        {
            self.note(Said::Partial { output });
        }
    }

    /// Whether anybody would hear what there is of the output now. Whoever makes it for that alone
    /// may ask first.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let inner = &self.live.runtime.inner;
        inner.desk.listeners.is_anybody() || inner.observers.iter().any(|it| it.watches())
    }

    /// A line for the task's log.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        let (message, fields) = (message.into(), Map::new());
        self.note(Said::Log { level, message, fields });
    }

    /// A line for the task's log with fields for programs: a struct, a map, or `json!({ … })`. What
    /// has no names of its own is the field `value`; what cannot be written as JSON is left out.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// # use majordomo_runtime::port::observer::Level;
    /// # use serde_json::json;
    /// async fn charge(cx: Context, cents: u64) -> Result<()> {
    ///     cx.log_with(Level::Info, "charged", json!({ "cents": cents, "currency": "EUR" }));
    ///     Ok(())
    /// }
    /// ```
    pub fn log_with(&self, level: Level, message: impl Into<String>, fields: impl Serialize) {
        let fields = match serde_json::to_value(fields) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Null) | Err(_) => Map::new(),
            Ok(value) => Map::from_iter([("value".to_owned(), value)]),
        };
        self.note(Said::Log { level, message: message.into(), fields });
    }

    fn note(&self, what: Said) {
        self.say_what_is_written(); // It was said before this.
        self.pass(what);
    }

    /// Tells whoever hears of it.
    pub(super) fn pass(&self, what: Said) {
        self.live.says_something();
        let what = self.live.redactor().note(what);
        let agent = self.live.dispatch.agent;
        let note = Note { attempt: self.attempt(), agent, what };
        let inner = &self.live.runtime.inner;
        inner.observers.iter().for_each(|it| it.note(&note));
        inner.desk.say(self.run_id(), &note);
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

    /// Whether the attempt is to end: for code between two awaits, which asks now and then, and
    /// returns. Code that awaits is dropped there, or hears of it by [`Context::cancelled`].
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn sum(cx: Context, numbers: Vec<u64>) -> Result<u64> {
    ///     let own = cx.clone();
    ///     let adding = move || numbers.iter().take_while(|_| !own.interrupted()).sum();
    ///     cx.blocking(adding).await
    /// }
    /// ```
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.live.is_stopping()
    }
}
