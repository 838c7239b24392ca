//! `cargo xtask storm`: what becomes of many agents at a model that takes few calls?

use crate::Verb;
use crate::invoke::Line;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "storm",
    about: "Let 50 agents call a model that takes 60 calls a minute",
    help: "\
Usage: cargo xtask storm

Gives 300 tasks to 50 agents whose model takes 60 calls in any minute and refuses more, in driven
time. Prints how many tasks were done, which part of the calls was refused and how many tasks died:
without the governor of rates, with a rate that it has to learn, and with one that it was told.
Fails unless the last is `done 100 %`, less than 5 % wasted, and nobody dead.
",
    run: |arguments| {
        // An example of the crate, so that the chores themselves build without the runtime.
        let words = "cargo run --quiet --release -p majordomo --example storm --";
        Line::new(words).with(arguments).hand_over()
    },
};
