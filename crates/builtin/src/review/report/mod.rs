//! `report`: worst first, the evidence, why and what to do; then who did what.
//!
//! The same input gives the same bytes. Everything that comes from files, linters or other agents
//! is escaped here (see `escape`); titles, reasons and advice of our own rules come from the rules
//! and not from the findings, which may have passed through other hands.

mod escape;
mod markdown;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalog;
use super::external::Linter;
use super::finding::Finding;
use super::fix::Fix;
use super::lint::{Lint, clip};
use super::reviewing::Review;

/// Everything that the team found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportInput {
    /// The root of the survey.
    pub root: String,
    /// One per file, in any order.
    pub reviews: Vec<Review>,
    /// Offered diffs, in any order.
    #[serde(default)]
    pub fixes: Vec<Fix>,
    /// What linters said, with rule names such as `clippy::len_zero`.
    #[serde(default)]
    pub linters: Vec<Lint>,
    /// The survey's count of what was left out, by reason.
    #[serde(default)]
    pub skipped: BTreeMap<String, u64>,
    /// Who did what.
    #[serde(default)]
    pub team: Vec<Member>,
    /// What a language model says of it all, if one was asked.
    #[serde(default)]
    pub opening: Option<Opening>,
}

/// What a language model said of the review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Opening {
    /// Its words.
    Words {
        /// As it wrote them.
        text: String,
    },
    /// There are none.
    Missing {
        /// Why not.
        failed: String,
    },
}

/// Characters kept of what a model said, and of why it said nothing.
const OPENING_CHARS_MAX: usize = 2_000;

/// What one agent did in this run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// Its name in the team.
    pub agent: String,
    /// Its part, such as `code.review`.
    #[serde(default)]
    pub capability: String,
    /// Tasks that it completed.
    pub tasks: u64,
    /// Attempts that failed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// How often it was restarted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
}

/// The report in both forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// For people. Holds no control character but line feeds and tabs.
    pub markdown: String,
    /// For programs: `root`, `counts`, `findings` (worst first, with `advice` where a rule of ours
    /// gives one), `fixes`, `linters`, `team`, and `opening` if a model was asked. Texts are as
    /// found: escape them where they are shown.
    pub json: Value,
}

/// What both forms are made from: everything in its final order.
pub(crate) struct Facts<'a> {
    pub(crate) input: &'a ReportInput,
    pub(crate) findings: Vec<&'a Finding>,
    pub(crate) fixes: Vec<&'a Fix>,
    pub(crate) team: Vec<&'a Member>,
    pub(crate) lines: u64,
    /// Fingerprints that some diff removes.
    pub(crate) fixed: BTreeSet<&'a str>,
    /// Findings of each linter that our own rules have too, and that are said once.
    pub(crate) doubled: BTreeMap<Linter, u64>,
}

/// Writes the report.
#[must_use]
pub fn report(input: &ReportInput) -> Report {
    let facts = Facts::of(input);
    Report { markdown: markdown::write(&facts), json: as_json(&facts) }
}

impl<'a> Facts<'a> {
    fn of(input: &'a ReportInput) -> Self {
        let mut findings: Vec<&Finding> =
            input.reviews.iter().flat_map(|review| &review.findings).collect();
        let doubled = add_linters(&mut findings, &input.linters);
        findings.sort_by(|a, b| {
            a.rank().cmp(&b.rank()).then_with(|| a.fingerprint.cmp(&b.fingerprint))
        });
        let mut fixes: Vec<&Fix> = input.fixes.iter().filter(|fix| fix.applied > 0).collect();
        fixes.sort_by(|a, b| (&a.path, &a.diff).cmp(&(&b.path, &b.diff)));
        let mut team: Vec<&Member> = input.team.iter().collect();
        team.sort();
        let lines = input.reviews.iter().map(|review| review.lines).sum();
        let fixed = fixed(input);
        Self { input, findings, fixes, team, lines, fixed, doubled }
    }

    /// How many findings have each value of `key`, in the order of the values.
    pub(crate) fn count<K: Ord>(&self, key: impl Fn(&Finding) -> K) -> BTreeMap<K, u64> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(key(finding)).or_default() += 1;
        }
        counts
    }

    /// Files that were not, or only partly, reviewed.
    pub(crate) fn left_out(&self) -> u64 {
        self.input.reviews.iter().filter(|review| review.skipped.is_some()).count() as u64
    }
}

/// Adds what linters found and we did not. The same finding is one of the same line by a rule that
/// says what ours does: see `also` in our rules.
fn add_linters<'a>(findings: &mut Vec<&'a Finding>, linters: &'a [Lint]) -> BTreeMap<Linter, u64> {
    let mut known = BTreeSet::new();
    for finding in findings.iter() {
        let also = rule_of(finding).into_iter().flat_map(|rule| &rule.also);
        known.extend(also.map(|name| (finding.path.as_str(), finding.line, name.as_str())));
    }
    let mut doubled = BTreeMap::new();
    for lint in linters {
        for finding in &lint.findings {
            if known.contains(&(finding.path.as_str(), finding.line, finding.rule.as_str())) {
                *doubled.entry(lint.tool).or_default() += 1;
            } else {
                findings.push(finding);
            }
        }
    }
    doubled
}

/// Findings with a mechanical fix in a file that has a diff, without those that were refused.
fn fixed(input: &ReportInput) -> BTreeSet<&str> {
    let offered: BTreeMap<&str, &Fix> = input
        .fixes
        .iter()
        .filter(|fix| fix.applied > 0)
        .map(|fix| (fix.path.as_str(), fix))
        .collect();
    let all = input.reviews.iter().flat_map(|review| &review.findings);
    let removed = all.filter(|finding| {
        finding.fix == Some(true)
            && offered.get(finding.path.as_str()).is_some_and(|fix| {
                fix.refused.iter().all(|refused| refused.fingerprint != finding.fingerprint)
            })
    });
    removed.map(|finding| finding.fingerprint.as_str()).collect()
}

/// What a rule of ours advises for a finding.
pub(crate) fn rule_of(finding: &Finding) -> Option<&'static catalog::Rule> {
    catalog::rules().iter().find(|rule| rule.id == finding.rule)
}

fn as_json(facts: &Facts<'_>) -> Value {
    let findings: Vec<Value> = facts
        .findings
        .iter()
        .map(|finding| {
            let mut value = json!(finding);
            if let Some(rule) = rule_of(finding) {
                value["advice"] = json!(rule.advice);
            }
            value["fixed"] = json!(facts.fixed.contains(finding.fingerprint.as_str()));
            value
        })
        .collect();
    let linter = |lint: &Lint| {
        let doubled = facts.doubled.get(&lint.tool).copied().unwrap_or_default();
        let (tool, found) = (lint.tool, lint.findings.len());
        json!({ "tool": tool, "findings": found, "also_ours": doubled, "note": lint.note })
    };
    let linters: Vec<Value> = facts.input.linters.iter().map(linter).collect();
    let mut report = json!({
        "root": facts.input.root,
        "counts": {
            "files": facts.input.reviews.len(),
            "lines": facts.lines,
            "findings": facts.findings.len(),
            "by_severity": facts.count(|finding| finding.severity),
            "by_dimension": facts.count(|finding| finding.dimension),
            "by_rule": facts.count(|finding| finding.rule.clone()),
            "fixed": facts.fixed.len(),
            "left_out": facts.left_out(),
            "skipped": facts.input.skipped,
        },
        "findings": findings,
        "fixes": facts.fixes,
        "linters": linters,
        "team": facts.team,
    });
    if let Some(opening) = &facts.input.opening {
        report["opening"] = match opening {
            Opening::Words { text } => json!({ "text": clip(text, OPENING_CHARS_MAX) }),
            Opening::Missing { failed } => json!({ "note": clip(failed, OPENING_CHARS_MAX) }),
        };
    }
    report
}
