//! Whoever watches: views, a terminal, metrics. Told only what is durable, or what is soft by
//! nature.

use super::journal::Seq;
use kernel::{AgentId, AttemptId, Entry, State, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Hears what happens. Called by the turn, so it must be quick: take what it is given and go.
pub trait Observer: Send + Sync + 'static {
    /// These entries are durable; `first` is the number of the first one. In order, without gaps.
    /// Whoever wants to keep them shares them.
    fn durable(&self, first: Seq, entries: &Arc<[Entry]>);

    /// The last entry it has, if it keeps count: at a start it hears what it missed.
    fn applied(&self) -> Option<Seq> {
        None
    }

    /// The entries up to `at` that it has not seen are gone; this is the state that they led to.
    /// What it hears next comes after them.
    fn restart(&self, state: &State, at: Seq) {
        let _ = (state, at); // Whoever only counts what it hears has nothing to do.
    }

    /// The contents of this run are erased from the journal. Whoever kept some erases them too,
    /// before this returns, or says why not and what to do.
    fn forget(&self, run: TaskId) -> Result<(), String> {
        let _ = run; // Whoever keeps no contents has none to erase.
        Ok(())
    }

    /// An agent said something in passing. Not journaled, and may be lost.
    fn note(&self, note: &Note);

    /// Whether what agents have of their outputs so far is anything to it: where it is to nobody,
    /// they need not say it.
    fn watches(&self) -> bool {
        true
    }
}

/// Something said in passing.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// By which attempt.
    pub attempt: AttemptId,
    /// Of which agent.
    pub agent: AgentId,
    /// What.
    pub what: Said,
}

/// The kinds of note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Said {
    /// How far it is, if it can tell, and what it is at.
    Progress {
        /// From 0 to 1.
        fraction: Option<f32>,
        /// For people; data.
        message: String,
    },
    /// What there is of its output so far; the last of these is not the output.
    Partial {
        /// Data.
        output: Value,
    },
    /// More of a text that it writes. All pieces of it together may be the output, or not.
    Text {
        /// The first piece of it.
        begins: bool,
        /// Data.
        piece: String,
    },
    /// A line for the log.
    Log {
        /// How important.
        level: Level,
        /// For people; data.
        message: String,
        /// The same for programs, by name; empty where nothing was said. Data.
        fields: Map<String, Value>,
    },
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Good to know.
    Info,
    /// Not as it should be; the work goes on.
    Warn,
    /// The work does not go on, or not whole.
    Error,
}
