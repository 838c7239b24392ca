//! Runs that follow a definition, as whoever resumes them needs to know them.

use kernel::{Pin, State, TaskId, Text};

/// An open run and what it is pinned to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Its root.
    pub run: TaskId,
    /// What its root asks for.
    pub capability: Text,
    /// Whose agents serve it, and which definition its steps come from.
    pub pin: Pin,
}

impl Pinned {
    /// All of them, oldest first.
    #[must_use]
    pub fn all(state: &State) -> Vec<Pinned> {
        let open = state.pins.iter().filter_map(|(run, pin)| {
            let capability = state.task(*run)?.terms.capability.clone();
            Some(Pinned { run: *run, capability, pin: pin.clone() })
        });
        open.collect()
    }
}
