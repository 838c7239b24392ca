//! `cargo xtask fair`: does everybody get their share while somebody floods the pool?

use crate::Verb;
use crate::invoke::Line;
use crate::sim::{PROGRAM, passed};

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "fair",
    about: "Measure each class's and tenant's share of a flooded pool; --json for programs",
    help: "\
Usage: cargo xtask fair [--json] [--seed N]

Lets the real kernel serve a pool of ten slots in simulated time, with more than ten times as much
work waiting and one tenant who queues ten times more than the others. Prints for each class its
weight, the share it is due and the one it got, and the longest wait; then the same for each tenant.
Fails when a share is off by more than 10% of itself.
",
    run: |arguments| Line::new(PROGRAM).with(&["fair".into()]).with(passed(arguments)).hand_over(),
};
