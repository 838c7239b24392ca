//! What has become a problem and was not told yet, kind by kind.

use crate::problem::{Kind, Problem};
use kernel::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Problems of one kind that are told one by one; the rest is counted.
const NAMED_MAX: usize = 20;
/// Of the keys that idempotency knows, those of alerts begin so.
pub(super) const KEY: &str = "majordomo/alert";

/// Problems of one kind that belong into the next alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    /// The first few of them, each with the entry that it is known by.
    pub(super) problems: Vec<Problem>,
    /// How many they are.
    pub(super) count: u64,
    /// Kernel time of the latest of them; none for what no event told.
    pub(super) upto: Option<Time>,
}

/// All that was not told yet.
#[derive(Debug, Default)]
pub(super) struct Untold {
    kinds: BTreeMap<Kind, Pending>,
    /// Conditions that hold and were told.
    told: BTreeSet<Kind>,
}

impl Pending {
    /// The key of the alert: what it covers. An event is covered by its moment, so that a restart
    /// finds out by the keys what was told; a condition is told at most once an hour of the clock.
    pub(super) fn key(&self, wall_ms: i64) -> String {
        let kind = name(self.problems[0].kind);
        match self.upto {
            Some(upto) => format!("{KEY}/{kind}/{:020}", upto.0),
            None => format!("{KEY}/{kind}/hour/{}", wall_ms / 3_600_000),
        }
    }
}

impl Untold {
    /// Something has become a problem at this moment.
    pub(super) fn add(&mut self, at: Time, problem: Problem) {
        let fresh = || Pending { problems: Vec::new(), count: 0, upto: None };
        let pending = self.kinds.entry(problem.kind).or_insert_with(fresh);
        pending.count += 1;
        pending.upto = pending.upto.max(Some(at));
        if pending.problems.len() < NAMED_MAX {
            pending.problems.push(problem);
        }
    }

    /// It is none any more. What was only counted stays counted.
    pub(super) fn drop(&mut self, kind: Kind, about: &str) {
        let Some(pending) = self.kinds.get_mut(&kind) else { return };
        let before = pending.problems.len();
        pending.problems.retain(|it| it.about != about);
        pending.count -= (before - pending.problems.len()) as u64;
        if pending.problems.is_empty() {
            self.kinds.remove(&kind);
        }
    }

    /// Something that holds or does not hold: told once while it does.
    pub(super) fn condition(&mut self, kind: Kind, found: Option<Problem>) {
        match found {
            Some(problem) if !self.told.contains(&kind) => {
                let pending = Pending { problems: vec![problem], count: 1, upto: None };
                self.kinds.insert(kind, pending);
            }
            Some(_) => {}
            None => {
                self.kinds.remove(&kind);
                self.told.remove(&kind);
            }
        }
    }

    /// The kinds that there is something to tell of.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.kinds.keys().copied().collect()
    }

    /// What there is to tell of this kind.
    pub(super) fn of(&self, kind: Kind) -> Option<&Pending> {
        self.kinds.get(&kind)
    }

    /// This much was told; what came since is still to be.
    pub(super) fn told(&mut self, kind: Kind, told: &Pending) {
        if told.upto.is_none() {
            self.told.insert(kind);
            self.kinds.remove(&kind);
            return;
        }
        let Some(pending) = self.kinds.get_mut(&kind) else { return };
        pending.problems.retain(|it| !told.problems.contains(it));
        pending.count = pending.count.saturating_sub(told.count);
        if pending.problems.is_empty() {
            self.kinds.remove(&kind);
        }
    }
}

/// The kind as JSON spells it.
pub(super) fn name(kind: Kind) -> String {
    let spelt = serde_json::to_value(kind).ok();
    spelt.and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}
