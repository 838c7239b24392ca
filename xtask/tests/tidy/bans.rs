//! Text that may not stand in the tree, each with the reason why.

use crate::ratchet::{Violation, hold};
use crate::source::Source;
use crate::tree;

/// In Rust, outside comments and literals.
const IN_CODE: &[(&str, &str)] = &[
    ("unbounded_channel", "every queue has a limit (P10); use a bounded one"),
    ("#[ignore", "a test that does not run tells nothing; make it fast or delete it"),
    ("todo!(", "what is not written yet is not called done"),
    ("unimplemented!(", "what is not written yet is not called done"),
    ("dbg!(", "left over from a search for a bug"),
];

/// A `_ =>` in the kernel carries one of these on its line or the line above, followed by the
/// reason.
const OPEN_SET: &str = "// tidy: open set, ";

#[test]
fn banned_code_does_not_come_back() {
    let mut found = Vec::new();
    for source in tree::rust() {
        for (banned, why) in IN_CODE {
            for line in source.lines_with(banned) {
                let said = format!("line {line}: `{banned}`: {why}");
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("bans", found);
}

/// `majordomo tasks | head` closes the pipe before everything is said; std's macros panic then.
#[test]
fn the_program_does_not_panic_at_a_closed_pipe() {
    let mut found = Vec::new();
    let program = |source: &Source| source.path.starts_with("crates/majordomo/src/");
    for source in tree::rust().into_iter().filter(program) {
        for (at, line) in source.code.lines().enumerate() {
            let macros = ["println!(", "print!("];
            let ours = line.replace("anstream::e", "").replace("anstream::", "");
            let std = macros.iter().any(|name| line.contains(name) && ours.len() == line.len());
            if std {
                let said = format!("line {}: use the macro of anstream", at + 1);
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("closed-pipe", found);
}

#[test]
fn examples_in_docs_are_compiled() {
    let mut found = Vec::new();
    for source in tree::rust() {
        for (at, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            if doc.is_some_and(|doc| doc.trim_start().starts_with("```ignore")) {
                let said = format!("line {}: use `no_run`, `text` or `toml`", at + 1);
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("doc-ignore", found);
}

/// What is public has docs; where the names are the docs, it says so.
#[test]
fn public_things_without_docs_say_why() {
    let mut found = Vec::new();
    let ours = |source: &Source| source.path.starts_with("crates/");
    for source in tree::rust().into_iter().filter(ours) {
        for (at, line) in source.text.lines().enumerate() {
            let allowed = line.trim_start().strip_prefix("#[allow(missing_docs)]");
            if allowed.is_some_and(|rest| !rest.contains("// ")) {
                let said = format!("line {}: `missing_docs` is allowed without a reason", at + 1);
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("missing-docs", found);
}

#[test]
fn matches_in_the_kernel_name_every_case() {
    let kernel = |source: &Source| source.path.starts_with("crates/kernel/src/");
    let mut found = Vec::new();
    for source in tree::rust().into_iter().filter(kernel) {
        for line in catch_alls(&source) {
            let said = format!(
                "line {line}: name the cases, or, where they cannot be named (numbers, text), \
                 say why: `{OPEN_SET}because …`"
            );
            found.push(Violation::new(&source.path, 1, said));
        }
    }
    hold("catch-all", found);
}

/// The lines with an arm that takes whatever is left, without a reason.
fn catch_alls(source: &Source) -> Vec<usize> {
    let text: Vec<&str> = source.text.lines().collect();
    let excused = |at: usize| {
        text[at].contains(OPEN_SET) || at > 0 && text[at - 1].trim_start().starts_with(OPEN_SET)
    };
    let arms = source.code.lines().enumerate().filter(|(at, line)| {
        let pattern = line.split("=>").next().unwrap_or_default();
        let pattern = pattern.split(" if ").next().unwrap_or_default();
        let last = pattern.rsplit(['|', '{', ',']).next().unwrap_or_default().trim();
        line.contains("=>") && last == "_" && !excused(*at)
    });
    arms.map(|(at, _)| at + 1).collect()
}

/// Paths that only one machine has: this checkout's, its owner's home, and homes in general.
fn machine_paths() -> Vec<String> {
    let mut prefixes: Vec<String> = ["home", "root", "Users"].map(|dir| format!("/{dir}/")).into();
    prefixes.push(tree::root().display().to_string());
    prefixes.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1));
    prefixes
}

#[test]
fn no_path_of_a_developers_machine_is_in_the_tree() {
    let prefixes = machine_paths();
    let mut found = Vec::new();
    for source in tree::texts() {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(prefix) = prefixes.iter().find(|prefix| stands_alone(line, prefix)) {
                let said = format!("line {}: `{prefix}` is on one machine only", at + 1);
                found.push(Violation::new(&source.path, 1, said));
            }
        }
    }
    hold("machine-paths", found);
}

/// Whether the line has this path as a path of its own, not somewhere inside a longer one.
fn stands_alone(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + prefix.len()..].chars().next();
        let inside = |c: char| c.is_alphanumeric() || "._-/*".contains(c);
        let ended = prefix.ends_with('/') || !after.is_some_and(|c| c.is_alphanumeric());
        !before.is_some_and(inside) && ended
    })
}

#[test]
fn catch_alls_are_seen_in_every_dress() {
    let code = "match a {\n    1 => 2,\n    _ => 3,\n    A | _ if b => 4,\n    _other => 5,\n    \
                // tidy: open set, because numbers do not end\n    _ => 6,\n    A(_) => 7,\n}\n";
    assert_eq!(catch_alls(&Source::new("a.rs", code.to_owned())), [3, 4]);
    let inline = Source::new("a.rs", "let a = match b { A => 1, _ => 2 };\n".to_owned());
    assert_eq!(catch_alls(&inline), Vec::<usize>::new(), "rustfmt breaks such lines up");
}

#[test]
fn a_machine_path_is_told_from_a_longer_one() {
    let home = format!("/{}/", "root");
    assert!(stands_alone(&format!("see {home}notes"), &home));
    assert!(!stands_alone(&format!("tests{home}notes"), &home));
}
