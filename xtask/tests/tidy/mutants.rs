//! Planted bugs are real: each that has a name is planted somewhere, and the simulator knows it.

use crate::ratchet::{Violation, hold};
use crate::source::Source;
use crate::tree;

#[test]
fn every_named_mutant_is_planted() {
    let files = tree::rust();
    let lists = files.iter().filter(|source| source.path.ends_with("/mutant.rs"));
    let mut absent = Vec::new();
    for list in lists {
        let names = variants(&list.code);
        assert!(!names.is_empty(), "{} names no mutant: its enum was not read", list.path);
        for name in names.iter().filter(|name| !planted(&files, list, name)) {
            let place = format!("{}:{name}", list.path);
            absent.push(Violation::new(place, 1, "no code asks whether it is planted"));
        }
    }
    hold("mutants", absent);
}

/// Whether code beside the list, in the same crate's `src`, asks for this mutant.
fn planted(files: &[Source], list: &Source, name: &str) -> bool {
    let (krate, _) = list.path.split_once("/src/").expect("lists of mutants stand in a crate");
    let product = format!("{krate}/src/");
    let beside = |file: &&Source| file.path.starts_with(&product) && file.path != list.path;
    files.iter().filter(beside).any(|file| plants(file, name))
}

/// Whether the code mentions this variant, and not only a longer name.
fn plants(source: &Source, name: &str) -> bool {
    source.code.match_indices(&format!("Mutant::{name}")).any(|(at, found)| {
        let after = source.code[at + found.len()..].chars().next();
        !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The variants of `enum Mutant`, which have no fields.
fn variants(code: &str) -> Vec<String> {
    let body = code.split("enum Mutant {").nth(1).and_then(|rest| rest.split('}').next());
    let lines = body.unwrap_or_default().lines().map(|line| line.trim().trim_end_matches(','));
    lines.filter(|line| line.starts_with(char::is_uppercase)).map(str::to_owned).collect()
}

#[test]
fn variants_are_read_from_the_enum() {
    let code = "pub enum Mutant {\n    First,\n    #[x]\n    Second,\n}\nconst ALL: u8 = 1;";
    assert_eq!(variants(code), ["First", "Second"]);
    let source = Source::new("a.rs", "if planted(Mutant::FirstOfAll) {}".to_owned());
    assert!(plants(&source, "FirstOfAll") && !plants(&source, "First"));
}
