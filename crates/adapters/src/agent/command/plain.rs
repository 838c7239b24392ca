//! The *plain* protocol: a process per attempt. Input on stdin, output on stdout, the end of stderr
//! for the story, and an exit code that says what to do next (see
//! [`fault::meaning`](super::fault)).

use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::fault::Fault;
use super::limits::Limits;
use crate::process::output::{self, Collected, Tail};
use crate::process::{LAST_WORDS_CHARS, Pipes, Process, Program};

/// How long we read on after the whole tree has ended: only a process that escaped every net can
/// still hold the pipe, and nobody waits for that one.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// In which form a value crosses a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON value in UTF-8; white space around it does not matter.
    #[default]
    Json,
    /// Text in UTF-8. As input, a JSON string is handed over without its quotes and any other value
    /// as JSON; as output, it becomes a JSON string without the line break at its end.
    Text,
}

impl Format {
    /// The bytes for stdin. JSON ends with a line break, text is handed over as it is.
    pub(super) fn write(self, value: &Value) -> Vec<u8> {
        match (self, value) {
            (Self::Text, Value::String(text)) => text.clone().into_bytes(),
            (Self::Text | Self::Json, value) => format!("{value}\n").into_bytes(),
        }
    }

    /// The value that stdout stands for, or why it stands for none.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Value, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        match self {
            Self::Json if text.trim().is_empty() => Err("nothing at all".into()),
            Self::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
            Self::Text => Ok(Value::String(text.trim_end_matches(['\r', '\n']).into())),
        }
    }
}

/// What one attempt needs.
pub(super) struct Job<'a> {
    pub(super) program: &'a Program,
    pub(super) limits: &'a Limits,
    pub(super) input: Vec<u8>,
    pub(super) output: Format,
    /// Where the end of stderr is kept.
    pub(super) story: Tail,
}

/// Watches a started process to its end and gives its output. When this future is dropped, so is
/// the process, which ends its tree in the background.
pub(super) async fn follow(job: Job<'_>, process: Process, pipes: Pipes) -> Result<Value, Fault> {
    let mut side = JoinSet::new();
    side.spawn(feed(pipes.stdin, job.input));
    side.spawn(job.story.clone().follow(pipes.stderr));
    let name = || job.program.name().to_string();
    let mut printed = Box::pin(output::collect(pipes.stdout, job.limits.stdout_max_bytes));
    let wall = job.limits.wall_ms.map_or(Duration::MAX, Duration::from_millis);
    let watched = timeout(wall, until_exit_or_flood(&process, &mut printed)).await;
    let status = process.end().await;
    let collected = match watched {
        Err(_elapsed) => {
            let wall_ms = job.limits.wall_ms.unwrap_or(u64::MAX);
            return Err(Fault::TimedOut { program: name(), wall_ms });
        }
        Ok(Some(collected)) => collected,
        Ok(None) => timeout(DRAIN_MAX, printed).await.unwrap_or(Ok(Collected::All(Vec::new()))),
    };
    // The pipe is closed by now, unless somebody escaped with it.
    let _told = timeout(DRAIN_MAX, side.join_all()).await;
    let Collected::All(bytes) = collected.map_err(|source| lost(job.program, source))? else {
        let max_bytes = job.limits.stdout_max_bytes;
        return Err(Fault::TooMuchOutput { program: name(), max_bytes });
    };
    judge_exit(job.program, status.map_err(|source| lost(job.program, source))?, &job.story)?;
    job.output.read(&bytes).map_err(|why| Fault::Garbage { program: name(), why })
}

/// Returns when the first process has ended, or with what it printed when that was too much. A
/// program may close its stdout early and work on.
async fn until_exit_or_flood(
    process: &Process,
    printed: &mut (impl Future<Output = io::Result<Collected>> + Unpin),
) -> Option<io::Result<Collected>> {
    tokio::select! {
        collected = printed => {
            if !matches!(collected, Ok(Collected::TooMuch)) {
                process.exited().await;
            }
            Some(collected)
        }
        () = process.exited() => None,
    }
}

/// A program need not read its input: a broken pipe is no fault.
async fn feed(mut stdin: ChildStdin, input: Vec<u8>) {
    let _unread = stdin.write_all(&input).await;
}

fn judge_exit(program: &Program, status: ExitStatus, story: &Tail) -> Result<(), Fault> {
    let last_words = || story.last_line(LAST_WORDS_CHARS);
    let program = || program.name().to_string();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => {
            Err(Fault::Exited { program: program(), code, last_words: last_words() })
        }
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(Fault::Killed { program: program(), signal, last_words: last_words() })
        }
    }
}

/// The system lost sight of a process: as good as killed.
fn lost(program: &Program, source: io::Error) -> Fault {
    let (program, when) = (program.name().into(), "in the middle of a task");
    Fault::Gone { program, when, how: source.to_string(), last_words: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_cross_the_pipes() {
        assert_eq!(Format::Json.write(&json!({"b": 1, "a": "x"})), b"{\"a\":\"x\",\"b\":1}\n");
        assert_eq!(Format::Text.write(&json!("two\nlines")), b"two\nlines");
        assert_eq!(Format::Text.write(&json!(5)), b"5\n");
        assert_eq!(Format::Json.read(b" [1]\n").unwrap(), json!([1]));
        assert_eq!(Format::Text.read(b"two\nlines\n").unwrap(), json!("two\nlines"));
    }

    #[test]
    fn garbage_is_named() {
        assert_eq!(Format::Json.read(b" \n").unwrap_err(), "nothing at all");
        assert!(Format::Json.read(b"{} {}").unwrap_err().contains("column 4"));
        assert!(Format::Text.read(&[0xff]).unwrap_err().contains("utf-8"));
    }
}
