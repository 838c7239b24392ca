//! A page of a text file: which lines, and where the next page begins.

use super::root::{Refused, Root};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read as _};

/// A page has at most so many bytes of text.
const PAGE_MAX_BYTES: usize = 128 << 10;

/// And so many lines, where nobody says how many.
const LINES: u64 = 2_000;

/// A larger file is no text that somebody reads.
const FILE_MAX_BYTES: u64 = 256 << 20;

/// What is wanted of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Relative to the root.
    pub path: String,
    /// The first line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// How many lines, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

/// Some lines of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The lines, with their ends.
    pub text: String,
    /// Where the next page begins; nothing at the end of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The last line is longer than a page, and its rest is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// Why there is no page.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("`{path}` has {bytes} bytes, and files of more than {FILE_MAX_BYTES} are not read")]
    TooLarge { path: String, bytes: u64 },
    #[error("`{path}` is no text (at line {line}): only texts in UTF-8 are read")]
    NoText { path: String, line: u64 },
    #[error("`{path}` has {lines} lines: there is none from {from} on")]
    Beyond { path: String, lines: u64, from: u64 },
    #[error("`from` counts from 1")]
    Zero,
    #[error("`{path}` cannot be read: {why}")]
    Io { path: String, why: String },
}

pub(super) fn read(root: &Root, said: &Read) -> Result<Page, Error> {
    let from = said.from.unwrap_or(1);
    if from == 0 {
        return Err(Error::Zero);
    }
    let path = || said.path.clone();
    let (file, stat) = root.file(&said.path)?;
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    if bytes > FILE_MAX_BYTES {
        return Err(Error::TooLarge { path: path(), bytes });
    }
    // It may grow while it is read.
    let mut lines = Lines { from: BufReader::new(file.take(FILE_MAX_BYTES)), number: 0 };
    let wrong = |line: u64, why: Wrong| match why {
        Wrong::NoText => Error::NoText { path: path(), line },
        Wrong::Io(why) => Error::Io { path: path(), why },
    };
    let wanted = said.lines.unwrap_or(LINES).max(1);
    let (mut page, mut taken) = (Page::default(), 0);
    loop {
        let line = lines.next().map_err(|why| wrong(lines.number, why))?;
        let Some(line) = line else { break };
        if lines.number < from {
            continue;
        }
        let is_full = page.text.len() + line.len() > PAGE_MAX_BYTES && taken > 0;
        if taken == wanted || is_full {
            page.next = Some(lines.number);
            break;
        }
        page.text.push_str(&line);
        taken += 1;
        page.cut = line.len() > PAGE_MAX_BYTES;
        if page.cut {
            page.text.truncate(page.text.floor_char_boundary(PAGE_MAX_BYTES));
        }
    }
    match (taken, from) {
        (0, 2..) => Err(Error::Beyond { path: path(), lines: lines.number, from }),
        _ => Ok(page),
    }
}

/// A file line by line; of a line only so much is kept as a page may have, and a little more, by
/// which it is seen that it is too long.
struct Lines<R> {
    from: BufReader<R>,
    number: u64,
}

enum Wrong {
    NoText,
    Io(String),
}

impl<R: std::io::Read> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, Wrong> {
        let io = |why: std::io::Error| Wrong::Io(why.to_string());
        let mut line = Vec::new();
        let max = PAGE_MAX_BYTES as u64 + 4; // The last character may be cut in two.
        let read = self.from.by_ref().take(max).read_until(b'\n', &mut line).map_err(io)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let is_whole = line.ends_with(b"\n") || read < PAGE_MAX_BYTES + 4;
        if !is_whole {
            self.from.skip_until(b'\n').map_err(io)?;
        }
        if line.contains(&0) {
            return Err(Wrong::NoText);
        }
        match String::from_utf8(line) {
            Ok(text) => Ok(Some(text)),
            Err(error) if !is_whole && error.utf8_error().error_len().is_none() => {
                let end = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(end);
                String::from_utf8(bytes).map(Some).map_err(|_| Wrong::NoText)
            }
            Err(_) => Err(Wrong::NoText),
        }
    }
}
