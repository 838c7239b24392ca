//! `fix`: a unified diff for the findings whose rule knows a mechanical one. Nothing is written.
//!
//! A fix is believed only after it was tried: the changed text is reviewed again, and the fix is
//! kept if no new syntax error came, the finding is gone, and no other finding took its place.
//! Edits are made from the end of the file to its start, so that earlier places stay where they
//! are.
//!
//! The findings of the input only *name* places. What is written there is worked out afresh from
//! the file, because a finding may have passed through other hands.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::finding::Finding;
use super::language::Language;
use super::reviewing::{self, Study};
use super::source::{self, Source};
use super::survey;

/// Which findings of one file to fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixInput {
    /// The root of the survey.
    pub root: String,
    /// Relative to the root, with `/`.
    pub path: String,
    /// Findings of that file; others are refused.
    pub findings: Vec<Finding>,
    /// A larger file is refused.
    #[serde(default = "survey::file_bytes_max")]
    pub max_file_bytes: u64,
}

/// What can be done mechanically.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// Relative to the root, with `/`.
    pub path: String,
    /// A unified diff for `patch -p1` or `git apply`; empty if nothing is offered.
    pub diff: String,
    /// How many findings the diff removes.
    pub applied: u32,
    /// The others, in the order of the input.
    pub refused: Vec<Refused>,
}

/// A finding that the diff does not remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The finding's fingerprint.
    pub fingerprint: String,
    /// Its rule.
    pub rule: String,
    /// Its first line, from 1.
    pub line: u32,
    /// Why.
    pub reason: Reason,
}

/// Why a finding is not fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The rule has no mechanical fix for this form.
    NoMechanicalFix,
    /// The file does not hold this finding (any more), or is gone.
    NotThere,
    /// It lies inside of another finding that is being fixed; fix again afterwards.
    Overlaps,
    /// The changed text would not parse.
    DoesNotParse,
    /// The changed text would still have the finding, or a new one.
    DoesNotHelp,
    /// More than [`FIXES_MAX`] in one file; fix again afterwards.
    TooMany,
    /// The file is larger than the limit, or too tangled to parse.
    TooMuch,
    /// The file is not UTF-8, or its name cannot stand in a diff.
    NotText,
}

/// Fixes tried per file and call; each costs a review of the file.
pub const FIXES_MAX: usize = 100;

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path leads out of the root.
    #[error(transparent)]
    Read(#[from] source::Error),
    /// No rule speaks its language.
    #[error("{path:?} is in no language that has rules: ask for .rs, .py, .js, .ts files")]
    Language {
        /// The path as it was given.
        path: String,
    },
}

/// Offers a diff for one file.
///
/// # Errors
/// When the path leads out of the root or names no file that we can speak about. A finding that
/// cannot be fixed is refused inside of the answer.
pub fn fix(input: &FixInput) -> Result<Fix, Error> {
    let path = &input.path;
    let language = Language::of(Path::new(path)).ok_or(Error::Language { path: path.clone() })?;
    let content = match source::read(Path::new(&input.root), path, input.max_file_bytes) {
        Ok(Source::Whole(content)) => content,
        Ok(Source::Oversized) => return Ok(refuse_all(input, Reason::TooMuch)),
        Err(source::Error::NotAFile { .. } | source::Error::Unreadable { .. }) => {
            return Ok(refuse_all(input, Reason::NotThere));
        }
        Err(outside @ source::Error::Outside { .. }) => return Err(outside.into()),
    };
    let Ok(old) = std::str::from_utf8(&content) else {
        return Ok(refuse_all(input, Reason::NotText));
    };
    if path.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        return Ok(refuse_all(input, Reason::NotText));
    }
    let Some(study) = reviewing::study(path, language, &content) else {
        return Ok(refuse_all(input, Reason::TooMuch));
    };
    let (places, mut refused) = places(&study, &input.findings);
    let mut draft = Draft { path, language, text: content.clone(), study, from: usize::MAX };
    let mut applied = 0;
    for (tried, place) in places.into_iter().rev().enumerate() {
        let result = if tried < FIXES_MAX { draft.apply(place) } else { Err(Reason::TooMany) };
        match result {
            Ok(()) => applied += 1,
            Err(reason) => refused.push((place, reason)),
        }
    }
    let new = String::from_utf8_lossy(&draft.text);
    let diff = TextDiff::from_lines(old, &new);
    let names = (format!("a/{path}"), format!("b/{path}"));
    let diff = diff.unified_diff().context_radius(3).header(&names.0, &names.1).to_string();
    let diff = if applied == 0 { String::new() } else { diff };
    Ok(Fix { path: path.clone(), diff, applied, refused: say(refused, input) })
}

/// A place to fix: index into the first study, and into the input's findings.
type Place = (usize, usize);

/// Where the named findings lie, in the order of the file, and those that lie nowhere.
fn places(study: &Study, wanted: &[Finding]) -> (Vec<Place>, Vec<(Place, Reason)>) {
    let mut places = BTreeSet::new();
    let mut refused = vec![];
    for (index, finding) in wanted.iter().enumerate() {
        let there = |have: &Finding| have.fingerprint == finding.fingerprint;
        match study.findings.iter().position(there) {
            None => refused.push(((usize::MAX, index), Reason::NotThere)),
            Some(at) if study.hits[at].edit.is_none() => {
                refused.push(((at, index), Reason::NoMechanicalFix));
            }
            // Asked twice is done once.
            Some(at) if places.iter().any(|(have, _)| *have == at) => {}
            Some(at) => _ = places.insert((at, index)),
        }
    }
    (places.into_iter().collect(), refused)
}

fn say(mut refused: Vec<(Place, Reason)>, input: &FixInput) -> Vec<Refused> {
    refused.sort_by_key(|((_, index), _)| *index);
    let one = |((_, index), reason): (Place, Reason)| {
        let finding = &input.findings[index];
        Refused {
            fingerprint: finding.fingerprint.clone(),
            rule: finding.rule.clone(),
            line: finding.line,
            reason,
        }
    };
    refused.into_iter().map(one).collect()
}

fn refuse_all(input: &FixInput, reason: Reason) -> Fix {
    let all = (0..input.findings.len()).map(|index| ((0, index), reason)).collect();
    let refused = say(all, input);
    Fix { path: input.path.clone(), diff: String::new(), applied: 0, refused }
}

/// The text as changed so far.
struct Draft<'a> {
    path: &'a str,
    language: Language,
    text: Vec<u8>,
    /// What is said about the text as it is now. Places before `from` have not moved, so the
    /// hits of the first study that lie there are still at the same index.
    study: Study,
    /// Where the last edit began.
    from: usize,
}

impl Draft<'_> {
    /// Tries the edit of hit `place.0`, and keeps it only if it helps.
    fn apply(&mut self, place: Place) -> Result<(), Reason> {
        let hit = &self.study.hits[place.0];
        let (range, with) = hit.edit.as_ref().ok_or(Reason::NoMechanicalFix)?;
        if hit.range.end > self.from || range.end > self.from {
            return Err(Reason::Overlaps);
        }
        let mut text = self.text.clone();
        text.splice(range.clone(), with.iter().copied());
        let from = hit.range.start.min(range.start);
        let after =
            reviewing::study(self.path, self.language, &text).ok_or(Reason::DoesNotParse)?;
        if after.errors > self.study.errors {
            return Err(Reason::DoesNotParse);
        }
        let gone = after.findings.len() + 1 == self.study.findings.len();
        let start = |study: &Study, at: usize| study.hits.get(at).map(|hit| hit.range.start);
        let before_unmoved = (0..place.0).all(|at| start(&after, at) == start(&self.study, at));
        if !gone || !before_unmoved || after.partial {
            return Err(Reason::DoesNotHelp);
        }
        (self.text, self.study, self.from) = (text, after, from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A draft whose only hit would write `with` in place of what it found.
    fn try_writing(with: &str) -> Result<(), Reason> {
        let (path, language, text) = ("a.py", Language::Python, b"if a == None:\n    pass\n");
        let mut study = reviewing::study(path, language, text).unwrap();
        study.hits[0].edit = Some((study.hits[0].range.clone(), with.as_bytes().to_vec()));
        let mut draft = Draft { path, language, text: text.to_vec(), study, from: usize::MAX };
        let before = draft.text.clone();
        let result = draft.apply((0, 0));
        assert_eq!(draft.text == before, result.is_err(), "a refused edit leaves no trace");
        result
    }

    #[test]
    fn an_edit_is_kept_only_if_it_parses_and_helps() {
        assert_eq!(try_writing("a is None"), Ok(()));
        assert_eq!(try_writing("a is is (("), Err(Reason::DoesNotParse));
        assert_eq!(try_writing("b == None"), Err(Reason::DoesNotHelp));
        assert_eq!(try_writing("(b and b) or c == None"), Err(Reason::DoesNotHelp));
    }
}
