//! A gate: stages that all run, each judged, with the counts on the last line.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::invoke::{self, Line};
use crate::sim;
use crate::stage::{self, Outcome};
use crate::tally::Tally;

/// One part of a gate: `None` when what it checks has not been written yet.
pub(crate) struct Stage {
    /// What it is called on its line and on the command line.
    pub(crate) name: &'static str,
    /// Does it; the name is for the line that shows progress.
    pub(crate) run: fn(&'static str) -> Result<Option<Outcome>>,
}

/// Refuses names of stages that are not there; `besides` are those that have no command of their
/// own.
///
/// # Errors
/// One of the names is unknown.
pub(crate) fn knows(
    stages: &[Stage],
    besides: &[&str],
    wanted: &[String],
    verb: &str,
) -> Result<()> {
    let known = |word: &String| {
        besides.contains(&word.as_str()) || stages.iter().any(|stage| stage.name == word)
    };
    match wanted.iter().find(|word| !known(word)) {
        Some(unknown) => {
            anyhow::bail!("there is no stage `{unknown}`; see cargo xtask {verb} --help")
        }
        None => Ok(()),
    }
}

/// Whether a stage was asked for; without names, all are.
pub(crate) fn wants(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|word| word == name)
}

/// Runs those that are wanted, each even if one before it failed.
///
/// # Errors
/// A command cannot be started, or its output not read.
pub(crate) fn run(stages: &[Stage], wanted: &[String], total: &mut Total) -> Result<()> {
    for stage in stages.iter().filter(|stage| wants(wanted, stage.name)) {
        let begun = Instant::now();
        if let Some(outcome) = (stage.run)(stage.name)? {
            total.add(stage.name, begun, &outcome);
        }
    }
    Ok(())
}

/// What all stages came to so far.
#[derive(Default)]
pub(crate) struct Total {
    sum: Tally,
    red: Vec<&'static str>,
}

impl Total {
    /// Reports a finished stage and counts it.
    pub(crate) fn add(&mut self, name: &'static str, begun: Instant, outcome: &Outcome) {
        stage::report(name, begun.elapsed(), outcome);
        self.sum += outcome.tally;
        if outcome.tally.failed > 0 {
            self.red.push(name);
        }
    }

    /// Prints the end: the stages that failed, then the counts, alone on the last line.
    pub(crate) fn told(&self) -> ExitCode {
        if !self.red.is_empty() {
            println!("\nfailed: {}", self.red.join(", "));
        }
        println!("{}", self.sum);
        if self.sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// A stage that is only its exit code.
pub(crate) fn exit_code(name: &'static str, line: &Line) -> Result<Option<Outcome>> {
    Ok(Some(stage::run(name, line)?.judged(line)))
}

/// A call of the simulator, whose last line is the note.
pub(crate) fn simulator(name: &'static str, words: &str) -> Result<Option<Outcome>> {
    if !here("crates/sim/src/main.rs")? && !here("crates/sim/src/bin")? {
        return Ok(None);
    }
    last_line_is_the_note(name, &Line::new(&format!("{} {words}", sim::PROGRAM)))
}

/// A command whose last line says what it came to.
pub(crate) fn last_line_is_the_note(name: &'static str, line: &Line) -> Result<Option<Outcome>> {
    let output = stage::run(name, line)?;
    let mut outcome = output.judged(line);
    if outcome.tally.failed == 0 {
        let last = output.lines.iter().rev().find(|line| !line.trim().is_empty());
        outcome.note = last.cloned().unwrap_or_default();
        // A gate that passed is one test: its worlds or kills all held one property.
        outcome.tally.passed = 1;
    }
    Ok(Some(outcome))
}

/// Whether the tree has this file.
pub(crate) fn here(path: &str) -> Result<bool> {
    Ok(Path::new(&invoke::root()?).join(path).exists())
}
