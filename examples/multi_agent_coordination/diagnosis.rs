//! Diagnosis: the analyst groups the lines of a log by the statement that wrote them, the coder
//! makes a command that shows those of one statement and no others, the writer ranks what may be
//! behind it.

use super::work::{Analysis, Material, Piece, Scenario, file_name};
use majordomo::builtin::logs::{self, Burst, Level, Template, Templates, TemplatesInput};
use majordomo::builtin::review::Severity;
use majordomo::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::process::Command;

/// What the coder needs to know.
#[derive(Serialize, Deserialize)]
struct Evidence {
    path: String,
    template: Template,
    /// Why it may matter, in words.
    signs: Vec<String>,
}

/// Said so rarely, a line is worth reading.
const RARE_MAX: u64 = 2;
/// What was said so long before a burst of errors may have begun it.
const BEFORE_BURST_MS: i64 = 30_000;

pub fn analyse(path: &str) -> Result<Analysis> {
    let read = logs::templates(&TemplatesInput::new(path))?;
    let errors = read.templates.iter().filter(|it| it.level == Some(Level::Error));
    let first_error = errors.min_by_key(|it| it.first_line).map(|it| it.first_line);
    let mut pieces = Vec::new();
    for template in &read.templates {
        let (signs, severity) = signs(template, &read.bursts, first_error);
        if signs.is_empty() {
            continue;
        }
        let (key, template) =
            (format!("{}:{}", file_name(path), template.first_line), template.clone());
        let title = format!("line {}: {}", template.first_line, template.text);
        let evidence = serde_json::to_value(Evidence { path: path.to_owned(), template, signs })?;
        pieces.push(Piece { scenario: Scenario::Diagnosis, key, title, severity, evidence });
    }
    Ok(Analysis { path: path.to_owned(), summary: summary(&read), pieces })
}

fn summary(read: &Templates) -> String {
    let mut told = format!("{} lines from {} statements", read.lines, read.templates.len());
    for burst in &read.bursts {
        let Burst { errors, from_line, to_line, times_usual, .. } = burst;
        let seconds = (burst.until_ms - burst.from_ms) as f64 / 1e3;
        let _ =
            write!(told, "; {errors} errors in {seconds:.1} s (lines {from_line} to {to_line})");
        let _ = write!(told, ", {times_usual:.0} times the usual");
    }
    told
}

/// What speaks for it that a statement has to do with the trouble, and how much that weighs.
fn signs(it: &Template, bursts: &[Burst], first_error: Option<u64>) -> (Vec<String>, Severity) {
    let (mut signs, mut severity) = (Vec::new(), Severity::Low);
    let is_rare = it.count <= RARE_MAX;
    for burst in bursts {
        let before = it.first_at_ms.map(|at_ms| burst.from_ms - at_ms);
        let before = before.filter(|ms| (1..=BEFORE_BURST_MS).contains(ms));
        if let Some(ms) = before.filter(|_| is_rare) {
            let seconds = ms as f64 / 1e3;
            signs.push(format!("said {seconds:.1} s before a burst of {} errors", burst.errors));
            severity = Severity::High;
        }
    }
    if Some(it.first_line) == first_error {
        signs.push("the first error".to_owned());
        severity = Severity::High;
    }
    match it.level {
        Some(Level::Error) => {
            signs.push(format!("an error, {}", times(it.count)));
            severity = severity.min(Severity::Medium);
        }
        Some(Level::Warn) => signs.push(format!("a warning, {}", times(it.count))),
        _ if is_rare && !signs.is_empty() => signs.push(format!("said only {}", times(it.count))),
        _ => {}
    }
    (signs, severity)
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// A `grep` that shows the lines of one statement. It is tried before it is given: it must find as
/// many lines as the analyst counted.
pub fn code(piece: &Piece) -> Result<String> {
    let Evidence { path, template, .. } = serde_json::from_value(piece.evidence.clone())?;
    let pattern = pattern(&template.text);
    // No shell here, and `--` ends the options: what the log says stays data.
    let grep = Command::new("grep").args(["-cE", "-e", &pattern, "--", &path]).output()?;
    let found = String::from_utf8_lossy(&grep.stdout).trim().parse::<u64>().unwrap_or(0);
    if found != template.count {
        let why = format!("a search finds {found} lines where {} belong to it", template.count);
        return Err(Failure::rejected(why));
    }
    Ok(format!("grep -nE {} {}", quoted(&pattern), quoted(&path)))
}

/// The template as an extended regular expression, from its first word to its last.
fn pattern(template: &str) -> String {
    let escaped = |word: &str| {
        let special = |c: char| "\\.[]{}()*+?^$|".contains(c);
        word.chars().fold(String::new(), |mut text, c| {
            text.extend(special(c).then_some('\\'));
            text.push(c);
            text
        })
    };
    let word = |word: &str| word.split("<*>").map(escaped).collect::<Vec<_>>().join("[^ ]+");
    let words: Vec<String> = template.split(' ').map(word).collect();
    format!("{}$", words.join(" +"))
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

pub fn write(material: &Material) -> String {
    let mut page = String::from("# Diagnosis\n\n");
    for analysis in &material.analyses {
        let _ = writeln!(page, "- `{}`: {}", analysis.path, analysis.summary);
    }
    for (rank, made) in (1..).zip(&material.made) {
        let read = serde_json::from_value(made.piece.evidence.clone());
        let Ok(Evidence { template, signs, .. }) = read else { continue };
        let _ = write!(page, "\n## {rank}. {}\n\n{}.\n\n", template.text, signs.join("; "));
        for line in &template.evidence {
            let _ = writeln!(page, "    {:>5}  {}", line.line, line.text);
        }
        let _ = match &made.text {
            Ok(command) => write!(page, "\nTo see all of it: `{command}`\n"),
            Err(why) => write!(page, "\nNo search for it: {why}.\n"),
        };
    }
    page
}
