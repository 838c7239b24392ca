//! Secrets: named everywhere, resolved at dispatch, and hidden in whatever an agent says.
//!
//! ```text
//! input {"$secret": "env:TOKEN"} ─▶ journal, views: the reference
//!                                └▶ dispatch: may this agent have it? ─▶ its value, to the agent
//!          journal, logs, bus ◀─ redactor ◀─ output, errors, steps, notes, messages ◀──┘
//! ```
//!
//! Whether a field is one is said by the schema of its capability, never by the value: a reference
//! anywhere else is data like all data. See `crate::contract` for where they stand.

mod redactor;
mod reference;
mod said;
mod value;

pub use redactor::Redactor;
pub use reference::{FIELD, NoReference, Reference, Source};
pub use value::Secret;
pub(crate) use value::reading;

use crate::api::Failure;
use crate::bounds::{SECRET_MAX_BYTES, SECRET_MIN_BYTES};
use crate::port::Secrets;
use kernel::FailureKind;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Which secrets an agent is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// These, and a task that names another fails: the default is none.
    These(BTreeSet<Reference>),
    /// None, and references stay what they are: for agents that show their input to somebody, or
    /// only pass it on.
    Sealed,
}

impl Default for Given {
    fn default() -> Given {
        Given::These(BTreeSet::new())
    }
}

/// Where this runtime has its secrets from, and those that it knows.
#[derive(Default)]
pub(crate) struct Vault {
    /// Who looks them up.
    pub(crate) port: OnceLock<Arc<dyn Secrets>>,
    pub(crate) redactor: Arc<Redactor>,
}

impl Vault {
    /// The value behind a reference; hidden from now on. May block.
    ///
    /// # Errors
    /// In words, with what to do: it is not there, or could not be hidden.
    fn read(&self, reference: &Reference) -> Result<String, String> {
        let Some(port) = self.port.get() else {
            return Err("this program has no source of secrets; give the builder one".to_owned());
        };
        let value = port.read(reference)?;
        if value.len() < SECRET_MIN_BYTES {
            return Err(format!(
                "its value has fewer than {SECRET_MIN_BYTES} bytes, and could not be told from \
                 other text where it has to be hidden; use a longer one"
            ));
        }
        if value.len() > SECRET_MAX_BYTES {
            return Err(format!("its value has more than {SECRET_MAX_BYTES} bytes"));
        }
        self.redactor.learn(reference, &value)?;
        Ok(value)
    }

    /// What an agent may be given is hidden from its first word on, whatever it was given it by.
    pub(crate) fn foresee(&self, given: &Given) {
        if let Given::These(listed) = given {
            // What is missing is told to the task that names it.
            listed.iter().for_each(|reference| drop(self.read(reference)));
        }
    }

    /// The values that a task names, in its order.
    ///
    /// # Errors
    /// `Setup`: which is missing.
    pub(crate) fn resolve(&self, named: &[Reference]) -> Result<Vec<String>, Failure> {
        let read = named.iter().map(|reference| {
            self.read(reference).map_err(|why| {
                Failure::new(FailureKind::Setup, format!("secret {reference}: {why}"))
            })
        });
        read.collect()
    }
}
