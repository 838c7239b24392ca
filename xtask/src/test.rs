//! `cargo xtask test`: the test command. Everything that must hold for a change to enter `main`.
//!
//! Stages share what they build: clippy, the build and the tests use one profile, one feature set
//! and so one copy of every dependency, build script and macro. Only the simulator is built again,
//! in release, because thousands of worlds would take longer than that build.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::Verb;
use crate::gate::{self, Stage, Total, exit_code, here, last_line_is_the_note, simulator};
use crate::invoke::Line;
use crate::stage::{self, Outcome};
use crate::{tally, tools};

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "test",
    about: "Everything that must hold: format, lints, tests, simulator, style",
    help: "\
Usage: cargo xtask test [STAGE...]

Installs what tests need, then checks format, lints and the links of the documentation, builds, runs
unit, integration, style and documentation tests, the Python client's own, the simulator's seeds and
planted bugs, the shares of a flooded pool, and a short crash test. Parts whose code does not exist
yet are not run. Every stage runs even if one before it failed; a failure is printed with the
command that reproduces it. The last line counts tests.

Nothing in the tree is written to. Name stages to run only those:
  tools format clippy docs build tests python sim mutants fair crash tree
",
    run,
};

const CLIPPY: &str =
    "cargo clippy --locked --workspace --all-targets --all-features -- -D warnings";
/// With every warning an error: a link that leads nowhere, above all.
const DOCS: &str = "env RUSTDOCFLAGS=-Dwarnings \
                    cargo doc --locked --workspace --all-features --no-deps";
const BUILD: &str = "cargo test --locked --workspace --all-features --no-run";
const TESTS: &str = "cargo test --locked --workspace --all-features --no-fail-fast";
const PYTHON_TESTS: &str = "clients/python/test_majordomo.py";

/// The worlds that every change must survive.
const SEEDS: &str = "--from 0 --seeds 2000";

/// How often a run is killed in the short crash test.
const KILLS: &str = "--debug --files 300 --kills 5";

const STAGES: &[Stage] = &[
    Stage { name: "tools", run: tools },
    Stage { name: "format", run: |name| exit_code(name, &Line::new("cargo fmt --all --check")) },
    Stage { name: "clippy", run: |name| exit_code(name, &Line::new(CLIPPY)) },
    Stage { name: "docs", run: |name| exit_code(name, &Line::new(DOCS)) },
    Stage { name: "build", run: |name| exit_code(name, &Line::new(BUILD)) },
    Stage { name: "tests", run: rust_tests },
    Stage { name: "python", run: python_tests },
    Stage { name: "sim", run: |name| simulator(name, &format!("run {SEEDS}")) },
    Stage { name: "mutants", run: |name| simulator(name, "mutants") },
    Stage { name: "fair", run: |name| simulator(name, "fair") },
    Stage { name: "crash", run: crash },
];

/// The stage that compares the tree with what it was; it has no command of its own.
const TREE: &str = "tree";

fn run(wanted: &[String]) -> Result<ExitCode> {
    gate::knows(STAGES, &[TREE], wanted, VERB.name)?;
    let before = tree_status()?;
    let mut total = Total::default();
    gate::run(STAGES, wanted, &mut total)?;
    if gate::wants(wanted, TREE) {
        total.add(TREE, Instant::now(), &tree_is(&before, &tree_status()?));
    }
    Ok(total.told())
}

fn tools(_: &'static str) -> Result<Option<Outcome>> {
    let (tally, note) = tools::provide()?;
    if tally.failed == 0 {
        return Ok(Some(Outcome::fine(note)));
    }
    let said = note.lines().map(str::to_owned).collect();
    Ok(Some(Outcome::failed(said, &tools::by_hand())))
}

fn rust_tests(name: &'static str) -> Result<Option<Outcome>> {
    let line = Line::new(TESTS);
    let output = stage::run(name, &line)?;
    let mut tally = tally::of_rust(&output.lines);
    if output.status.success() && tally.passed > 0 {
        return Ok(Some(Outcome { tally, ..Outcome::fine(passed(tally, &output.lines)) }));
    }
    // A program that crashed, or did not compile, has no result line to be counted.
    tally.failed = tally.failed.max(1);
    let reasons = tally::reasons(&output.lines);
    let said = if reasons.is_empty() { output.tail() } else { reasons };
    let mut again = tally::again(&output.lines);
    if again.is_empty() {
        again.push(line.to_string());
    }
    Ok(Some(Outcome { tally, note: tally.to_string(), said, again }))
}

/// How many passed, and of each that did not look, why.
fn passed(tally: tally::Tally, lines: &[String]) -> String {
    match tally.skipped {
        0 => format!("{} passed", tally.passed),
        count => {
            let why = tally::skipped(lines).join("; ");
            format!("{} passed, {count} SKIPPED: {why}", tally.passed)
        }
    }
}

fn python_tests(name: &'static str) -> Result<Option<Outcome>> {
    if !here(PYTHON_TESTS)? {
        return Ok(None);
    }
    let line = Line::new("python3").with(&[PYTHON_TESTS.to_owned()]);
    let output = stage::run(name, &line)?;
    let mut tally = tally::of_python(&output.lines);
    if output.status.success() && tally.passed > 0 {
        let note = format!("{} passed", tally.passed);
        return Ok(Some(Outcome { tally, ..Outcome::fine(note) }));
    }
    tally.failed = tally.failed.max(1);
    Ok(Some(Outcome { tally, note: tally.to_string(), ..Outcome::failed(output.tail(), &line) }))
}

fn crash(name: &'static str) -> Result<Option<Outcome>> {
    if crate::find("crash").is_none() {
        return Ok(None);
    }
    last_line_is_the_note(name, &Line::new(&format!("cargo xtask crash {KILLS}")))
}

/// What git says of the working tree.
fn tree_status() -> Result<Vec<String>> {
    let line = Line::new("git status --porcelain --untracked-files=all");
    let output = line.command()?.output().context("git cannot be started; the tests need it")?;
    anyhow::ensure!(output.status.success(), "`{line}` failed; tests run in a git checkout");
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The judgement on the tree: it must be what it was.
fn tree_is(before: &[String], after: &[String]) -> Outcome {
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    let changed: Vec<String> = gone.chain(new).collect();
    if changed.is_empty() {
        return Outcome::fine("the tests wrote nothing into the tree");
    }
    Outcome::failed(changed, &Line::new("git status --porcelain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_tree_is_a_failure_that_names_the_file() {
        let before = ["?? mine".to_owned()];
        assert_eq!(tree_is(&before, &before).tally.failed, 0);
        let after = ["?? mine".to_owned(), " M Cargo.lock".to_owned()];
        let outcome = tree_is(&before, &after);
        assert_eq!(outcome.tally.failed, 1);
        assert_eq!(outcome.said, ["+  M Cargo.lock"]);
        assert_eq!(tree_is(&after, &before).said, ["-  M Cargo.lock"]);
    }

    #[test]
    fn the_help_names_every_stage() {
        let all = STAGES.iter().map(|stage| stage.name).chain([TREE]);
        let last = VERB.help.lines().last().unwrap();
        assert_eq!(last.split_whitespace().collect::<Vec<_>>(), all.collect::<Vec<_>>());
    }
}
