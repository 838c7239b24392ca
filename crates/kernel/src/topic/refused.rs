//! Why something about a topic changed nothing.

use crate::{Refusal, Text};

/// Why something about a topic changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such topic.
    Unknown(Text),
    /// Nobody subscribes to this topic under this name.
    Nobody {
        /// The topic.
        topic: Text,
        /// The name.
        name: Text,
    },
    /// The name subscribes to this topic already, on other terms.
    OtherTerms {
        /// The topic.
        topic: Text,
        /// The name.
        name: Text,
    },
    /// Somebody subscribes to the topic.
    Subscribed {
        /// The topic.
        topic: Text,
        /// Who.
        name: Text,
    },
    /// The topic does not keep that any more.
    NotKept {
        /// The oldest number that it keeps.
        first: u64,
    },
    /// No dead letter has this number.
    NotDead {
        /// Which.
        seq: u64,
    },
    /// The key belongs to a message with other contents.
    KeyReused {
        /// The message that has it.
        seq: u64,
    },
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        Refusal::Topic(refused)
    }
}
