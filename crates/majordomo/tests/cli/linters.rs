//! Linters of others in the review: who is on PATH joins, and whoever breaks costs only its own
//! section. The linters are scripts in the house, so that the tests are about us and not about
//! them.

use crate::house::House;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Says that it is ruff only when asked in the right place with the right words: one finding that
/// our rules have too, and one that they have not.
const RUFF: &str = include_str!("linters/ruff.sh");

const ESLINT: &str = include_str!("linters/eslint.sh");

const CARGO: &str = include_str!("linters/cargo.sh");

fn put(house: &House, program: &str, script: &str) {
    let file = format!(".bin/{program}");
    house.write(&file, &format!("#!/bin/sh\n{script}"));
    fs::set_permissions(house.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The report of a review that must go well, for programs and for people, and what was said.
fn reviewed(house: &House, team: &str) -> (Value, String, String) {
    let said = house.run(&["run", team, "src", "--report", "report.md"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let read = |file| fs::read_to_string(house.path(file)).unwrap();
    (serde_json::from_str(&read("report.json")).unwrap(), read("report.md"), said.err)
}

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|it| it["rule"].as_str().unwrap()).collect()
}

#[test]
fn without_any_the_review_is_ours_alone_and_says_so_in_one_line() {
    let house = House::with_sources();
    let (report, page, said) = reviewed(&house, "code-review");
    assert_eq!(rules(&report), ["same-operands", "none-comparison"]);
    assert_eq!(report["linters"], serde_json::json!([]));
    assert!(!page.contains("Linters"), "{page}");
    let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("note:")).collect();
    assert_eq!(
        notes,
        ["note: left out, as `ruff`, `semgrep` cannot be found on PATH: \
          agents `ruff`, `semgrep`, steps `ruff`, `semgrep`"]
    );
}

#[test]
fn what_linters_find_is_in_the_report_once_and_under_their_names() {
    let house = House::with_sources();
    put(&house, "ruff", RUFF);
    put(&house, "semgrep", "echo 'Traceback: it went wrong'");
    house.write("src/.semgrep.yml", "rules: []\n");
    let (report, page, said) = reviewed(&house, "code-review");
    assert_eq!(rules(&report), ["same-operands", "none-comparison", "ruff:F401"]);
    assert_eq!(report["linters"][0]["also_ours"], 1, "{report}");
    assert!(page.contains("- ruff: 2 findings, 1 of them found by our rules too"), "{page}");
    assert!(page.contains("- semgrep: nothing to show: cannot read the output"), "{page}");
    assert!(!said.contains("note:"), "{said}");
}

#[test]
fn a_linter_that_fails_or_hangs_costs_only_its_section() {
    let house = House::with_sources();
    put(&house, "semgrep", "exit 1");
    let team = house.done(&["teams", "code-review"]).replace("\"5m\"", "\"300ms\"");
    house.write("review.toml", &team);
    for (script, why) in
        [("echo 'bad configuration' >&2; exit 2", "bad configuration"), ("sleep 50", "300 ms")]
    {
        put(&house, "ruff", script);
        let (report, page, _) = reviewed(&house, "review.toml");
        assert_eq!(rules(&report), ["same-operands", "none-comparison"]);
        let note = report["linters"][0]["note"].as_str().unwrap();
        assert!(note.contains(why), "{note}");
        assert!(page.contains("- ruff: nothing to show: "), "{page}");
        let unconfigured = "semgrep: nothing to show: it was not run: the root has no .semgrep";
        assert!(page.replace('\\', "").contains(unconfigured), "{page}");
    }
}

#[test]
fn those_that_run_code_of_the_tree_join_only_in_the_team_that_says_so() {
    let house = House::with_sources();
    for (program, script) in [("eslint", ESLINT), ("cargo", CARGO), ("cargo-clippy", "exit 2")] {
        put(&house, program, script);
    }
    for (file, text) in [("a.js", "x();\n"), ("eslint.config.js", ""), ("Cargo.toml", "")] {
        house.write(&format!("src/{file}"), text);
    }
    let (report, _, _) = reviewed(&house, "code-review");
    assert_eq!(rules(&report), ["same-operands", "none-comparison"]);
    let (report, page, _) = reviewed(&house, "code-review-linters");
    assert_eq!(rules(&report), ["eslint:no-undef", "same-operands", "none-comparison"]);
    assert!(page.contains("- cargo-clippy: 1 finding, 1 of them found by our rules too"), "{page}");
}
