//! The rules' own files against the rules: every marked line is found, nothing else is.
#![cfg(feature = "review")]
#![allow(clippy::unwrap_used, reason = "a test says so by stopping")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use majordomo_builtin::review::{Language, Review, page, review_source, rules};

fn folder(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(id)
}

/// The rule's files that start with `kind`, with their content.
fn files(id: &str, kind: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(id))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(kind))
        .collect();
    files.sort();
    let read = |name: String| {
        let text = std::fs::read_to_string(folder(id).join(&name)).unwrap();
        (name, text)
    };
    files.into_iter().map(read).collect()
}

fn reviewed(name: &str, text: &str) -> Review {
    let language = Language::of(Path::new(name)).unwrap();
    let review = review_source(&format!("src/{name}"), language, text.as_bytes());
    assert!(review.parse_ok, "{name} does not parse: {text}");
    review
}

fn lines_of(review: &Review, rule: &str) -> BTreeSet<u32> {
    review.findings.iter().filter(|f| f.rule == rule).map(|f| f.line).collect()
}

/// Lines that say `expect: rule`, and lines below one that says `expect-below: rule`.
fn marked(text: &str, rule: &str) -> BTreeSet<u32> {
    let (here, below) = (format!("expect: {rule}"), format!("expect-below: {rule}"));
    let mark = |(n, line): (u32, &str)| match line {
        line if line.contains(&here) => Some(n),
        line if line.contains(&below) => Some(n + 1),
        _ => None,
    };
    (1..).zip(text.lines()).filter_map(mark).collect()
}

#[test]
fn every_marked_line_is_found_and_no_other() {
    let mut wrong = vec![];
    for rule in rules() {
        for (name, text) in files(&rule.id, "bad.") {
            let expected = marked(&text, &rule.id);
            assert!(!expected.is_empty(), "{}/{name} expects nothing", rule.id);
            let found = lines_of(&reviewed(&name, &text), &rule.id);
            if found != expected {
                wrong.push(format!("{}/{name}: found {found:?}, expected {expected:?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_are_silent() {
    let mut wrong = vec![];
    for rule in rules() {
        for (name, text) in files(&rule.id, "good.") {
            let found = lines_of(&reviewed(&name, &text), &rule.id);
            if !found.is_empty() {
                wrong.push(format!("{}/{name}: {found:?}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_in_the_program_is_the_folders_on_disk() {
    let on_disk: BTreeSet<String> = std::fs::read_dir(folder(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let in_program: BTreeSet<String> = rules().iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(on_disk, in_program);
    for rule in rules() {
        for (language, extension) in
            [("rust", "rs"), ("python", "py"), ("javascript", "js"), ("typescript", "ts")]
        {
            let speaks = rule.languages.iter().any(|name| name == language);
            for name in
                [format!("{language}.scm"), format!("bad.{extension}"), format!("good.{extension}")]
            {
                assert_eq!(folder(&rule.id).join(&name).exists(), speaks, "{}/{name}", rule.id);
            }
        }
    }
}

#[test]
fn every_page_says_why_shows_an_example_and_a_fix() {
    for rule in rules() {
        let page = page(&rule.id).unwrap();
        assert!(page.starts_with(&format!("# {}\n", rule.id)), "{}", rule.id);
        for heading in ["## Why", "## Example", "## Fix"] {
            assert!(page.contains(heading), "{} has no {heading}", rule.id);
        }
    }
    assert_eq!(page("no-such-rule"), None);
}

#[test]
fn nothing_is_said_about_tests_unless_the_rule_wants_to() {
    for rule in rules().iter().filter(|rule| !rule.tests) {
        for (name, text) in files(&rule.id, "bad.") {
            let language = Language::of(Path::new(&name)).unwrap();
            let review = review_source(&format!("tests/{name}"), language, text.as_bytes());
            assert_eq!(lines_of(&review, &rule.id), BTreeSet::new(), "{}/{name}", rule.id);
        }
    }
}

#[test]
fn a_secret_is_never_repeated() {
    for (name, text) in files("hard-coded-secret", "bad.") {
        let review = serde_json::to_string(&reviewed(&name, &text)).unwrap();
        for secret in ["AKIAQ3EGRZ7PLM2WTDVB", "ghp_a8Fk2L", "MIIEowIB"] {
            assert!(!review.contains(secret), "{name} repeats {secret}");
        }
    }
}

/// What the page says of the linters of others.
const LINTERS: &str = include_str!("fixtures/linters.md");

/// `docs/rules.md` as the data says it; `UPDATE_SNAPSHOTS=1 cargo test` writes it anew.
#[test]
fn the_index_of_the_rules_is_the_data() {
    let mut index = String::from(
        "# The rules of the code review\n\n\
         Written from `crates/builtin/rules/` by a test; each name leads to its page. A fix that\n\
         is `offered` comes as a diff which was tried: it parses and removes the finding.\n\n\
         | rule | what it finds | severity | dimension | languages | fix |\n\
         |---|---|---|---|---|---|\n",
    );
    for rule in rules() {
        let queries = |language: &String| {
            std::fs::read_to_string(folder(&rule.id).join(format!("{language}.scm"))).unwrap()
        };
        let offered = rule.languages.iter().map(queries).any(|query| query.contains("#set! fix"));
        let lower = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
        index += &format!(
            "| [{id}](../crates/builtin/rules/{id}/doc.md) | {} | {} | {} | {} | {} |\n",
            rule.title,
            lower(&rule.severity),
            lower(&rule.dimension),
            rule.languages.join(", "),
            if offered { "offered" } else { "by hand" },
            id = rule.id,
        );
    }
    index += "\n";
    index += LINTERS;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &index).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        index,
        "write it anew with UPDATE_SNAPSHOTS=1"
    );
}
