//! What linters print, as they document it, and what becomes of it.
#![cfg(feature = "review")]
#![allow(clippy::unwrap_used, reason = "a test says so by stopping")]

use majordomo_builtin::review::external::{Error, Linter};
use majordomo_builtin::review::{Dimension, Severity};

const CLIPPY: &str = include_str!("fixtures/clippy.jsonl");
const RUFF: &str = include_str!("fixtures/ruff.json");
const ESLINT: &str = include_str!("fixtures/eslint.json");
const SEMGREP: &str = include_str!("fixtures/semgrep.json");

#[test]
fn clippy_is_read_line_by_line_and_said_once() {
    let found = Linter::Clippy.read("/w", CLIPPY).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].rule.as_str(), found[0].line, found[0].column),
        ("clippy::len_zero", 3, 8)
    );
    assert_eq!(found[0].snippet, "if a.len() == 0 {");
    assert_eq!(found[0].path, "src/a.rs");
}

#[test]
fn ruff_is_read_and_what_lies_elsewhere_dropped() {
    let found = Linter::Ruff.read("/w/", RUFF).unwrap();
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["ruff:S602", "ruff:syntax-error"]);
    assert_eq!(found[0].path, "a/b.py");
    assert_eq!(found[0].dimension, Dimension::Security);
    assert_eq!(found[0].message, "`subprocess` call with `shell=True`");
}

#[test]
fn eslint_and_semgrep_are_read() {
    let found = Linter::Eslint.read("/w", ESLINT).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].rule.as_str(), found[0].severity), ("eslint:no-undef", Severity::Medium));
    assert_eq!(found[1].line, 1);

    let found = Linter::Semgrep.read("/w", SEMGREP).unwrap();
    assert_eq!(
        (found[0].rule.as_str(), found[0].title.as_str()),
        ("semgrep:rules.no-eval", "no-eval")
    );
    assert_eq!((found[0].severity, found[0].dimension), (Severity::High, Dimension::Security));
    assert_eq!(found[0].snippet, "eval(x)");
}

#[test]
fn malformed_output_is_an_error_that_names_the_tool() {
    let samples = ["", "{", "null", "[{}]", "\u{0}", "[1]", "{\"results\":[{}]}", "Traceback: …"];
    for linter in Linter::ALL {
        let mut refused = 0;
        for sample in samples {
            match linter.read("/w", sample) {
                Err(Error::Malformed { tool, .. }) => {
                    assert_eq!(tool, linter.program());
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
                Ok(found) => assert!(found.is_empty()),
            }
        }
        assert!(refused >= samples.len() - 2, "{linter:?} accepted {}", samples.len() - refused);
        // Cut off anywhere, a list is refused or shorter, and never a panic.
        for cut in 0..CLIPPY.len() {
            let _ = linter.read("/w", CLIPPY.get(..cut).unwrap_or(""));
        }
    }
}
