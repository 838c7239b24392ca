//! The project's own chores: `cargo xtask VERB`. One verb per file; this file only finds it.
//!
//! To add a verb, write `src/VERB.rs` with a `pub(crate) const VERB: Verb` and name it in
//! [`VERBS`].

mod bench;
mod crash;
mod fair;
mod gate;
mod invoke;
mod litellm;
mod mutants;
mod precision;
mod review;
mod sim;
mod soak;
mod stage;
mod storm;
mod tally;
mod test;
mod tidy;
mod tools;
mod wrap;

use std::process::ExitCode;

use anyhow::Result;

/// One chore.
pub(crate) struct Verb {
    /// What the user types after `cargo xtask`.
    pub(crate) name: &'static str,
    /// One line for the list of verbs.
    pub(crate) about: &'static str,
    /// What `cargo xtask NAME --help` prints, without the first line.
    pub(crate) help: &'static str,
    /// Does the work. The arguments are those after the verb, without `--help`.
    pub(crate) run: fn(&[String]) -> Result<ExitCode>,
}

/// Every verb, in the order of the help.
const VERBS: &[Verb] = &[
    test::VERB,
    tidy::VERB,
    sim::VERB,
    mutants::VERB,
    fair::VERB,
    crash::VERB,
    precision::VERB,
    storm::VERB,
    litellm::VERB,
    bench::VERB,
    soak::VERB,
];

/// The verb of this name, if it has been written.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

fn main() -> ExitCode {
    dispatch().unwrap_or_else(|error| {
        eprintln!("cargo xtask: {error:#}");
        ExitCode::from(2)
    })
}

fn dispatch() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", overview());
        return Ok(ExitCode::from(2));
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", overview());
        return Ok(ExitCode::SUCCESS);
    }
    let Some(verb) = find(name) else {
        eprint!("cargo xtask: there is no verb `{name}`\n\n{}", overview());
        return Ok(ExitCode::from(2));
    };
    // Everything after `--` belongs to whoever the verb passes it to.
    if rest.iter().take_while(|word| *word != "--").any(|word| word == "-h" || word == "--help") {
        print!("cargo xtask {}: {}\n\n{}", verb.name, verb.about, verb.help);
        return Ok(ExitCode::SUCCESS);
    }
    (verb.run)(rest)
}

/// The list of verbs.
fn overview() -> String {
    let mut text =
        String::from("The project's own chores.\n\nUsage: cargo xtask VERB [--help]\n\n");
    for verb in VERBS {
        text.push_str(&format!("  {:<10} {}\n", verb.name, verb.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_listed_once_and_explains_itself() {
        let listed = overview();
        for verb in VERBS {
            assert_eq!(VERBS.iter().filter(|other| other.name == verb.name).count(), 1);
            assert!(listed.contains(verb.about), "{} is not in the overview", verb.name);
            assert!(verb.help.starts_with("Usage: cargo xtask "), "{} has no usage", verb.name);
            assert!(verb.help.ends_with('\n'), "{}'s help ends inside a line", verb.name);
        }
    }
}
