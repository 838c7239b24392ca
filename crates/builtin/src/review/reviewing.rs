//! `review`: what a careful colleague would say about one file.
//!
//! One parse, one walk of the compiled rules, then the checks of each match. All three are bounded
//! by counted work, never by a clock, so the same bytes always get the same review.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tree_sitter::{Node, QueryCursor, QueryCursorOptions, StreamingIterator, Tree};

use super::catalog::{self, Rule};
use super::check::{Captures, Site};
use super::finding::{self, Finding};
use super::language::Language;
use super::query::{self, Compiled};
use super::source::{self, Source};
use super::survey::{self, FileRef};
use super::{check, tree};

/// Which file to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewInput {
    /// The root of the survey.
    pub root: String,
    /// One of the survey's files.
    pub file: FileRef,
    /// A larger file is skipped.
    #[serde(default = "survey::file_bytes_max")]
    pub max_file_bytes: u64,
}

impl ReviewInput {
    /// A review of `file` below `root` with the default limits.
    #[must_use]
    pub fn new(root: impl Into<String>, file: FileRef) -> Self {
        Self { root: root.into(), file, max_file_bytes: survey::file_bytes_max() }
    }
}

/// Why a file was left out, or only partly reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// It was there at the survey and cannot be read any more: a tree may change meanwhile.
    Unreadable,
    /// It is larger than the limit; nothing was read into memory beyond it.
    Oversized,
    /// The parser gave up within its steps, or the code is nested too deeply or too broken.
    TooComplex,
    /// The checks gave up within their work: what was found stands, more may be there.
    Partial,
}

/// The review of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Relative to the root, with `/`.
    pub path: String,
    /// As reviewed.
    pub language: Language,
    /// Lines in the file, 0 if it was skipped.
    pub lines: u64,
    /// BLAKE3 of what was reviewed, 64 hex digits; empty if it was skipped.
    pub digest: String,
    /// Whether the file changed between survey and review.
    pub changed: bool,
    /// Whether it parsed without an error. Findings inside of an error are dropped.
    pub parse_ok: bool,
    /// Set when the file was left out or only partly reviewed.
    pub skipped: Option<Skip>,
    /// In the order of the file.
    pub findings: Vec<Finding>,
}

/// Findings kept per file; a file with more has one problem, and it is not in the list.
pub const FINDINGS_MAX: usize = 500;

/// How often the query may report progress; each stands for a fixed share of work.
const QUERY_STEPS_MAX: u32 = 20_000;

/// Patterns in flight per file; beyond it tree-sitter forgets the oldest.
const MATCHES_IN_FLIGHT_MAX: u32 = 4_096;

/// Reviews one file.
///
/// # Errors
/// When the path leads out of the root. A file that is gone, too large or too tangled is not an
/// error but a [`Skip`].
pub fn review(input: &ReviewInput) -> Result<Review, source::Error> {
    let FileRef { path, language, digest, .. } = &input.file;
    let root = Path::new(&input.root);
    let mut review = match source::read(root, path, input.max_file_bytes) {
        Ok(Source::Whole(content)) => review_source(path, *language, &content),
        Ok(Source::Oversized) => empty(path, *language, Skip::Oversized),
        Err(source::Error::NotAFile { .. } | source::Error::Unreadable { .. }) => {
            empty(path, *language, Skip::Unreadable)
        }
        Err(outside @ source::Error::Outside { .. }) => return Err(outside),
    };
    review.changed = !review.digest.is_empty() && !digest.is_empty() && review.digest != *digest;
    Ok(review)
}

/// Reviews `source` as if it were the content of `path`. Any bytes will do.
#[must_use]
pub fn review_source(path: &str, language: Language, source: &[u8]) -> Review {
    let Some(study) = study(path, language, source) else {
        return empty(path, language, Skip::TooComplex);
    };
    Review {
        path: path.to_owned(),
        language,
        lines: source.split_inclusive(|&byte| byte == b'\n').count() as u64,
        digest: blake3::hash(source).to_hex().to_string(),
        changed: false,
        parse_ok: study.errors == 0,
        skipped: study.partial.then_some(Skip::Partial),
        findings: study.findings,
    }
}

/// All that one look at a file tells; `review` reports it and `fix` compares two of them.
pub(crate) struct Study {
    /// Places in the order of the file.
    pub(crate) hits: Vec<Hit>,
    /// What is said about each place, in the same order.
    pub(crate) findings: Vec<Finding>,
    /// Errors and missing tokens in the syntax tree.
    pub(crate) errors: usize,
    /// Whether work ran out.
    pub(crate) partial: bool,
}

/// Parses and judges; `None` when the parser gives up or the tree is too tangled to walk.
pub(crate) fn study(path: &str, language: Language, source: &[u8]) -> Option<Study> {
    let tree = language.parse(source)?;
    if tree::is_tangled(tree.root_node()) {
        return None;
    }
    let (hits, partial) = hits(path, language, source, &tree);
    let compiled = query::compiled(language);
    let mut ordinals = BTreeMap::new();
    let finding = |hit: &Hit| {
        let rule = &catalog::rules()[compiled.patterns[hit.pattern].rule];
        hit.finding(rule, path, source, &mut ordinals)
    };
    let findings = hits.iter().map(finding).collect();
    Some(Study { hits, findings, errors: tree::errors(tree.root_node()), partial })
}

fn empty(path: &str, language: Language, skip: Skip) -> Review {
    Review {
        path: path.to_owned(),
        language,
        lines: 0,
        digest: String::new(),
        changed: false,
        parse_ok: false,
        skipped: Some(skip),
        findings: vec![],
    }
}

/// A place where a rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) pattern: usize,
    pub(crate) range: Range<usize>,
    /// Row and byte column of the start, row of the end, from 0.
    pub(crate) from: (usize, usize),
    pub(crate) to_row: usize,
    /// What the rule would write, and where.
    pub(crate) edit: Option<(Range<usize>, Vec<u8>)>,
}

/// Everything the rules say about a tree, in the order of the file, and whether work ran out.
pub(crate) fn hits(path: &str, language: Language, source: &[u8], tree: &Tree) -> (Vec<Hit>, bool) {
    let compiled = query::compiled(language);
    let active = active_rules(path, source);
    let root = tree.root_node();
    let mut site = Site { source, root, language, work: tree::Work::new(), met: BTreeSet::new() };
    let mut cursor = QueryCursor::new();
    cursor.set_match_limit(MATCHES_IN_FLIGHT_MAX);
    let mut steps = 0u32;
    let mut bound = |_: &tree_sitter::QueryCursorState| {
        steps += 1;
        if steps > QUERY_STEPS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = QueryCursorOptions::new().progress_callback(&mut bound);
    let mut matches = cursor.matches_with_options(&compiled.query, root, source, options);
    let mut hits: Vec<Hit> = vec![];
    while let Some(found) = matches.next() {
        let captures = Captures { pattern: found.pattern_index, nodes: found.captures() };
        if active[compiled.patterns[found.pattern_index].rule]
            && let Some(hit) = judge(compiled, &captures, path, &mut site)
        {
            hits.push(hit);
        }
        if hits.len() >= FINDINGS_MAX || site.work.is_spent() {
            break;
        }
    }
    drop(matches);
    let partial = steps > QUERY_STEPS_MAX
        || site.work.is_spent()
        || hits.len() >= FINDINGS_MAX
        || cursor.did_exceed_match_limit();
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end, hit.pattern));
    let rule = |hit: &Hit| compiled.patterns[hit.pattern].rule;
    hits.dedup_by(|b, a| a.range == b.range && rule(a) == rule(b));
    (hits, partial)
}

/// Which rules can apply to this file at all: by the words it must hold and by its path.
fn active_rules(path: &str, source: &[u8]) -> Vec<bool> {
    let test = tree::is_test_path(path);
    let holds = |word: &String| check::contains(source, word.as_bytes());
    let active = |rule: &Rule| {
        (rule.tests || !test) && (rule.words.is_empty() || rule.words.iter().any(holds))
    };
    catalog::rules().iter().map(active).collect()
}

/// A match that passes all of its rule's checks, and stands in code that was understood.
fn judge(
    compiled: &Compiled,
    captures: &Captures<'_, '_>,
    path: &str,
    site: &mut Site<'_>,
) -> Option<Hit> {
    let pattern = &compiled.patterns[captures.pattern];
    // Asked even of a match that points at nothing: it may be the first of its key.
    let holds = pattern.checks.iter().all(|check| check.holds(captures, site));
    let found = captures.node(compiled.found)?;
    if !holds || found.has_error() {
        return None;
    }
    let around = tree::ancestry(site.root, found, &mut site.work);
    if around.iter().any(Node::is_error) {
        return None;
    }
    let rule = &catalog::rules()[pattern.rule];
    if !rule.tests && tree::in_test(path, &around, site.source) {
        return None;
    }
    let edit = pattern.fix.as_ref().map(|template| {
        let place = compiled.replace.and_then(|at| captures.node(at)).unwrap_or(found);
        (place.byte_range(), fill(template, compiled, captures, site.source))
    });
    let (from, to) = (found.start_position(), found.end_position());
    Some(Hit {
        pattern: captures.pattern,
        range: found.byte_range(),
        from: (from.row, from.column),
        to_row: to.row,
        edit,
    })
}

/// A fix's text with each `{capture}` replaced by what it captured.
fn fill(
    template: &str,
    compiled: &Compiled,
    captures: &Captures<'_, '_>,
    source: &[u8],
) -> Vec<u8> {
    let mut text = vec![];
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.extend_from_slice(before.as_bytes());
        let index = compiled.query.capture_index_for_name(name);
        if let Some(node) = index.and_then(|index| captures.node(index)) {
            text.extend_from_slice(&source[node.byte_range()]);
        }
        rest = after;
    }
    text.extend_from_slice(rest.as_bytes());
    text
}

impl Hit {
    fn finding(
        &self,
        rule: &Rule,
        path: &str,
        source: &[u8],
        ordinals: &mut BTreeMap<(String, Vec<u8>), u32>,
    ) -> Finding {
        let code = &source[self.range.clone()];
        let ordinal = ordinals.entry((rule.id.clone(), code.to_vec())).or_default();
        let line_start = self.range.start - self.from.1;
        let before = String::from_utf8_lossy(&source[line_start..self.range.start]);
        let snippet = finding::snippet(source, self.range.start, self.range.end);
        let finding = Finding {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            dimension: rule.dimension,
            path: path.to_owned(),
            line: self.from.0 as u32 + 1,
            column: before.chars().count() as u32 + 1,
            end_line: self.to_row as u32 + 1,
            snippet: if rule.masked { finding::mask(&snippet) } else { snippet },
            message: rule.message.clone(),
            fix: Some(self.edit.is_some()),
            fingerprint: finding::fingerprint(&rule.id, path, code, *ordinal),
        };
        *ordinal += 1;
        finding
    }
}
