//! `cargo xtask mutants`: plants every known bug and sees that its check catches it.

use crate::Verb;
use crate::invoke::Line;
use crate::sim::{PROGRAM, passed};

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "mutants",
    about: "Plant every known bug; each must be caught, and the clean control must be green",
    help: "\
Usage: cargo xtask mutants

Prints each planted bug, the check that caught it, the seeds that took, and the clean control.
Fails when one survives. For everything it takes: cargo xtask mutants -- --help
",
    run: |arguments| {
        Line::new(PROGRAM).with(&["mutants".into()]).with(passed(arguments)).hand_over()
    },
};
