//! `cargo xtask precision`: is the reviewer right about other people's code?

use crate::Verb;
use crate::invoke::Line;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "precision",
    about: "Review pinned packages and count how many sampled findings are true",
    help: "\
Usage: cargo xtask precision [--missing]

Fetches the packages of rules/packages.toml with cargo, pip and npm into target/precision,
reviews them, draws a seeded sample and looks each finding up in rules/verdicts.toml.
Fails when a package cannot be had, a verdict is missing, or fewer than 27 of 30 are true.
--missing also prints the evidence of findings that wait for a verdict.
",
    run: |arguments| {
        // An example of the crate, so that the chores themselves build without grammars.
        let words = "cargo run --quiet --release -p majordomo-builtin --example precision --";
        Line::new(words).with(arguments).hand_over()
    },
};
