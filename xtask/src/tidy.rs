//! `cargo xtask tidy`: the checks of style alone, for the minute before a commit.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::Verb;
use crate::invoke::{self, Line};
use crate::wrap::wrapped;

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "tidy",
    about: "Check lengths, module docs, crate arrows, links and bans (xtask/tests/tidy.rs)",
    help: "\
Usage: cargo xtask tidy [--wrap]

Runs only the style tests. `cargo xtask test` runs them too, with everything else.

  --wrap  first break comments at 100 columns, which rustfmt does not do, and format
",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [] => {}
        [wrap] if wrap == "--wrap" => wrap_all()?,
        _ => anyhow::bail!("tidy takes nothing but --wrap; see cargo xtask tidy --help"),
    }
    Line::new("cargo test --quiet --locked -p xtask --test tidy").hand_over()
}

/// Rewrites the files of ours whose comments are too wide, and names them.
fn wrap_all() -> Result<()> {
    Line::new("cargo fmt --all").hand_over()?;
    let listed = Line::new("git ls-files -z -co --exclude-standard *.rs").command()?.output();
    let listed = String::from_utf8(listed.context("git cannot be started")?.stdout)?;
    for path in listed.split('\0').filter(|path| !path.is_empty() && !path.contains("/rules/")) {
        let file = invoke::root()?.join(path);
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let narrow = wrapped(&text);
        if narrow != text {
            std::fs::write(&file, narrow).with_context(|| format!("{path} is not written"))?;
            println!("wrapped {path}");
        }
    }
    Ok(())
}
