//! Which subscriptions match a subject: a tree of words, so that the cost is that of the subject's
//! words and of what matches, not of how many subscriptions there are.

use runtime::bus::{Pattern, Subject};
use std::collections::HashMap;

/// Subscriptions by pattern.
#[derive(Default)]
pub(super) struct Trie {
    root: Node,
}

#[derive(Default)]
struct Node {
    /// Patterns that end here.
    here: Vec<u64>,
    /// Patterns that end with `>` here: whatever follows.
    rest: Vec<u64>,
    /// Behind `*`.
    any: Option<Box<Node>>,
    named: HashMap<Box<str>, Node>,
}

impl Trie {
    /// Adds a subscription by its number.
    pub(super) fn insert(&mut self, pattern: &Pattern, id: u64) {
        let mut node = &mut self.root;
        for word in pattern.words() {
            match word {
                ">" => return node.rest.push(id),
                "*" => node = node.any.get_or_insert_default(),
                word => node = node.named.entry(word.into()).or_default(),
            }
        }
        node.here.push(id);
    }

    /// Takes it out, and the nodes that nobody needs any more.
    pub(super) fn remove(&mut self, pattern: &Pattern, id: u64) {
        let words: Vec<&str> = pattern.words().collect();
        self.root.remove(&words, id);
    }

    /// The numbers of those that match, each once, in the order in which they came.
    pub(super) fn matches(&self, subject: &Subject) -> Vec<u64> {
        let words: Vec<&str> = subject.words().collect();
        let mut found = Vec::new();
        self.root.collect(&words, &mut found);
        found.sort_unstable();
        found
    }
}

impl Node {
    fn collect(&self, words: &[&str], found: &mut Vec<u64>) {
        let Some((word, after)) = words.split_first() else {
            return found.extend_from_slice(&self.here);
        };
        found.extend_from_slice(&self.rest);
        if let Some(any) = &self.any {
            any.collect(after, found);
        }
        if let Some(named) = self.named.get(*word) {
            named.collect(after, found);
        }
    }

    fn remove(&mut self, words: &[&str], id: u64) {
        match words {
            [] => self.here.retain(|it| *it != id),
            [">"] => self.rest.retain(|it| *it != id),
            ["*", after @ ..] => {
                let Some(any) = &mut self.any else { return };
                any.remove(after, id);
                if any.is_empty() {
                    self.any = None;
                }
            }
            [word, after @ ..] => {
                let Some(named) = self.named.get_mut(*word) else { return };
                named.remove(after, id);
                if named.is_empty() {
                    self.named.remove(*word);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.rest.is_empty() && self.any.is_none() && self.named.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a pattern")
    }

    #[test]
    fn what_was_put_in_is_found_until_it_is_taken_out_and_nothing_is_left() {
        let patterns = ["a.b", "a.*", "a.>", "*.b", ">", "a.b.c", "a.*.c", "*.>"];
        let mut trie = Trie::default();
        for (id, text) in patterns.into_iter().enumerate() {
            trie.insert(&pattern(text), id as u64);
        }
        let subject = |text: &str| Subject::new(text).expect("a subject");
        assert_eq!(trie.matches(&subject("a.b")), [0, 1, 2, 3, 4, 7]);
        assert_eq!(trie.matches(&subject("a.b.c")), [2, 4, 5, 6, 7]);
        assert_eq!(trie.matches(&subject("x")), [4]);
        for (id, text) in patterns.into_iter().enumerate() {
            trie.remove(&pattern(text), id as u64);
            assert!(!trie.matches(&subject("a.b.c")).contains(&(id as u64)));
        }
        assert!(trie.root.is_empty(), "empty nodes stay");
    }
}
