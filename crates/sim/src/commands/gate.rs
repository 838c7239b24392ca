//! `sim gate`: what every change must pass.

use super::{mutants, run};
use clap::Parser;
use std::process::ExitCode;

/// The two verbs with their defaults.
#[derive(Parser)]
struct Defaults<A: clap::Args> {
    #[command(flatten)]
    arguments: A,
}

pub(crate) fn run() -> ExitCode {
    let worlds = run::run(&Defaults::<run::Arguments>::parse_from(["run"]).arguments);
    let bugs = mutants::run(&Defaults::<mutants::Arguments>::parse_from(["mutants"]).arguments);
    if worlds == ExitCode::SUCCESS { bugs } else { worlds }
}
