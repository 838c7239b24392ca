//! Planted bugs are real: each that has a name is planted somewhere, and the simulator knows it.

use crate::ratchet::{Violation, hold};
use crate::source::Source;
use crate::tree;

const NAMES: &str = "crates/kernel/src/mutant.rs";

#[test]
fn every_named_mutant_is_planted() {
    let files = tree::rust();
    let Some(list) = files.iter().find(|source| source.path == NAMES) else { return };
    let product = |source: &&Source| {
        let ours = ["crates/kernel/src/", "crates/runtime/src/", "crates/adapters/src/"];
        ours.iter().any(|folder| source.path.starts_with(folder)) && source.path != NAMES
    };
    let planted = |name: &str| files.iter().filter(product).any(|source| plants(source, name));
    let names = variants(&list.code);
    assert!(!names.is_empty(), "{NAMES} names no mutant: its enum was not read");
    let absent = names.iter().filter(|name| !planted(name)).map(|name| {
        Violation::new(format!("{NAMES}:{name}"), 1, "no code asks whether it is planted")
    });
    hold("mutants", absent.collect());
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
