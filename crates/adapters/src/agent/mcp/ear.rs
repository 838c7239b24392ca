//! Who hears what a server says beside its answers.

use std::sync::atomic::{AtomicU32, Ordering};

use runtime::api::Context;
use runtime::port::observer::Level;
use serde_json::Value;

use crate::agent::cut;

/// The attempt that a call is for.
pub(super) struct Ear {
    cx: Context,
    said_max_bytes: usize,
    /// Log lines that it still takes.
    logs_left: AtomicU32,
}

impl Ear {
    pub(super) fn new(cx: Context, said_max_bytes: usize, logs_max: u32) -> Self {
        Self { cx, said_max_bytes, logs_left: AtomicU32::new(logs_max) }
    }

    /// Whose attempt it is.
    pub(super) fn tenant(&self) -> &kernel::Text {
        self.cx.tenant()
    }

    /// Something that the server tells of the call itself.
    pub(super) fn told(&self, method: &str, params: &Value) {
        match method {
            "notifications/progress" => self.progress(params),
            "notifications/message" => self.log(params),
            _ => {}
        }
    }

    /// `notifications/progress`: how far it is, of how much if that is known, in which words.
    fn progress(&self, params: &Value) {
        let number = |field| params.get(field).and_then(Value::as_f64);
        let fraction = match (number("progress"), number("total")) {
            (Some(done), Some(total)) if total > 0.0 => Some((done / total).clamp(0.0, 1.0) as f32),
            _ => None,
        };
        let message = params.get("message").and_then(Value::as_str).unwrap_or_default();
        self.cx.progress(fraction, cut(message, self.said_max_bytes));
    }

    /// `notifications/message`: a line of its log.
    fn log(&self, params: &Value) {
        let text = match params.get("data") {
            Some(Value::String(text)) => text.clone(),
            Some(data) => data.to_string(),
            None => return,
        };
        let level = match params.get("level").and_then(Value::as_str) {
            Some("debug") => Level::Debug,
            Some("warning") => Level::Warn,
            Some("error" | "critical" | "alert" | "emergency") => Level::Error,
            _ => Level::Info,
        };
        self.line(level, &text);
    }

    /// The server asked for something, and was refused.
    pub(super) fn refused(&self, method: &str) {
        let method = cut(method, 100);
        self.line(Level::Warn, &format!("the server asked for {method}, which was refused"));
    }

    fn line(&self, level: Level, text: &str) {
        let left = self
            .logs_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(1) => self.cx.log(Level::Warn, "further lines of this call are not kept"),
            Ok(_) => self.cx.log(level, cut(text, self.said_max_bytes)),
            Err(_none_left) => {}
        }
    }
}
