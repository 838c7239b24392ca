//! Sequence numbers as runs: what a subscriber takes in order is one run, however long it is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A set of sequence numbers; neighbours are one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(BTreeMap<u64, u64>);

impl Runs {
    /// All from `first` to `last`, both included.
    #[must_use]
    pub fn one(first: u64, last: u64) -> Runs {
        let mut runs = Runs::default();
        runs.insert(first, last);
        runs
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        self.0.range(..=seq).next_back().is_some_and(|(_, last)| *last >= seq)
    }

    /// The runs, as (first, last).
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// Every number, lowest first.
    pub fn each(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// The highest.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.0.last_key_value().map(|(_, last)| *last)
    }

    /// Adds a run; what it touches becomes one with it.
    pub(crate) fn insert(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        while let Some((begin, end)) = self.0.range(..=last.saturating_add(1)).next_back() {
            let (begin, end) = (*begin, *end);
            if end.saturating_add(1) < first {
                break;
            }
            self.0.remove(&begin);
            (first, last) = (first.min(begin), last.max(end));
        }
        self.0.insert(first, last);
    }

    /// Takes one number out.
    pub(crate) fn remove(&mut self, seq: u64) {
        let Some((first, last)) = self.0.range(..=seq).next_back() else { return };
        let (first, last) = (*first, *last);
        if last < seq {
            return;
        }
        self.0.remove(&first);
        if first < seq {
            self.0.insert(first, seq - 1);
        }
        if seq < last {
            self.0.insert(seq + 1, last);
        }
    }

    /// Takes the run out that begins at or before `seq` and reaches it; gives its end.
    pub(crate) fn take_at(&mut self, seq: u64) -> Option<u64> {
        let (first, last) = self.0.range(..=seq).next_back()?;
        let (first, last) = (*first, *last);
        if last < seq {
            return None;
        }
        self.0.remove(&first);
        Some(last)
    }
}

impl FromIterator<u64> for Runs {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Runs {
        let mut runs = Runs::default();
        numbers.into_iter().for_each(|seq| runs.insert(seq, seq));
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::backoff::draw;
    use std::collections::BTreeSet;

    #[test]
    fn runs_are_the_set_of_their_numbers_and_as_few_as_can_be() {
        let (mut runs, mut set, mut seed) = (Runs::default(), BTreeSet::new(), 7);
        for _ in 0..4_000 {
            let (drawn, next) = draw(seed);
            seed = next;
            let (first, len) = (drawn % 60, drawn >> 32 & 7);
            if drawn >> 16 & 1 == 0 {
                runs.insert(first, first + len);
                set.extend(first..=first + len);
            } else {
                runs.remove(first);
                set.remove(&first);
            }
            assert!(runs.each().eq(set.iter().copied()), "{runs:?}");
            assert_eq!((runs.len(), runs.last()), (set.len() as u64, set.last().copied()));
            assert!((0..70).all(|seq| runs.contains(seq) == set.contains(&seq)));
            let ends: Vec<(u64, u64)> = runs.runs().collect();
            assert!(ends.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{runs:?}");
        }
        assert_eq!(Runs::one(3, 5).take_at(4), Some(5));
        assert_eq!(Runs::one(3, 5).take_at(6), None);
    }
}
