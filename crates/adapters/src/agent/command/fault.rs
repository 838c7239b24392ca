//! What can go wrong with a program, in words for the task's story, and whether it may be tried
//! again.

use crate::process::LaunchError;

/// How an attempt by a program failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It never ran.
    #[error(transparent)]
    NotStarted(#[from] LaunchError),
    /// It ended with a code that says no (see [`meaning`]).
    #[error("{program} exited with {code}{}", said(.last_words))]
    Exited {
        /// The program, as configured.
        program: String,
        /// The exit code, 1–255.
        code: i32,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// It was killed by a signal that we did not send.
    #[error("{program} was killed by signal {signal}{}", said(.last_words))]
    Killed {
        /// The program, as configured.
        program: String,
        /// The signal's number.
        signal: i32,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// It worked longer than it may; all of it was ended.
    #[error(
        "{program} worked for {wall_ms} ms and was ended; raise its `timeout` if it needs more"
    )]
    TimedOut {
        /// The program, as configured.
        program: String,
        /// The limit.
        wall_ms: u64,
    },
    /// It printed more than it may; all of it was ended.
    #[error(
        "{program} printed more than {max_bytes} bytes and was ended; print less or raise the limit"
    )]
    TooMuchOutput {
        /// The program, as configured.
        program: String,
        /// The limit.
        max_bytes: usize,
    },
    /// It succeeded, but what it printed is not what it promised to print.
    #[error("{program} printed garbage: {why}; print one JSON value, or say `stdout = \"text\"`")]
    Garbage {
        /// The program, as configured.
        program: String,
        /// Where and what.
        why: String,
    },
    /// A *jsonl* process broke the protocol and was ended.
    #[error("{program} broke the protocol and was ended: {why}; see docs/wire.md")]
    Protocol {
        /// The program, as configured.
        program: String,
        /// What it did, with the beginning of the line.
        why: String,
    },
    /// A *jsonl* process did not say `ready` in time and was ended.
    #[error("{program} was not `ready` within {start_ms} ms and was ended{}", said(.last_words))]
    NotReady {
        /// The program, as configured.
        program: String,
        /// The limit.
        start_ms: u64,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// Processes of a *jsonl* agent that was stopped are still there, and it cannot be started.
    #[error(
        "{program} still has a process of its last life after {start_ms} ms that the system cannot \
         end; see what it hangs in"
    )]
    NotGone {
        /// The program, as configured.
        program: String,
        /// How long it was waited for.
        start_ms: u64,
    },
    /// A *jsonl* process closed its output or ended.
    #[error("{program} ended {when} ({how}){}", said(.last_words))]
    Gone {
        /// The program, as configured.
        program: String,
        /// In the middle of a task, between two, or before its first.
        when: &'static str,
        /// Exit code or signal.
        how: String,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// Every process the agent may have is blocked in `ask`.
    #[error("all {max} processes of {program} are busy or blocked in `ask`; raise `processes_max`")]
    NoneFree {
        /// The program, as configured.
        program: String,
        /// The limit.
        max: usize,
    },
}

fn said(last_words: &Option<String>) -> String {
    last_words.as_ref().map_or_else(String::new, |words| format!(", saying: {words}"))
}

/// What an exit code of a *plain* program means. The numbers are those of sysexits(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// 0: what it printed is the output.
    Done,
    /// 65 (EX_DATAERR): this input will never do. Not tried again.
    Rejected,
    /// 69 (EX_UNAVAILABLE) and 75 (EX_TEMPFAIL): not now. Tried again after a while.
    Overloaded,
    /// Any other: it failed. Tried again as the retry policy says.
    Error,
}

/// The meaning of an exit code.
pub fn meaning(code: i32) -> Meaning {
    match code {
        0 => Meaning::Done,
        65 => Meaning::Rejected,
        69 | 75 => Meaning::Overloaded,
        _ => Meaning::Error,
    }
}
