//! The file of a cassette: lines of JSON, read and written.

use super::Error;
use runtime::llm::{Error as CallError, Reply, Request};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The version that is written here.
pub const VERSION: u32 = 1;

/// The largest file that is read, and so the largest that is written: 256 MiB.
pub(super) const FILE_MAX_BYTES: u64 = 256 << 20;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    majordomo_cassette: u32,
    /// Which program wrote it, for people.
    #[serde(default)]
    by: String,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Of the request, for people to look for; what counts is computed from the request itself.
    #[serde(default)]
    pub(super) digest: String,
    /// Whose call it was: agent, round and turn.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) step: String,
    pub(super) request: Request,
    #[serde(flatten)]
    pub(super) ending: Ending,
    /// What had come of a stream that failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) said: String,
    /// The texts of a stream: their lengths in bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pieces: Vec<usize>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// It was answered.
    Reply(Reply),
    /// It failed.
    Failure(CallError),
    /// Whoever called went away before.
    GivenUp(bool),
}

/// What stands in a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) lines: Vec<Line>,
    /// Its last line has no end.
    pub(super) is_torn: bool,
    /// Bytes of all whole lines.
    pub(super) whole_bytes: u64,
}

impl Line {
    /// A call that ended so.
    pub(super) fn of(request: &Request, ending: Ending) -> Line {
        let digest = request.digest().to_string();
        let request_key = request.key.as_deref().unwrap_or_default();
        let step = request_key.split_once('/').map(|(_, step)| step.to_owned());
        let request = without_attempt(request);
        let step = step.unwrap_or_default();
        Line { digest, step, request, ending, said: String::new(), pieces: Vec::new() }
    }

    /// As it stands in the file, its end included.
    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }
}

/// The first line of a file.
pub(super) fn head() -> String {
    format!(
        "{{\"majordomo_cassette\":{VERSION},\"by\":\"majordomo {}\"}}\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// A request as it is in every attempt.
fn without_attempt(request: &Request) -> Request {
    Request { key: None, token: None, ..request.clone() }
}

/// A text in pieces of these lengths; whole where they do not fit it, as it was edited.
pub(super) fn pieces<'a>(text: &'a str, lengths: &[usize]) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for length in lengths {
        let Some((piece, after)) = rest.split_at_checked(*length) else { break };
        pieces.push(piece);
        rest = after;
    }
    match (rest.is_empty() && !pieces.is_empty(), text.is_empty()) {
        (true, _) => pieces,
        (false, true) => Vec::new(),
        (false, false) => vec![text],
    }
}

/// All of a file.
pub(super) fn read(path: &Path) -> Result<Contents, Error> {
    let text = text_of(path)?;
    let mut contents = Contents::default();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if number == 1 {
            check_head(path, line)?;
        }
        if !line.ends_with('\n') {
            contents.is_torn = true;
            break;
        }
        contents.whole_bytes += line.len() as u64;
        if number == 1 || line.trim().is_empty() {
            continue;
        }
        let wrong = |why: serde_json::Error| {
            let (path, why) = (path.to_owned(), why.to_string());
            Error::Line { path, line: number, why }
        };
        contents.lines.push(serde_json::from_str(line).map_err(wrong)?);
    }
    match contents.whole_bytes {
        0 => Err(Error::NotOne { path: path.to_owned() }),
        _ => Ok(contents),
    }
}

fn check_head(path: &Path, line: &str) -> Result<(), Error> {
    let head: Head =
        serde_json::from_str(line).map_err(|_| Error::NotOne { path: path.to_owned() })?;
    match head.majordomo_cassette {
        ..=VERSION => Ok(()),
        version => Err(Error::Newer { path: path.to_owned(), version }),
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Io { path: path.to_owned(), what: "read", source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), max: FILE_MAX_BYTES });
    }
    // A torn last line may end within a letter.
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let (valid, mut bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
            if bytes[valid..].contains(&b'\n') {
                let source = io::Error::new(io::ErrorKind::InvalidData, "it is no text");
                return Err(unreadable(source));
            }
            bytes.truncate(valid);
            Ok(String::from_utf8(bytes).unwrap_or_default())
        }
    }
}
