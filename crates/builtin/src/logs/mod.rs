//! `templates`: what a log says, in a page: its lines by what they have in common, and when errors
//! came in bursts.
//!
//! A log of a million lines has some hundred statements behind it. Grouping the lines by statement
//! (see `drain`) makes two things visible that no search finds: what was said only once, and what
//! was said first. Lines that begin with a space belong to the line before, as in a stack trace.
//!
//! Everything is bounded, and everything in the answer comes from the log: it is data.

mod bursts;
mod drain;
mod line;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use bursts::Burst;
pub use line::Level;

use drain::Groups;
use line::Line;

/// Which log to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplatesInput {
    /// The file; relative to the working directory or absolute.
    pub path: String,
    /// What comes after so many bytes is left out, and the answer says so.
    #[serde(default = "bytes_max")]
    pub max_bytes: u64,
}

/// 64 MiB: some half a million lines.
fn bytes_max() -> u64 {
    64 * 1024 * 1024
}

impl TemplatesInput {
    /// The log at `path` with the default limits.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), max_bytes: bytes_max() }
    }
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Templates {
    /// Lines that were read.
    pub lines: u64,
    /// Whether the log goes on where the reading ended.
    pub cut: bool,
    /// Lines of more templates than are kept.
    pub ungrouped: u64,
    /// The most frequent first.
    pub templates: Vec<Template>,
    /// In the order of the log.
    pub bursts: Vec<Burst>,
}

/// One statement that wrote lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The words that its lines have in common, `<*>` for what differs.
    pub text: String,
    /// How bad it says it is, if it says so.
    pub level: Option<Level>,
    /// Lines of it.
    pub count: u64,
    /// The number of its first line, from 1.
    pub first_line: u64,
    /// The number of its last line.
    pub last_line: u64,
    /// When the first one was written, in milliseconds since 1970 by the log's own clock.
    pub first_at_ms: Option<i64>,
    /// When the last one was.
    pub last_at_ms: Option<i64>,
    /// The first few of its lines.
    pub evidence: Vec<Evidence>,
}

/// One line as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its number, from 1.
    pub line: u64,
    /// Its text, cut at [`LINE_CHARS_MAX`].
    pub text: String,
}

/// Characters of a line that are looked at.
pub const LINE_CHARS_MAX: usize = 1_000;

/// Lines kept of each template.
pub const EVIDENCE_MAX: usize = 3;

/// Templates kept; a log with more is not written by statements.
pub const TEMPLATES_MAX: usize = 2_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not lead to a regular file.
    #[error("{path:?} is not a regular file: name a log file, not a directory, pipe or device")]
    NotAFile {
        /// The path as it was given.
        path: String,
    },
    /// The system refused.
    #[error("cannot read {path:?}: {source}; check that it exists and may be read")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Reads a log and groups its lines.
///
/// # Errors
/// When the path leads to no file that can be read.
pub fn templates(input: &TemplatesInput) -> Result<Templates, Error> {
    let unreadable = |source| Error::Unreadable { path: input.path.clone(), source };
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(Path::new(&input.path)).map_err(unreadable)?.is_file() {
        return Err(Error::NotAFile { path: input.path.clone() });
    }
    let mut content = Vec::new();
    let file = File::open(&input.path).map_err(unreadable)?;
    file.take(input.max_bytes + 1).read_to_end(&mut content).map_err(unreadable)?;
    let cut = content.len() as u64 > input.max_bytes;
    if cut {
        content.truncate(usize::try_from(input.max_bytes).unwrap_or(usize::MAX));
    }
    Ok(Templates { cut, ..templates_of(&String::from_utf8_lossy(&content)) })
}

/// Groups the lines of `text`. Any text will do.
#[must_use]
pub fn templates_of(text: &str) -> Templates {
    let (mut groups, mut errors, mut lines) = (Groups::default(), Vec::new(), 0);
    let mut clock = None;
    for (number, raw) in (1..).zip(text.lines()) {
        lines = number;
        if raw.trim().is_empty() || raw.starts_with([' ', '\t']) {
            continue;
        }
        let line = Line::parse(raw);
        clock = line.at_ms.or(clock);
        if let (Some(Level::Error), Some(at_ms)) = (line.level, clock) {
            errors.push((number, at_ms));
        }
        groups.add(number, raw, &line);
    }
    let (templates, ungrouped) = groups.into_templates();
    Templates { lines, cut: false, ungrouped, templates, bursts: bursts::bursts(&errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-20T10:00:00.000Z INFO  request 17 served in 12 ms
2026-11-20T10:00:01.000Z INFO  request 18 served in 9 ms
2026-11-20T10:00:02.500Z ERROR order 4711 failed: card declined
  at checkout.rs:12
2026-11-20T10:00:03.000Z INFO  request 19 served in 11 ms

2026-11-20T10:00:04.000Z WARN  pool is empty
";

    #[test]
    fn lines_of_one_statement_are_one_template() {
        let read = templates_of(LOG);
        let texts: Vec<(&str, u64)> =
            read.templates.iter().map(|it| (it.text.as_str(), it.count)).collect();
        let served = ("request <*> served in <*> ms", 3);
        assert_eq!(texts, [served, ("order <*> failed: card declined", 1), ("pool is empty", 1)]);
        assert_eq!((read.lines, read.ungrouped, read.cut), (7, 0, false));
        let served = &read.templates[0];
        assert_eq!((served.first_line, served.last_line), (1, 5));
        assert_eq!(served.last_at_ms.zip(served.first_at_ms).map(|(a, b)| a - b), Some(3_000));
        assert_eq!(read.templates[1].level, Some(Level::Error));
        assert_eq!(read.templates[1].evidence[0].line, 3);
    }

    #[test]
    fn a_log_is_read_to_the_limit_and_the_answer_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        std::fs::write(&path, LOG).unwrap();
        let path = path.to_str().unwrap();
        let whole = templates(&TemplatesInput::new(path)).unwrap();
        assert_eq!(whole, templates_of(LOG));
        let first = templates(&TemplatesInput { max_bytes: 60, ..TemplatesInput::new(path) });
        let first = first.unwrap();
        assert!(first.cut && first.lines == 2, "{first:?}");
    }

    #[test]
    fn what_is_no_file_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let why = |path: &str| templates(&TemplatesInput::new(path)).unwrap_err().to_string();
        assert!(why(path).contains("is not a regular file"), "{}", why(path));
        assert!(why(&format!("{path}/none.log")).contains("check that it exists"));
    }

    #[test]
    fn hostile_text_is_bounded() {
        let long = "x ".repeat(100_000);
        let read = templates_of(&long);
        assert!(read.templates[0].text.len() <= LINE_CHARS_MAX);
        let words = |n: u32| format!("{}\n", char::from_u32(0x4e00 + n).unwrap());
        let many: String = (0..3_000).map(words).collect();
        let read = templates_of(&many);
        assert_eq!((read.templates.len(), read.ungrouped), (TEMPLATES_MAX, 1_000));
        assert_eq!(templates_of("").templates, []);
    }
}
