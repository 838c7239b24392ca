//! `lint`: what linters printed → findings, and a note where there are none to read.
//!
//! A linter is a foreign program: it may fail, be stopped, or print something else than it
//! documents. None of that is a reason to lose the rest of a review, so each of them gets an answer
//! of its own and this function never fails.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::external::Linter;
use super::finding::Finding;

/// What was printed, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintInput {
    /// The directory in which the linters ran.
    pub root: String,
    /// By linter: its standard output as a text; `{ failed: why }` if it did not end well; null if
    /// it was not asked.
    pub printed: BTreeMap<Linter, Value>,
}

/// What one linter had to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lint {
    /// Which.
    pub tool: Linter,
    /// In the tool's order.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Why its findings are not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Characters kept of why a linter failed: enough for its last words.
const NOTE_CHARS_MAX: usize = 500;

/// Reads what each linter printed, in the linters' order.
#[must_use]
pub fn lint(input: &LintInput) -> Vec<Lint> {
    let asked = input.printed.iter().filter(|(_, printed)| !printed.is_null());
    asked.map(|(tool, printed)| read(*tool, &input.root, printed)).collect()
}

fn read(tool: Linter, root: &str, printed: &Value) -> Lint {
    let read = match printed {
        Value::String(text) if text.trim().is_empty() => Err(silent(tool, root)),
        Value::String(text) => tool.read(root, text).map_err(|error| error.to_string()),
        other => Err(other["failed"].as_str().unwrap_or("it gave no text").to_owned()),
    };
    match read {
        Ok(findings) => Lint { tool, findings, note: None },
        Err(why) => Lint { tool, findings: Vec::new(), note: Some(clip(&why, NOTE_CHARS_MAX)) },
    }
}

/// Every linter of ours prints something, be it an empty list, once it has looked.
fn silent(tool: Linter, root: &str) -> String {
    let needed = tool.needs_one_of();
    if needed.is_empty() || needed.iter().any(|name| Path::new(root).join(name).is_file()) {
        return "it printed nothing; run it by hand to see why".to_owned();
    }
    format!("it was not run: the root has no {}", needed.join(" or "))
}

/// Its first characters, so many.
pub(crate) fn clip(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RUFF: &str = include_str!("../../tests/fixtures/ruff.json");

    fn said(printed: Value) -> Vec<Lint> {
        let input = json!({ "root": "/w", "printed": printed });
        lint(&serde_json::from_value(input).unwrap())
    }

    #[test]
    fn each_linter_gets_an_answer_of_its_own() {
        let said = said(json!({
            "ruff": RUFF,
            "eslint": "Oops",
            "clippy": null,
            "semgrep": { "failed": "agent `semgrep`: it worked for 300s" },
        }));
        let tools: Vec<Linter> = said.iter().map(|lint| lint.tool).collect();
        assert_eq!(tools, [Linter::Ruff, Linter::Eslint, Linter::Semgrep]);
        assert_eq!((said[0].findings.len(), &said[0].note), (2, &None));
        let notes: Vec<&str> = said[1..].iter().filter_map(|lint| lint.note.as_deref()).collect();
        assert!(notes[0].starts_with("cannot read the output of eslint"), "{notes:?}");
        assert_eq!(notes[1], "agent `semgrep`: it worked for 300s");
        assert!(said[1..].iter().all(|lint| lint.findings.is_empty()));
    }

    #[test]
    fn silence_and_strange_values_are_notes() {
        let said = said(json!({ "clippy": "\n", "ruff": "", "eslint": [1], "semgrep": "" }));
        let notes: Vec<&str> = said.iter().filter_map(|lint| lint.note.as_deref()).collect();
        assert_eq!(notes[0], "it was not run: the root has no Cargo.toml");
        assert_eq!(notes[1], "it printed nothing; run it by hand to see why");
        assert_eq!(notes[2], "it gave no text");
        assert_eq!(notes[3], "it was not run: the root has no .semgrep.yml");
        let long = "ä".repeat(10_000);
        let said = self::said(json!({ "ruff": { "failed": long } }));
        assert_eq!(said[0].note.as_ref().unwrap().chars().count(), NOTE_CHARS_MAX + 1);
    }
}
