//! The ratchet: a violation is either mended or listed with its size, and a listed one may only
//! shrink.

use std::collections::BTreeMap;

/// Listed violations: `rule path[:item] size`, one a line, `#` for remarks.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// One place where the tree breaks a rule.
pub(crate) struct Violation {
    /// Where: a path, and an item in it where the rule is about items.
    pub(crate) place: String,
    /// By how much; 1 where there is nothing to measure. Several of one place add up.
    pub(crate) size: usize,
    /// For the reader: what was found and what to do.
    pub(crate) said: String,
}

impl Violation {
    pub(crate) fn new(place: impl Into<String>, size: usize, said: impl Into<String>) -> Self {
        Self { place: place.into(), size, said: said.into() }
    }
}

/// Fails with every violation of this rule that is not listed, has grown, or is listed in vain.
#[track_caller]
pub(crate) fn hold(rule: &str, found: Vec<Violation>) {
    let wrong = compare(rule, found, EXCEPTIONS);
    assert!(wrong.is_empty(), "\n{rule}:\n  {}\n", wrong.join("\n  "));
}

fn compare(rule: &str, found: Vec<Violation>, listed: &str) -> Vec<String> {
    let mut sizes: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for violation in found {
        let place = sizes.entry(violation.place).or_default();
        place.0 += violation.size;
        place.1.push(violation.said);
    }
    let mut wrong = Vec::new();
    for (place, allowed) in entries(rule, listed) {
        match sizes.remove(&place) {
            None => wrong.push(format!("{place}: mended; take it off the list of exceptions")),
            Some((size, said)) if size > allowed => wrong.push(format!(
                "{place}: {size}, and the list allows {allowed}; it may only shrink: {}",
                said.join("; ")
            )),
            Some((size, _)) if size < allowed => wrong.push(format!(
                "{place}: only {size} now, well done; lower it from {allowed} in the list"
            )),
            Some(_) => {}
        }
    }
    for (place, (_, said)) in sizes {
        wrong.extend(said.iter().map(|said| format!("{place}: {said}")));
    }
    wrong
}

fn entries(rule: &str, listed: &str) -> Vec<(String, usize)> {
    let lines = listed.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut entries = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [named, place, size] = words[..] else { panic!("not `rule place size`: {line}") };
        if named == rule {
            entries.push((place.to_owned(), size.parse().expect("a size is a number")));
        }
    }
    entries
}

#[test]
fn the_list_can_only_shrink() {
    let found = |size| vec![Violation::new("a.rs", size, "too long")];
    assert_eq!(compare("length", found(410), "").len(), 1, "not listed");
    assert_eq!(compare("length", found(410), "length a.rs 410").len(), 0, "listed");
    assert_eq!(compare("length", found(411), "length a.rs 410").len(), 1, "grown");
    assert_eq!(compare("length", found(405), "length a.rs 410").len(), 1, "shrunk");
    assert_eq!(compare("length", vec![], "length a.rs 410").len(), 1, "mended");
    assert_eq!(compare("length", vec![], "# length a.rs 410\nother a.rs 1").len(), 0, "another");
}
