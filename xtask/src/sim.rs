//! `cargo xtask sim`: runs worlds of the simulator, in release.

use crate::Verb;
use crate::invoke::Line;

/// How every chore starts the simulator.
pub(crate) const PROGRAM: &str = "cargo run --quiet --release --locked -p majordomo-sim --";

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "sim",
    about: "Run worlds of the simulator; a red one prints the line that reproduces it",
    help: "\
Usage: cargo xtask sim --seed N
       cargo xtask sim --from F --seeds N

Passes its arguments to the simulator's `run`. For everything it takes: cargo xtask sim -- --help
",
    run: |arguments| Line::new(PROGRAM).with(&["run".into()]).with(passed(arguments)).hand_over(),
};

/// The arguments without a leading `--`, which only keeps us from reading them.
pub(crate) fn passed(arguments: &[String]) -> &[String] {
    match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_separator_is_dropped() {
        let words: Vec<String> = ["--", "--seed", "7", "--"].map(String::from).to_vec();
        assert_eq!(passed(&words), &words[1..]);
        assert_eq!(passed(&words[1..]), &words[1..]);
    }
}
