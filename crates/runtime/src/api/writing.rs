//! A text that an agent writes, told piece by piece to whoever watches.
//!
//! Why gather? A model writes a hundred words in a second, and nobody reads so fast: what comes
//! within [`GATHER`] is one piece, and what waited so long is told although nothing follows. The
//! first words and the last ones wait for nothing. While nobody watches, nothing is kept and a word
//! costs a look at who is there.
//!
//! Why keep the end of a piece back? It may be the beginning of a secret, which is looked for in
//! whole texts: half of it here and half of it there would be told.

use super::Context;
use crate::bounds::PIECE_MAX_BYTES;
use crate::port::observer::Said;
use crate::turn::lock;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// So long words gather: too short to be noticed.
const GATHER: Duration = Duration::from_millis(80);

/// A text on its way; see [`Context::writing`].
pub struct Writing(Arc<Pen>);

/// Where it is gathered.
pub(crate) struct Pen {
    cx: Context,
    unsaid: Mutex<Unsaid>,
}

struct Unsaid {
    text: String,
    /// Nothing was said yet, and nothing was left out.
    begins: bool,
    /// When something was said last.
    said: Option<Instant>,
    /// Somebody will look whether it has waited long enough.
    is_looked_after: bool,
}

impl Context {
    /// Begins a text that whoever watches is to see while it is written. It is not the output: that
    /// is what the attempt returns.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn write(cx: Context, words: Vec<String>) -> Result<String> {
    ///     let (mut text, writing) = (String::new(), cx.writing());
    ///     for word in words {
    ///         writing.push(&word);
    ///         text.push_str(&word);
    ///     }
    ///     Ok(text)
    /// }
    /// ```
    #[must_use]
    pub fn writing(&self) -> Writing {
        let pen = Arc::new(Pen { cx: self.clone(), unsaid: Mutex::new(Unsaid::none()) });
        *lock(&self.live.writing) = Arc::downgrade(&pen);
        Writing(pen)
    }

    /// Whatever the attempt has written last goes before what it says now.
    pub(super) fn say_what_is_written(&self) {
        let pen = lock(&self.live.writing).upgrade();
        if let Some(pen) = pen {
            pen.say(&mut lock(&pen.unsaid), false);
        }
    }
}

impl Writing {
    /// More of it. Never waits, and no listener can make it.
    pub fn push(&self, text: &str) {
        let pen = &self.0;
        let mut unsaid = lock(&pen.unsaid);
        if text.is_empty() {
            return;
        }
        if !pen.cx.is_watched() {
            unsaid.text.clear();
            unsaid.begins = false;
            return;
        }
        unsaid.text.push_str(text);
        let due = unsaid.said.map(|said| said + GATHER);
        match due.filter(|due| *due > Instant::now() && unsaid.text.len() < PIECE_MAX_BYTES) {
            None => pen.say(&mut unsaid, false),
            Some(due) if !unsaid.is_looked_after => {
                unsaid.is_looked_after = true;
                let look = look_after(Arc::downgrade(pen), due);
                pen.cx.live.runtime.inner.tokio.spawn(look);
            }
            Some(_) => {}
        }
    }
}

async fn look_after(pen: Weak<Pen>, due: Instant) {
    sleep_until(due).await;
    if let Some(pen) = pen.upgrade() {
        let mut unsaid = lock(&pen.unsaid);
        unsaid.is_looked_after = false;
        pen.say(&mut unsaid, false);
    }
}

impl Drop for Pen {
    /// What is left is told: the text has come to its end, or will have none.
    fn drop(&mut self) {
        let mut unsaid = std::mem::replace(&mut *lock(&self.unsaid), Unsaid::none());
        self.say(&mut unsaid, true);
    }
}

impl Unsaid {
    fn none() -> Unsaid {
        Unsaid { text: String::new(), begins: true, said: None, is_looked_after: false }
    }
}

impl Pen {
    /// Tells what has gathered; up to the end, or to where a secret may begin.
    fn say(&self, unsaid: &mut Unsaid, is_end: bool) {
        let redactor = self.cx.live.redactor();
        let kept = if is_end { 0 } else { redactor.begun(&unsaid.text) };
        let rest = unsaid.text.split_off(unsaid.text.len() - kept);
        let whole = std::mem::replace(&mut unsaid.text, rest);
        if whole.is_empty() {
            return;
        }
        unsaid.said = Some(Instant::now());
        let mut left = &*redactor.text(&whole);
        while !left.is_empty() {
            let (piece, rest) = left.split_at(left.floor_char_boundary(PIECE_MAX_BYTES));
            let begins = std::mem::take(&mut unsaid.begins);
            self.cx.pass(Said::Text { begins, piece: piece.to_owned() });
            left = rest;
        }
    }
}
