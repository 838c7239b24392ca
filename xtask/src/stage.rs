//! One stage of a long chore: a command, what it printed, how long it took, what it counted.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::invoke::Line;
use crate::tally::Tally;

/// Lines of output that are shown of a failed stage that has nothing better to say.
const TAIL_LINES: usize = 60;

/// Columns of the line that says what a stage is doing just now.
const STATUS_COLUMNS: usize = 78;

/// What a stage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Tests that the stage ran. A failed stage has at least one failed.
    pub(crate) tally: Tally,
    /// A few words for the stage's line.
    pub(crate) note: String,
    /// What failed, as the reader needs it; empty when nothing did.
    pub(crate) said: Vec<String>,
    /// Commands that reproduce the failure.
    pub(crate) again: Vec<String>,
}

impl Outcome {
    /// A stage without tests of its own that went well.
    pub(crate) fn fine(note: impl Into<String>) -> Self {
        Self { tally: Tally::default(), note: note.into(), said: Vec::new(), again: Vec::new() }
    }

    /// A stage that failed, with its reasons and the command that shows them again.
    pub(crate) fn failed(said: Vec<String>, again: &Line) -> Self {
        let tally = Tally { passed: 0, failed: 1, skipped: 0 };
        Self { tally, note: String::new(), said, again: vec![again.to_string()] }
    }
}

/// What a command did.
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Both its streams, in the order in which they were written.
    pub(crate) lines: Vec<String>,
}

impl Output {
    /// The last lines, for a failure that has no structure to quote.
    pub(crate) fn tail(&self) -> Vec<String> {
        let progress = ["Compiling ", "Checking ", "Downloading ", "Downloaded ", "Blocking "];
        let says_something =
            |line: &&String| !progress.iter().any(|verb| line.trim_start().starts_with(verb));
        let lines: Vec<String> = self.lines.iter().filter(says_something).cloned().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec()
    }

    /// The judgement on a command that counts nothing: its exit code decides.
    pub(crate) fn judged(&self, line: &Line) -> Outcome {
        if self.status.success() { Outcome::fine("") } else { Outcome::failed(self.tail(), line) }
    }
}

/// Runs a command to its end. In a terminal its latest line stands behind the stage's name
/// meanwhile.
///
/// # Errors
/// When the command cannot be started or its output not read.
pub(crate) fn run(name: &str, line: &Line) -> Result<Output> {
    let (reader, writer) = std::io::pipe().context("no pipe for the output")?;
    let mut command = line.command()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("no second end of the pipe")?)
        .stderr(writer)
        // What follows keeps the output plain and every test from writing into the tree.
        .env("CARGO_TERM_COLOR", "never")
        .env("INSTA_UPDATE", "no")
        .env_remove("UPDATE_SNAPSHOTS")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let mut child = command.spawn().with_context(|| format!("`{line}` cannot be started"))?;
    // `command` holds our copies of the pipe's writing end; the reader ends when all are closed.
    drop(command);
    let status = Status::new(name);
    let mut lines = Vec::new();
    for bytes in BufReader::new(reader).split(b'\n') {
        let bytes = bytes.with_context(|| format!("the output of `{line}` cannot be read"))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        status.show(&text);
        lines.push(text);
    }
    status.clear();
    Ok(Output { status: child.wait().context("the command's end was not seen")?, lines })
}

/// The passing line of a terminal that says what is being done.
struct Status<'a> {
    name: &'a str,
    begun: Instant,
    shown: bool,
}

impl<'a> Status<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, begun: Instant::now(), shown: std::io::stderr().is_terminal() }
    }

    fn show(&self, text: &str) {
        if self.shown {
            let now = format!("...   {:<8} {:>7}  {}", self.name, seconds(self.begun), text.trim());
            let fits: String =
                now.chars().filter(|c| !c.is_control()).take(STATUS_COLUMNS).collect();
            self.write(&fits);
        }
    }

    fn clear(&self) {
        if self.shown {
            self.write("");
        }
    }

    /// A terminal that is gone takes nothing from the chore, so a failed write is let go.
    fn write(&self, text: &str) {
        let _ =
            write!(std::io::stderr(), "\r\x1b[2K{text}").and_then(|()| std::io::stderr().flush());
    }
}

/// Prints the one line of a finished stage, then what failed in it.
pub(crate) fn report(name: &str, took: Duration, outcome: &Outcome) {
    let word = if outcome.tally.failed == 0 { "ok" } else { "FAILED" };
    let line = format!("{word:<6} {name:<8} {:>7.1} s  {}", took.as_secs_f64(), outcome.note);
    println!("{}", line.trim_end());
    for said in &outcome.said {
        println!("       | {said}");
    }
    for again in &outcome.again {
        println!("       again: {again}");
    }
}

fn seconds(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_arrive_in_order_with_the_exit_code() {
        let line = Line::new("sh -c").with(&["echo one; echo two >&2; echo three; exit 3".into()]);
        let output = run("demo", &line).unwrap();
        assert_eq!(output.lines, ["one", "two", "three"]);
        assert_eq!(output.status.code(), Some(3));
        let judged = output.judged(&line);
        assert_eq!(judged.tally, Tally { passed: 0, failed: 1, skipped: 0 });
        assert_eq!(judged.said, ["one", "two", "three"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_with_its_name() {
        let error = run("demo", &Line::new("no-such-program at all")).err().unwrap();
        assert!(error.to_string().contains("no-such-program at all"), "{error}");
    }
}
