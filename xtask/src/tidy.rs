//! `cargo xtask tidy`: the checks of style alone, for the minute before a commit.

use crate::Verb;
use crate::invoke::Line;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "tidy",
    about: "Check lengths, module docs, crate arrows, links and bans (xtask/tests/tidy.rs)",
    help: "\
Usage: cargo xtask tidy

Runs only the style tests. `cargo xtask test` runs them too, with everything else.
",
    run: |_| Line::new("cargo test --quiet --locked -p xtask --test tidy").hand_over(),
};
