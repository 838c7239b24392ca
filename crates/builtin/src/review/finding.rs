//! `Finding`: one thing a reviewer would say about one place in one file.

use serde::{Deserialize, Serialize};

/// How much it matters. Ordered: `High` is the worst and sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Can be exploited, corrupts data, or is undefined behaviour.
    High,
    /// Is a bug, or costs users something they notice.
    Medium,
    /// Costs readers or a little time.
    Low,
}

/// What suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Somebody else can do what they should not.
    Security,
    /// The program does more work than it needs, or blocks others.
    Performance,
    /// The program does not do, or does not say, what its author meant.
    Maintainability,
}

/// One finding. Every text in it may come from the reviewed file or from a linter: it is data,
/// and whoever shows it escapes it (the report does).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, such as `none-comparison`, or `clippy::len_zero` from a linter.
    pub rule: String,
    /// The rule's title in a few words.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// What suffers.
    pub dimension: Dimension,
    /// Path relative to the root, with `/`.
    pub path: String,
    /// First line, counted from 1.
    pub line: u32,
    /// First column in characters, counted from 1.
    pub column: u32,
    /// Last line, counted from 1.
    pub end_line: u32,
    /// The evidence: at most [`SNIPPET_LINES_MAX`] lines of the file. Secrets are masked.
    pub snippet: String,
    /// Why it is a problem, in a sentence or two.
    pub message: String,
    /// Whether `fix` can offer a diff; `None` when nobody knows (findings of linters).
    pub fix: Option<bool>,
    /// Sixteen hex digits that stay equal when lines move: rule, path, code and ordinal.
    pub fingerprint: String,
}

/// Lines of evidence kept in a finding.
pub const SNIPPET_LINES_MAX: usize = 4;

/// Characters kept of each line of evidence.
pub const SNIPPET_COLUMNS_MAX: usize = 160;

impl Finding {
    /// The order of a report: worst first, then by place, then by rule.
    #[must_use]
    pub fn rank(&self) -> (Severity, Dimension, &str, u32, u32, &str) {
        (self.severity, self.dimension, &self.path, self.line, self.column, &self.rule)
    }
}

/// Names a finding by what it says and not by its line number. `ordinal` tells apart equal code
/// in one file: the first is 0.
pub(crate) fn fingerprint(rule: &str, path: &str, code: &[u8], ordinal: u32) -> String {
    let mut hash = blake3::Hasher::new();
    for part in [rule.as_bytes(), path.as_bytes()] {
        hash.update(part).update(&[0]);
    }
    // Re-indented or re-wrapped code is the same code.
    for word in code.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        hash.update(word).update(b" ");
    }
    hash.update(&ordinal.to_le_bytes());
    hash.finalize().to_hex()[..16].to_owned()
}

/// At most [`SNIPPET_LINES_MAX`] whole lines from the one that holds `start`, as text.
pub(crate) fn snippet(source: &[u8], start: usize, end: usize) -> String {
    let first = source[..start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let lines: Vec<String> = source[first..]
        .split(|&byte| byte == b'\n')
        .scan(first, |at, line| {
            let begins = *at;
            *at += line.len() + 1;
            (begins < end.max(start + 1)).then_some(line)
        })
        .take(SNIPPET_LINES_MAX)
        .map(clip)
        .collect();
    let indent = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let dedented: Vec<&str> = lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect();
    dedented.join("\n").trim_end().to_owned()
}

/// The evidence with everything that could be a secret replaced: each word of ten or more
/// characters keeps its first four.
pub(crate) fn mask(snippet: &str) -> String {
    let secret = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=');
    let mut masked = String::new();
    let mut rest = snippet;
    while !rest.is_empty() {
        let end = rest.find(|c| !secret(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.len() >= 10 {
            masked.push_str(&word[..4]);
            masked.push('…');
        } else {
            masked.push_str(word);
        }
        let other = after.find(secret).unwrap_or(after.len());
        masked.push_str(&after[..other]);
        rest = &after[other..];
    }
    masked
}

/// One line as text, cut at [`SNIPPET_COLUMNS_MAX`] characters.
fn clip(line: &[u8]) -> String {
    // Four bytes is the longest character, so this prefix always holds enough of them.
    let head = &line[..line.len().min(SNIPPET_COLUMNS_MAX * 4)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim_end();
    match text.char_indices().nth(SNIPPET_COLUMNS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_new_indentation_but_not_new_code() {
        let print = |code: &str, ordinal| fingerprint("r", "p", code.as_bytes(), ordinal);
        assert_eq!(print("a  ==\n None", 0), print("a == None", 0));
        assert_ne!(print("a == None", 0), print("b == None", 0));
        assert_ne!(print("a == None", 0), print("a == None", 1));
        assert_eq!(print("a", 0).len(), 16);
    }

    #[test]
    fn a_snippet_is_whole_lines_dedented_and_clipped() {
        let source = b"def f():\n    if a:\n        b\n    c\n";
        assert_eq!(snippet(source, 13, 28), "if a:\n    b");
        assert_eq!(snippet(source, 13, 14), "if a:");
        assert_eq!(snippet(b"", 0, 0), "");
        let long = "x".repeat(1_000);
        assert_eq!(snippet(long.as_bytes(), 0, 1_000).chars().count(), SNIPPET_COLUMNS_MAX + 1);
        assert_eq!(snippet(b"\xff\xfe = 1", 0, 3), "\u{fffd}\u{fffd} = 1");
    }

    #[test]
    fn a_masked_snippet_keeps_no_secret() {
        assert_eq!(mask("key = \"AKIAABCDEFGHIJKLMNOP\""), "key = \"AKIA…\"");
        assert_eq!(mask("a é b"), "a é b");
    }

    #[test]
    fn worst_first() {
        let mut order = [Severity::Low, Severity::High, Severity::Medium];
        order.sort();
        assert_eq!(order, [Severity::High, Severity::Medium, Severity::Low]);
    }
}
