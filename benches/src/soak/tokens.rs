//! The tokens of deliveries, overheard from the journal, for whoever lies about them.

use super::lock;
use kernel::topic::TopicEvent;
use kernel::{Entry, Event, Text, Token};
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Observer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The first and the latest token of each name's deliveries.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<Text, (Token, Token)>>);

impl Tokens {
    /// The first, which is over for long, and the latest.
    pub(crate) fn of(&self, name: &str) -> Option<(Token, Token)> {
        lock(&self.0).get(name).copied()
    }
}

impl Observer for Tokens {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        for entry in &**entries {
            if let Event::Topic { what: TopicEvent::Delivered { name, token, .. }, .. } =
                &entry.event
            {
                let mut tokens = lock(&self.0);
                tokens.entry(name.clone()).or_insert((*token, *token)).1 = *token;
            }
        }
    }

    fn note(&self, _: &Note) {}
}
