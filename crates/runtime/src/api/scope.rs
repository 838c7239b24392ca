//! Step keys: who asks for what, for the how-manieth time, on which branch.
//!
//! A key must be the same in every life of a task, whatever the order in which futures are polled.
//! So it is taken when a method of the context is *called*, counted per capability, and each branch
//! of a `map` counts for itself.

use crate::turn::lock;
use kernel::Text;
use std::collections::HashMap;
use std::sync::Mutex;

/// One branch of an attempt's code.
#[derive(Default)]
pub(super) struct Scope {
    /// `""` at the top, `"files/src/main.rs/"` in a branch.
    prefix: String,
    counted: Mutex<HashMap<String, u32>>,
}

impl Scope {
    /// A branch of this one.
    pub(super) fn branch(&self, name: &str) -> Scope {
        Scope { prefix: format!("{}{name}/", self.prefix), counted: Mutex::default() }
    }

    /// The next key of its kind: `text.count#0`, `text.count#1`, …
    pub(super) fn next(&self, what: &str) -> Text {
        let mut counted = lock(&self.counted);
        let ordinal = counted.entry(what.to_owned()).or_default();
        let key = format!("{}{what}#{ordinal}", self.prefix);
        *ordinal += 1;
        key.into()
    }

    /// A key that was given by name.
    pub(super) fn named(&self, name: &str) -> Text {
        format!("{}{name}", self.prefix).into()
    }
}
