//! Step keys: who asks for what, for the how-manieth time, on which branch.
//!
//! A key must be the same in every life of a task, whatever the order in which futures are polled.
//! So it is taken when a method of the context is *called*, counted per capability, and each branch
//! of a `map` counts for itself.

use crate::secret::Redactor;
use crate::turn::lock;
use kernel::Text;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// One branch of an attempt's code.
pub(super) struct Scope {
    /// `""` at the top, `"files/src/main.rs/"` in a branch.
    prefix: String,
    counted: Mutex<HashMap<String, u32>>,
    /// A key is journaled: what must not be there is taken out before it names anything.
    redactor: Arc<Redactor>,
}

impl Scope {
    /// The top.
    pub(super) fn of(redactor: &Arc<Redactor>) -> Scope {
        let (prefix, counted) = Default::default();
        Scope { prefix, counted, redactor: redactor.clone() }
    }

    /// A branch of this one.
    pub(super) fn branch(&self, name: &str) -> Scope {
        let prefix = format!("{}{}/", self.prefix, self.redactor.text(name));
        Scope { prefix, ..Scope::of(&self.redactor) }
    }

    /// The next key of its kind: `text.count#0`, `text.count#1`, …
    pub(super) fn next(&self, what: &str) -> Text {
        let what = &*self.redactor.text(what);
        let mut counted = lock(&self.counted);
        let ordinal = counted.entry(what.to_owned()).or_default();
        let key = format!("{}{what}#{ordinal}", self.prefix);
        *ordinal += 1;
        key.into()
    }

    /// A key that was given by name.
    pub(super) fn named(&self, name: &str) -> Text {
        format!("{}{}", self.prefix, self.redactor.text(name)).into()
    }
}
