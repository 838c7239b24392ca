//! Cassettes: what models were asked and answered, kept in a file and played again, so that a test
//! of a team costs nothing, needs no network and goes the same way each time.
//!
//! ```text
//! {"majordomo_cassette":1,"by":"majordomo 0.1.0"}
//! {"digest":"9f2c…","step":"critic/0/0","request":{"model":…,"messages":[…]},"reply":{"text":…}}
//! {"digest":"9f2c…","step":"critic/0/0","request":{…},"failure":{"kind":"rate_limited",…}}
//! ```
//!
//! JSON lines: the first has the version, each of the others one call, in the order in which they
//! ended. `request` is what was asked, without the key and the token that name the attempt; its
//! digest is what a call is found by, and is computed anew from `request` when the file is read, so
//! that a line may be edited by hand. `step` is for people. Then comes how it ended: a `reply`, a
//! `failure`, or `"given_up":true` where the caller went away before. A stream has `pieces`
//! besides, the lengths of its texts in bytes, so that it is played in the same pieces; `said` is
//! what had come of one that failed.
//!
//! The same request asked several times is answered in the order of the file. Whether a call wants
//! the whole reply or a stream plays no part in finding it.

mod file;
mod nearest;
mod record;
#[cfg(test)]
mod tests;

pub use file::VERSION;
pub use nearest::{Difference, differences};
pub use record::Recorder;

use crate::llm::Secret;
use file::{Ending, Line};
use futures_util::stream;
use kernel::Digest;
use runtime::llm::{Error as CallError, Part, Reply, Request};
use runtime::port::llm::Parts;
use runtime::port::{BoxFuture, Llm};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Why there is no cassette.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system says no.
    #[error("the cassette {} cannot be {what}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "{} is no cassette: its first line does not say so; record one with --record",
        path.display()
    )]
    NotOne {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it.
    #[error(
        "the cassette {} has version {version}, and this program reads up to {VERSION}: use a \
         newer one, or record it anew",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A line that is none.
    #[error("the cassette {}, line {line}: {why}; mend it, or record it anew", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It is larger than is read.
    #[error(
        "the cassette {} has more than {max} bytes: record shorter runs, each in its own",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
}

/// A recording that answers in the place of a model. What is not on it fails, and says what is most
/// like it; nobody else is asked.
///
/// ```
/// # use majordomo_adapters::llm::cassette::Cassette;
/// # use runtime::llm::{Error, Message, Reply, Request};
/// # use runtime::port::{BoxFuture, Llm};
/// # use std::sync::Arc;
/// # struct Model;
/// # impl Llm for Model {
/// #     fn complete(&self, _: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
/// #         Box::pin(async { Ok(Reply { text: "hello".into(), ..Reply::default() }) })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("hello.jsonl");
/// # let models = Arc::new(Model);
/// let user = Message::User { text: "Say hello.".into() };
/// let request =
///     Request { model: "ollama/qwen3".into(), messages: vec![user], ..Request::default() };
/// let request = Arc::new(request);
///
/// let recorder = Cassette::record(&path, models)?;
/// let said = recorder.complete(request.clone()).await?;
/// assert_eq!(recorder.finish()?, 1);
///
/// let cassette = Cassette::replay(&path)?; // no network from here on
/// assert_eq!(cassette.complete(request).await?, said);
/// assert_eq!(cassette.left(), 0);
/// # Ok(())
/// # }
/// ```
pub struct Cassette {
    path: PathBuf,
    lines: Vec<Line>,
    /// Those that answer, by what was asked; in the order of the file.
    answers: BTreeMap<Digest, VecDeque<usize>>,
    taken: Mutex<Taken>,
    is_torn: bool,
}

/// What was asked for so far.
#[derive(Default)]
struct Taken {
    /// How many of the answers to a request were given.
    given: BTreeMap<Digest, usize>,
    lines: BTreeSet<usize>,
}

impl Cassette {
    /// What stands in this file.
    ///
    /// # Errors
    /// It cannot be read, or is no cassette of a version that this program knows.
    pub fn replay(path: impl AsRef<Path>) -> Result<Cassette, Error> {
        let path = path.as_ref().to_owned();
        let file::Contents { lines, is_torn, .. } = file::read(&path)?;
        let mut answers: BTreeMap<Digest, VecDeque<usize>> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate() {
            if !matches!(line.ending, Ending::GivenUp(_)) {
                answers.entry(line.request.digest()).or_default().push_back(at);
            }
        }
        Ok(Cassette { path, lines, answers, taken: Mutex::default(), is_torn })
    }

    /// Records what these models are asked and answer, in this file, which is made anew for its
    /// owner alone. Each call stands there when it has ended; see [`Recorder::finish`].
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn record(path: impl AsRef<Path>, models: Arc<dyn Llm>) -> Result<Recorder, Error> {
        Recorder::create(path.as_ref(), models)
    }

    /// The same, after what stands there already.
    ///
    /// # Errors
    /// The file cannot be written, or is something else.
    pub fn record_on(path: impl AsRef<Path>, models: Arc<dyn Llm>) -> Result<Recorder, Error> {
        Recorder::go_on(path.as_ref(), models)
    }

    /// How many calls are on it.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.answers.values().map(VecDeque::len).sum()
    }

    /// How many of them nobody has asked for yet. A test that wants the very same run requires that
    /// it is 0 in the end.
    #[must_use]
    pub fn left(&self) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.calls() - taken.lines.len()
    }

    /// Whether its last line was cut off, as the program that recorded it was killed: that line is
    /// left out.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// The line that answers this request now.
    fn next(&self, request: &Request) -> Result<&Line, CallError> {
        let digest = request.digest();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let given = taken.given.entry(digest).or_default();
        let line = self.answers.get(&digest).and_then(|lines| lines.get(*given).copied());
        if let Some(at) = line {
            *given += 1;
            taken.lines.insert(at);
            return Ok(&self.lines[at]);
        }
        let given = *given;
        drop(taken);
        Err(CallError::NotRecorded {
            model: request.model.clone(),
            what: nearest::told(&self.path, &self.lines, request, given),
        })
    }

    /// The texts of a stream, and how it ends.
    fn parts(&self, request: &Request) -> Vec<Result<Part, CallError>> {
        let line = match self.next(request) {
            Ok(line) => line,
            Err(error) => return vec![Err(error)],
        };
        let (text, end) = match &line.ending {
            Ending::Reply(reply) => (reply.text.as_str(), Ok(Part::Done(reply.clone()))),
            Ending::Failure(error) => (line.said.as_str(), Err(error.clone())),
            Ending::GivenUp(_) => unreachable!("it answers nothing and is not in the table"),
        };
        let pieces = file::pieces(text, &line.pieces);
        let texts = pieces.into_iter().map(|it| Ok(Part::Text(it.to_owned())));
        texts.chain([end]).collect()
    }
}

impl Llm for Cassette {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, CallError>> {
        let answer = self.next(&request).and_then(|line| match &line.ending {
            Ending::Reply(reply) => Ok(reply.clone()),
            Ending::Failure(error) => Err(error.clone()),
            Ending::GivenUp(_) => unreachable!("it answers nothing and is not in the table"),
        });
        Box::pin(std::future::ready(answer))
    }

    fn stream(&self, request: Arc<Request>) -> Parts {
        Box::pin(stream::iter(self.parts(&request)))
    }

    fn is_limited(&self) -> bool {
        false
    }
}

/// A line of JSON without these keys in it, wherever and however they stand there.
fn hidden(line: String, keys: &[Secret]) -> serde_json::Result<String> {
    let said: Value = serde_json::from_str(&line)?;
    let hide = |value, key: &Secret| key.hidden_in_value(value);
    let hidden = keys.iter().fold(said.clone(), hide);
    Ok(if hidden == said { line } else { format!("{hidden}\n") })
}
