//! The shape of files: how long, how wide, what they begin with, what they are called.

use crate::ratchet::{Violation, hold};
use crate::source::Source;
use crate::tree;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// A port that does not fit on a screen is two ports.
const PORT_LINES_MAX: usize = 60;

/// "Mostly under 20": functions this long or longer are the exception, at most one in so many.
const LONGISH_LINES: usize = 20;
const LONGISH_ONE_IN: usize = 3;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "types", "util", "utils"];

/// Files that people write and read, in the languages of the project.
fn ours(source: &Source) -> bool {
    (source.is_rust() || source.path.ends_with(".py")) && !tree::is_data(&source.path)
}

#[test]
fn files_are_rooms_not_houses() {
    let files = tree::texts().into_iter().filter(ours);
    let long = files.filter_map(|source| {
        let lines = source.text.lines().count();
        let said = format!("{lines} lines; more than {FILE_LINES_MAX} is two files");
        (lines > FILE_LINES_MAX).then(|| Violation::new(source.path, lines, said))
    });
    hold("file-lines", long.collect());
}

#[test]
fn functions_fit_on_a_screen() {
    let mut found = Vec::new();
    for source in tree::rust() {
        for block in source.blocks("fn").iter().filter(|b| b.length > FUNCTION_LINES_MAX) {
            let place = format!("{}:{}", source.path, block.name);
            let said = format!("line {}: {} lines; split it", block.line, block.length);
            found.push(Violation::new(place, block.length, said));
        }
    }
    hold("function-lines", found);
}

#[test]
fn functions_are_mostly_short() {
    let files = tree::rust();
    let lengths: Vec<usize> =
        files.iter().flat_map(|source| source.blocks("fn")).map(|block| block.length).collect();
    let longish = lengths.iter().filter(|length| **length >= LONGISH_LINES).count();
    assert!(
        longish * LONGISH_ONE_IN <= lengths.len(),
        "{longish} of {} functions have {LONGISH_LINES} lines or more",
        lengths.len()
    );
}

#[test]
fn lines_end_at_the_margin() {
    let mut found = Vec::new();
    for source in tree::texts().into_iter().filter(ours) {
        for (at, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                let said = format!("line {}: {columns} columns of {COLUMNS_MAX}", at + 1);
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("columns", found);
}

#[test]
fn every_file_begins_with_its_purpose() {
    let bare = tree::rust().into_iter().filter(|source| !says_its_purpose(&source.text));
    let said = "the first line must be `//! what this file is for.`";
    hold("module-docs", bare.map(|source| Violation::new(source.path, 1, said)).collect());
}

/// Whether the file's first line is its documentation.
fn says_its_purpose(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//! ").is_some_and(|purpose| !purpose.trim().is_empty())
}

#[test]
fn names_say_something() {
    let paths = tree::paths();
    let empty = paths.iter().filter(|path| {
        let stems = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        path.ends_with(".rs") && stems.into_iter().any(|stem| EMPTY_NAMES.contains(&stem))
    });
    let said = "a module is a noun or a verb of the field";
    hold("names", empty.map(|path| Violation::new(path, 1, said)).collect());
}

#[test]
fn ports_fit_on_a_screen() {
    let mut found = Vec::new();
    let ports = |source: &Source| source.path.starts_with("crates/runtime/src/port/");
    for source in tree::rust().into_iter().filter(ports) {
        for block in source.blocks("trait").iter().filter(|b| b.length > PORT_LINES_MAX) {
            let said = format!("trait {} has {} lines", block.name, block.length);
            found.push(Violation::new(format!("{}:{}", source.path, block.name), 1, said));
        }
    }
    hold("port-lines", found);
}

#[test]
fn a_purpose_stands_first() {
    assert!(says_its_purpose("//! What the kernel decides.\n"));
    assert!(!says_its_purpose("//! \n"));
    assert!(!says_its_purpose("use std::fmt;\n//! Too late to be first.\n"));
}
