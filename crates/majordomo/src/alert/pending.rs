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
    /// The latest of those that are only counted: named when nobody else is.
    latest: Option<Problem>,
    /// How many they all are.
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
    fn new(problems: Vec<Problem>) -> Pending {
        let count = problems.len() as u64;
        Pending { problems, latest: None, count, upto: None }
    }

    /// Those that `is_gone` are no problem any more. False if none is left.
    fn retain(&mut self, is_gone: impl Fn(&Problem) -> bool) -> bool {
        let before = self.problems.len();
        self.problems.retain(|it| !is_gone(it));
        let mut gone = (before - self.problems.len()) as u64;
        if self.latest.take_if(|it| is_gone(it)).is_some() {
            gone += 1;
        }
        self.count = self.count.saturating_sub(gone);
        self.name_one();
        self.count > 0
    }

    fn name_one(&mut self) {
        if self.problems.is_empty() {
            self.problems.extend(self.latest.take());
        }
    }

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
        let pending = self.kinds.entry(problem.kind).or_insert_with(|| Pending::new(Vec::new()));
        pending.count += 1;
        pending.upto = pending.upto.max(Some(at));
        if pending.problems.len() < NAMED_MAX {
            pending.problems.push(problem);
        } else {
            pending.latest = Some(problem);
        }
    }

    /// It is none any more. What was only counted stays counted.
    pub(super) fn drop(&mut self, kind: Kind, about: &str) {
        let Some(pending) = self.kinds.get_mut(&kind) else { return };
        if !pending.retain(|it| it.about == about) {
            self.kinds.remove(&kind);
        }
    }

    /// Something that holds or does not hold: told once while it does.
    pub(super) fn condition(&mut self, kind: Kind, found: Option<Problem>) {
        match found {
            Some(problem) if !self.told.contains(&kind) => {
                self.kinds.insert(kind, Pending::new(vec![problem]));
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

    /// What there is to tell of this kind, if one can be named.
    pub(super) fn of(&self, kind: Kind) -> Option<&Pending> {
        self.kinds.get(&kind).filter(|pending| !pending.problems.is_empty())
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
        pending.latest.take_if(|it| told.latest.as_ref() == Some(it));
        pending.name_one();
        // Some of what was told may have been dropped meanwhile, and is subtracted already.
        let named = pending.problems.len() as u64;
        pending.count = pending.count.saturating_sub(told.count).max(named);
        if pending.count == 0 {
            self.kinds.remove(&kind);
        }
    }
}

/// The kind as JSON spells it.
pub(super) fn name(kind: Kind) -> String {
    let spelt = serde_json::to_value(kind).ok();
    spelt.and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(untold: &mut Untold, tasks: std::ops::Range<u64>) {
        for task in tasks {
            let problem = Problem::dead_letters(1, 0);
            untold.add(Time(task), Problem { about: task.to_string(), ..problem });
        }
    }

    fn of(untold: &Untold) -> Option<(u64, Vec<String>)> {
        let pending = untold.of(Kind::DeadLetters)?;
        Some((pending.count, pending.problems.iter().map(|it| it.about.clone()).collect()))
    }

    #[test]
    fn what_came_while_an_alert_was_sent_is_told_in_the_next() {
        let mut untold = Untold::default();
        died(&mut untold, 0..25);
        let sent = untold.of(Kind::DeadLetters).cloned().expect("they died");
        assert_eq!((sent.count, sent.problems.len()), (25, NAMED_MAX));
        died(&mut untold, 25..30);
        untold.told(Kind::DeadLetters, &sent);
        assert_eq!(of(&untold), Some((5, vec!["29".into()])));
        let sent = untold.of(Kind::DeadLetters).cloned().expect("there are five");
        untold.told(Kind::DeadLetters, &sent);
        assert_eq!((of(&untold), untold.kinds()), (None, vec![]));
    }

    #[test]
    fn what_is_no_problem_any_more_while_an_alert_is_sent_hides_nothing_new() {
        let mut untold = Untold::default();
        died(&mut untold, 0..2);
        let sent = untold.of(Kind::DeadLetters).cloned().expect("they died");
        untold.drop(Kind::DeadLetters, "0");
        died(&mut untold, 2..3);
        untold.told(Kind::DeadLetters, &sent);
        assert_eq!(of(&untold), Some((1, vec!["2".into()])));
    }

    #[test]
    fn what_was_only_counted_is_told_when_those_with_a_name_are_no_problem_any_more() {
        let mut untold = Untold::default();
        died(&mut untold, 0..25);
        let drop = |untold: &mut Untold, tasks: std::ops::Range<u64>| {
            tasks.for_each(|task| untold.drop(Kind::DeadLetters, &task.to_string()));
        };
        drop(&mut untold, 0..20);
        assert_eq!(of(&untold), Some((5, vec!["24".into()])));
        drop(&mut untold, 24..25);
        assert_eq!(of(&untold), None, "there is nobody to name");
        died(&mut untold, 30..31);
        assert_eq!(of(&untold), Some((5, vec!["30".into()])), "and four more");
    }
}
