//! Words that agents have in common, held once: agents come by the thousand, and bring their own
//! copies of what all of them are called.

use super::Index;
use crate::{AgentSpec, Text};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kinds, teams and capabilities of agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(BTreeSet<Text>);

impl Words {
    fn shared(&mut self, word: &Text) -> Text {
        if let Some(held) = self.0.get(word) {
            return held.clone();
        }
        self.0.insert(word.clone());
        word.clone()
    }
}

impl Index {
    /// The same, in words that others may have too.
    pub(crate) fn in_shared_words(&mut self, spec: &AgentSpec) -> Arc<AgentSpec> {
        let words = &mut self.fleet.words;
        let mut spec = spec.clone();
        spec.kind = words.shared(&spec.kind);
        spec.team = words.shared(&spec.team);
        for served in &mut spec.serves {
            served.capability = words.shared(&served.capability);
        }
        Arc::new(spec)
    }
}
