//! What `check` says of bad team files: each `team_bad/*.toml` and, beside it, exactly what is
//! printed.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p majordomo --test team_check` writes the `.txt` files anew;
//! read the difference before you keep it.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use majordomo::team::check::Surroundings;
use majordomo::team::problem::Code;
use majordomo::team::{self, Reading};

/// Codes that no file has by itself.
const AT_RUN_TIME: [Code; 4] =
    [Code::Undefined, Code::OutOfFuel, Code::WrongType, Code::DuplicateKey];

/// A machine with three programs, so that the snapshots say the same everywhere.
struct ThreePrograms;

impl Surroundings for ThreePrograms {
    fn has_program(&self, program: &str) -> bool {
        ["python3", "wc", "sh"].contains(&program)
    }

    fn text(&self, file: &Path) -> Option<Result<String, String>> {
        Some(match file.to_str() {
            Some("critic.md") => Ok("You review code.\nBegin with {{ name }}.".to_owned()),
            _ => Err("there is no such file".to_owned()),
        })
    }
}

fn read(path: &Path) -> Reading {
    let name = path.file_name().unwrap().to_str().unwrap();
    team::read(name, &fs::read_to_string(path).unwrap(), &ThreePrograms)
}

fn bad_files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/team_bad");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(files.len() > 10, "the bad files are there");
    files
}

#[test]
fn every_bad_file_is_told_exactly_so() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    for path in bad_files() {
        let said = read(&path).render(false);
        let snapshot = path.with_extension("txt");
        if update {
            fs::write(&snapshot, &said).unwrap();
        }
        let wanted = fs::read_to_string(&snapshot).unwrap_or_default();
        assert_eq!(said, wanted, "\n{}:\n{said}", path.display());
    }
}

/// Codes that a file can have, all but those of a run, are each shown by one of the bad files.
#[test]
fn every_code_is_shown_by_a_bad_file() {
    let mut seen = BTreeSet::new();
    for path in bad_files() {
        seen.extend(read(&path).problems.iter().map(|problem| problem.code));
    }
    for code in Code::ALL.iter().filter(|code| !AT_RUN_TIME.contains(code)) {
        assert!(seen.contains(code), "no file in tests/team_bad shows {}", code.as_str());
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in Code::ALL {
        let page = fs::read_to_string(docs.join(format!("{}.md", code.as_str())));
        let page = page.unwrap_or_else(|_| panic!("docs/errors/{}.md is missing", code.as_str()));
        assert!(page.starts_with(&format!("# {}\n", code.as_str())), "{}", code.as_str());
        for part in ["## What it means", "## Example", "## What to do"] {
            assert!(page.contains(part), "docs/errors/{}.md has no `{part}`", code.as_str());
        }
        let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let reading = team::read("example.toml", example, &ThreePrograms);
        let said: BTreeSet<_> = reading.problems.iter().map(|problem| problem.code).collect();
        if !AT_RUN_TIME.contains(code) {
            assert_eq!(said, BTreeSet::from([*code]), "{}", reading.render(false));
        }
    }
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for entry in fs::read_dir(docs).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(code) = name.strip_suffix(".md").filter(|name| name.starts_with("team-")) else {
            continue;
        };
        assert!(codes.contains(code), "docs/errors/{name} explains nothing");
    }
}

#[test]
fn machines_get_the_same_with_line_and_column() {
    let text = "[agents]\nlead = { kind = \"builtin\", use = \"laed\" }\n";
    let reading = team::read("t.toml", text, &ThreePrograms);
    let lines = serde_json::to_string(&reading.lines()).unwrap();
    assert_eq!(
        lines,
        "[{\"code\":\"team-unknown-builtin\",\"severity\":\"error\",\
         \"message\":\"there is no builtin `laed`\",\"file\":\"t.toml\",\"line\":2,\"column\":34,\
         \"suggestion\":\"did you mean `lead`?\"}]"
    );
}

#[test]
fn colour_is_added_only_when_asked_for_and_control_characters_never_pass() {
    let text = "[agents.\"\\u001b[31mred\"]\nkind = \"buil\\u202etin\"\n[steps]\n\
                \"sur\\u001bvey\" = { ask = \"a\" }\nb = { ask = \"a\", needs = [\"survey\"] }\n";
    let reading = team::read("t.toml", text, &ThreePrograms);
    assert!(!reading.render(false).contains(['\u{1b}', '\u{202e}']), "{}", reading.render(false));
    assert!(reading.render(true).contains("\u{1b}["));
    assert!(!reading.render(true).contains("\u{1b}[31mred"));
    assert!(reading.render(true).contains("did you mean `sur\u{fffd}vey`"));
}
