//! The page of refusals: each mistake of `tests/ui`, what the compiler says of it, and what to do.
//!
//! It is written from those files, of which `ui.rs` sees to it that the compiler really says so.
//! `UPDATE_SNAPSHOTS=1 cargo test -p majordomo-macros --test refusals` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};

/// The chapters, in the order in which one comes upon them.
const CHAPTERS: &[(&str, &[&str])] = &[
    (
        "Making a capability",
        &[
            "no_name",
            "version_zero",
            "not_async",
            "no_context",
            "only_an_input",
            "two_inputs",
            "no_result",
            "output_not_serialize",
        ],
    ),
    (
        "Making an agent with a state",
        &[
            "method_without_its_block",
            "method_takes_self",
            "serves_with_another_input",
            "state_not_send",
            "not_an_agent",
        ],
    ),
    (
        "Asking",
        &[
            "wrong_input",
            "not_a_capability",
            "not_handled",
            "not_handled_by_a_colleague",
            "ticket_of_another_type",
        ],
    ),
];

const HEAD: &str = "\
# What does not compile, and what to do

Whoever asks says by a type what is asked for, so mistakes are told when the program is compiled.
These are the ones that newcomers make: what was written, what the compiler says, and what to do.
The page is written from [the tests](../crates/macros/tests/ui) that compare every word of it with
the compiler's.
";

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")
}

fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// One mistake, taken apart.
struct Refusal {
    title: String,
    written: String,
    cure: String,
    /// What the compiler says first, and how many errors follow from the same.
    said: String,
    more: usize,
}

impl Refusal {
    fn of(name: &str) -> Refusal {
        let source = read(&ui().join(name).with_extension("rs"));
        let (title, rest) = source.split_once('\n').expect("a first line");
        let (code, cure) = rest.split_once("\n// Do: ").expect("it ends with what to do");
        let code = code.trim_start_matches("#![allow(unused_imports)]\n");
        let main = code.rfind("\nfn main() {").expect("it is a program");
        let joins = code[main..].contains("Team::"); // Then the mistake stands in there.
        let errors = read(&ui().join(name).with_extension("stderr"));
        let mut errors = errors.trim_end().split("\n\nerror");
        Refusal {
            title: title.trim_start_matches("//! ").trim_end_matches('.').to_owned(),
            written: if joins { code } else { &code[..main] }.trim_end().to_owned(),
            cure: cure
                .lines()
                .map(|line| line.trim_start_matches("// "))
                .collect::<Vec<_>>()
                .join(" "),
            said: errors.next().expect("the compiler says something").to_owned(),
            more: errors.count(),
        }
    }

    fn page(&self) -> String {
        let Refusal { title, written, cure, said, more } = self;
        let more = match more {
            0 => String::new(),
            1 => "\nOne more error follows from the same.\n".to_owned(),
            _ => format!("\n{more} more errors follow from the same.\n"),
        };
        format!(
            "\n### {title}\n\n```rust\n{written}\n```\n\n```text\n{said}\n```\n{more}\n\
             **What to do.** {cure}\n"
        )
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (chapter, names) in CHAPTERS {
        page.push_str(&format!("\n## {chapter}\n"));
        page.extend(names.iter().map(|name| Refusal::of(name).page()));
    }
    page
}

#[test]
fn the_page_is_what_the_compiler_says() {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(docs("refusals.md"), page()).unwrap();
    }
    let hint = "UPDATE_SNAPSHOTS=1 cargo test -p majordomo-macros --test refusals writes it anew";
    assert!(read(&docs("refusals.md")) == page(), "docs/refusals.md is another: {hint}");
}

#[test]
fn every_mistake_is_on_the_page() {
    let files = fs::read_dir(ui()).unwrap().map(|it| it.unwrap().path());
    let sources = files.filter(|it| it.extension().is_some_and(|it| it == "rs"));
    let mut there: Vec<String> =
        sources.map(|it| it.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let mut named: Vec<&str> = CHAPTERS.iter().flat_map(|(_, names)| *names).copied().collect();
    there.sort();
    named.sort_unstable();
    assert_eq!(named, there);
}

/// An error that repeats itself is read as several.
#[test]
fn nothing_is_said_twice() {
    for name in CHAPTERS.iter().flat_map(|(_, names)| *names) {
        let errors = read(&ui().join(name).with_extension("stderr"));
        let mut heads: Vec<&str> = errors.lines().filter(|it| it.starts_with("error")).collect();
        let all = heads.len();
        heads.sort_unstable();
        heads.dedup();
        let repeated = all - heads.len();
        // A state that is not `Send` is refused at each bound that wants it: by the compiler.
        let allowed = if *name == "state_not_send" { 3 } else { 0 };
        assert!(repeated <= allowed, "{name}: {repeated} of its errors were said before");
    }
}

/// The guide quotes the compiler: of the same program, and in its words.
#[test]
fn the_guide_quotes_the_compiler() {
    let guide = read(&docs("guide/typed-tasks.md"));
    let block = |fence: &str| {
        let after = guide.split_once(&format!("```{fence}\n")).expect(fence).1;
        after.split_once("```").expect("the block ends").0
    };
    let source = read(&ui().join("not_handled.rs"));
    assert!(source.contains(block("rust,compile_fail,E0277")), "the programs differ");
    let said = read(&ui().join("not_handled.stderr"));
    let mut said = said.lines();
    for line in block("text").lines() {
        assert!(said.any(|it| it == line), "the compiler does not say, or not here: {line}");
    }
}
