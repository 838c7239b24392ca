//! What linters print, as they document it, and what becomes of it.
#![cfg(feature = "review")]
#![allow(clippy::unwrap_used, reason = "a test says so by stopping")]

use majordomo_builtin::review::external::{Error, Linter};
use majordomo_builtin::review::{
    Dimension, Language, Lint, ReportInput, Severity, report, review_source,
};

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

/// A line of which our rule and ruff say the same, and one more that only ruff speaks about.
#[test]
fn what_our_rules_say_too_is_said_once_and_the_rest_bears_its_tools_name() {
    let ours = review_source(
        "a.py",
        Language::Python,
        b"def f(x):\n    if x == None:\n        return 1\n",
    );
    assert_eq!(ours.findings[0].line, 2);
    let place = |code: &str, row: u32| {
        format!(
            r#"{{"code":"{code}","message":"m","filename":"/w/a.py",
                "location":{{"row":{row},"column":1}},"end_location":{{"row":{row},"column":2}}}}"#
        )
    };
    let printed = [place("E711", 2), place("E711", 3), place("E501", 2)].join(",");
    let findings = Linter::Ruff.read("/w", &format!("[{printed}]")).unwrap();
    let ruff = Lint { tool: Linter::Ruff, findings, note: None };
    let note = Some("it *failed*".to_owned());
    let clippy = Lint { tool: Linter::Clippy, findings: vec![], note };
    let input =
        ReportInput { reviews: vec![ours], linters: vec![ruff, clippy], ..ReportInput::default() };
    let report = report(&input);
    let found = report.json["findings"].as_array().unwrap();
    let rules: Vec<&str> = found.iter().map(|it| it["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["ruff:E501", "none-comparison", "ruff:E711"]);
    assert_eq!(report.json["linters"][0]["also_ours"], 1);
    let section = report.markdown.split("## Linters\n\n").nth(1).unwrap();
    assert_eq!(
        section.trim_end(),
        "- ruff: 3 findings, 1 of them found by our rules too\n\
         - cargo-clippy: nothing to show: it \\*failed\\*"
    );
}

/// Names that no reader gives would never be met.
#[test]
fn our_rules_name_the_rules_of_linters_as_findings_do() {
    let mut named = 0;
    for name in majordomo_builtin::review::rules().iter().flat_map(|rule| &rule.also) {
        let known = ["ruff:", "eslint:", "clippy::", "invalid_"];
        assert!(known.iter().any(|tool| name.starts_with(tool)), "{name}");
        named += 1;
    }
    assert!(named > 0);
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
