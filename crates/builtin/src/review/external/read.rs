//! The JSON of four linters, each as the few fields that a finding needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::finding::{self, Dimension, Finding, SNIPPET_LINES_MAX, Severity};
use super::FINDINGS_MAX;

/// A finding before its path is made relative and its fingerprint computed.
pub(super) struct Draft {
    rule: String,
    title: String,
    severity: Severity,
    dimension: Dimension,
    path: String,
    from: (u32, u32),
    end_line: u32,
    snippet: String,
    message: String,
}

/// Drafts below `root`, at most [`FINDINGS_MAX`], without repetitions.
pub(super) fn findings(drafts: Vec<Draft>, root: &str) -> Vec<Finding> {
    let mut ordinals: BTreeMap<(String, String, String), u32> = BTreeMap::new();
    let mut met = BTreeSet::new();
    let mut findings: Vec<Finding> = vec![];
    for draft in drafts {
        let Some(path) = below(root, &draft.path) else { continue };
        // Cargo tells the same once per target.
        if !met.insert((draft.rule.clone(), path.clone(), draft.from)) {
            continue;
        }
        let words = format!("{}\n{}", draft.snippet, draft.message);
        let ordinal =
            ordinals.entry((draft.rule.clone(), path.clone(), words.clone())).or_default();
        let fingerprint = finding::fingerprint(&draft.rule, &path, words.as_bytes(), *ordinal);
        *ordinal += 1;
        findings.push(Finding {
            rule: draft.rule,
            title: draft.title,
            severity: draft.severity,
            dimension: draft.dimension,
            path,
            line: draft.from.0,
            column: draft.from.1,
            end_line: draft.end_line.max(draft.from.0),
            snippet: draft.snippet,
            message: draft.message,
            fix: None,
            fingerprint,
        });
        if findings.len() == FINDINGS_MAX {
            break;
        }
    }
    findings
}

/// `path` relative to `root`; `None` for what lies elsewhere.
fn below(root: &str, path: &str) -> Option<String> {
    let path = match path.strip_prefix(root.trim_end_matches('/')) {
        Some(rest) => rest.strip_prefix('/')?,
        None => path.trim_start_matches("./"),
    };
    let inside =
        !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..");
    inside.then(|| path.to_owned())
}

/// At most [`SNIPPET_LINES_MAX`] lines of what a tool shows.
fn clip(text: &str) -> String {
    finding::snippet(text.as_bytes(), 0, text.len().min(SNIPPET_LINES_MAX * 1_024))
}

/// A tool's words on one line of bounded length.
fn sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(1_000).collect()
}

fn json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct CargoLine {
    reason: String,
    message: Option<CargoMessage>,
}

#[derive(Deserialize)]
struct CargoMessage {
    code: Option<CargoCode>,
    level: String,
    message: String,
    #[serde(default)]
    spans: Vec<CargoSpan>,
}

#[derive(Deserialize)]
struct CargoCode {
    code: String,
}

#[derive(Deserialize)]
struct CargoSpan {
    file_name: String,
    line_start: u32,
    line_end: u32,
    column_start: u32,
    is_primary: bool,
    #[serde(default)]
    text: Vec<CargoText>,
}

#[derive(Deserialize)]
struct CargoText {
    text: String,
}

/// One JSON object a line, of which only compiler messages with a code and a place are findings.
pub(super) fn clippy(output: &str) -> Result<Vec<Draft>, String> {
    let mut drafts = vec![];
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        let line: CargoLine = json(line)?;
        let Some(message) = line.message.filter(|_| line.reason == "compiler-message") else {
            continue;
        };
        let CargoMessage { code: Some(code), level, message, spans } = message else { continue };
        let Some(span) = spans.into_iter().find(|span| span.is_primary) else { continue };
        let text: Vec<String> = span.text.into_iter().map(|text| text.text).collect();
        drafts.push(Draft {
            title: code.code.clone(),
            severity: if level == "error" { Severity::Medium } else { Severity::Low },
            dimension: Dimension::Maintainability,
            rule: code.code,
            path: span.file_name,
            from: (span.line_start, span.column_start),
            end_line: span.line_end,
            snippet: clip(&text.join("\n")),
            message: sentence(&message),
        });
    }
    Ok(drafts)
}

#[derive(Deserialize)]
struct RuffFinding {
    code: Option<String>,
    message: String,
    filename: String,
    location: RuffPlace,
    end_location: RuffPlace,
}

#[derive(Deserialize)]
struct RuffPlace {
    row: u32,
    column: u32,
}

/// A list of findings; one without a code is a syntax error.
pub(super) fn ruff(output: &str) -> Result<Vec<Draft>, String> {
    let found: Vec<RuffFinding> = json(output)?;
    let draft = |found: RuffFinding| {
        let code = found.code.unwrap_or_else(|| "syntax-error".to_owned());
        let security = code
            .strip_prefix('S')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        Draft {
            title: code.clone(),
            severity: if security { Severity::Medium } else { Severity::Low },
            dimension: match code.as_str() {
                _ if security => Dimension::Security,
                code if code.starts_with("PERF") => Dimension::Performance,
                _ => Dimension::Maintainability,
            },
            rule: format!("ruff:{code}"),
            path: found.filename,
            from: (found.location.row, found.location.column),
            end_line: found.end_location.row,
            snippet: String::new(),
            message: sentence(&found.message),
        }
    };
    Ok(found.into_iter().map(draft).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintFile {
    file_path: String,
    messages: Vec<EslintMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintMessage {
    rule_id: Option<String>,
    severity: u8,
    message: String,
    #[serde(default)]
    line: u32,
    #[serde(default)]
    column: u32,
    #[serde(default)]
    end_line: Option<u32>,
}

/// A list of files with their messages; one without a rule is a syntax error.
pub(super) fn eslint(output: &str) -> Result<Vec<Draft>, String> {
    let files: Vec<EslintFile> = json(output)?;
    let drafts = files.into_iter().flat_map(|file| {
        file.messages.into_iter().map(move |message| {
            let rule = message.rule_id.unwrap_or_else(|| "syntax-error".to_owned());
            Draft {
                title: rule.clone(),
                severity: if message.severity >= 2 { Severity::Medium } else { Severity::Low },
                dimension: Dimension::Maintainability,
                rule: format!("eslint:{rule}"),
                path: file.file_path.clone(),
                from: (message.line.max(1), message.column.max(1)),
                end_line: message.end_line.unwrap_or(message.line),
                snippet: String::new(),
                message: sentence(&message.message),
            }
        })
    });
    Ok(drafts.collect())
}

#[derive(Deserialize)]
struct SemgrepRun {
    results: Vec<SemgrepResult>,
}

#[derive(Deserialize)]
struct SemgrepResult {
    check_id: String,
    path: String,
    start: SemgrepPlace,
    end: SemgrepPlace,
    extra: SemgrepExtra,
}

#[derive(Deserialize)]
struct SemgrepPlace {
    line: u32,
    col: u32,
}

#[derive(Deserialize)]
struct SemgrepExtra {
    message: String,
    severity: String,
    #[serde(default)]
    lines: String,
    #[serde(default)]
    metadata: BTreeMap<String, serde_json::Value>,
}

/// One object with results.
pub(super) fn semgrep(output: &str) -> Result<Vec<Draft>, String> {
    let run: SemgrepRun = json(output)?;
    let draft = |result: SemgrepResult| {
        let category = result.extra.metadata.get("category").and_then(|value| value.as_str());
        Draft {
            title: result.check_id.rsplit('.').next().unwrap_or_default().to_owned(),
            severity: match result.extra.severity.as_str() {
                "ERROR" | "HIGH" | "CRITICAL" => Severity::High,
                "WARNING" | "MEDIUM" => Severity::Medium,
                _ => Severity::Low,
            },
            dimension: match category {
                Some("performance") => Dimension::Performance,
                Some("security") => Dimension::Security,
                _ => Dimension::Maintainability,
            },
            rule: format!("semgrep:{}", result.check_id),
            path: result.path,
            from: (result.start.line, result.start.col),
            end_line: result.end.line,
            // Without an account the tool writes this in place of the code.
            snippet: clip(result.extra.lines.trim_start_matches("requires login")),
            message: sentence(&result.extra.message),
        }
    };
    Ok(run.results.into_iter().map(draft).collect())
}
