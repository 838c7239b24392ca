//! What can go wrong with a server, in words for the task's story, and whose fault it is.

use kernel::FailureKind;
use runtime::api::Failure;

use super::rpc;
use crate::process::LaunchError;

/// How a server, or a call of one, failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// It never ran.
    #[error("{0}")]
    NotStarted(String),
    /// It closed its output or ended.
    #[error("{server} ended {when} ({how}){}", said(.last_words))]
    Gone {
        /// The program, as configured.
        server: String,
        /// Where it was.
        when: &'static str,
        /// Exit code or signal.
        how: String,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// It said what no server may say.
    #[error("{server} broke the protocol: {why}")]
    Protocol {
        /// The program, as configured, or its address.
        server: String,
        /// What it did, with the beginning of it.
        why: String,
    },
    /// It did not come up in time.
    #[error(
        "{server} was not ready within {start_ms} ms{}; see whether it is a server of MCP, and \
         what it waits for",
        said(.last_words)
    )]
    NotReady {
        /// The program, as configured, or its address.
        server: String,
        /// The limit.
        start_ms: u64,
        /// The last line of stderr.
        last_words: Option<String>,
    },
    /// It speaks none of our revisions of the protocol.
    #[error("{server} speaks revision {spoken} of MCP; this version of Majordomo speaks {ours}")]
    Version {
        /// The program, as configured, or its address.
        server: String,
        /// What it said.
        spoken: String,
        /// What we speak.
        ours: String,
    },
    /// The team names a tool that it does not have.
    #[error("{server} has no tool `{tool}`; it has {there}")]
    NoTool {
        /// The program, as configured, or its address.
        server: String,
        /// As the team names it.
        tool: String,
        /// What there is, the likeliest first.
        there: String,
    },
    /// It has more tools than anybody looks at, or lists them without end.
    #[error("{server} lists {what}, which is more than the limit of {max}")]
    TooMany {
        /// The program, as configured, or its address.
        server: String,
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// It answered a request with an error of the protocol.
    #[error("{server} refused {method}: {message} ({code})")]
    Refused {
        /// The program, as configured, or its address.
        server: String,
        /// What was asked.
        method: &'static str,
        /// The number of the error.
        code: i64,
        /// Its words, cut.
        message: String,
    },
    /// A tool worked longer than it may.
    #[error(
        "{tool} worked for {call_ms} ms and was called off; raise the `timeout` of the agent if it \
         needs more"
    )]
    TimedOut {
        /// Which tool.
        tool: String,
        /// The limit.
        call_ms: u64,
    },
    /// The tool says itself that it failed.
    #[error("{tool} failed: {message}")]
    Failed {
        /// Which tool.
        tool: String,
        /// Its words, cut.
        message: String,
    },
    /// What a tool gave is not what the protocol, or its own schema, promises.
    #[error("{tool} gave no result: {why}")]
    Garbage {
        /// Which tool.
        tool: String,
        /// What is wrong.
        why: String,
    },
    /// The tool wants to ask a person or a model before it goes on.
    #[error(
        "{tool} asks for more before it goes on ({asked}), and nothing that a server asks for is \
         carried out; give it all in its input, or use another tool"
    )]
    AsksBack {
        /// Which tool.
        tool: String,
        /// What it wants.
        asked: String,
    },
    /// There is no way to an address.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// Its address.
        server: String,
        /// In the system's words.
        why: String,
    },
    /// The connection broke, and nobody knows what became of the call.
    #[error("the answer of {server} broke off")]
    Cut {
        /// Its address.
        server: String,
    },
    /// It does not know our session any more; what was asked was not done.
    #[error("{server} has lost the session")]
    SessionLost {
        /// Its address.
        server: String,
        /// Its name for it.
        session: String,
    },
    /// It wants to know who we are, or does not want us.
    #[error(
        "{server} does not let us in (status {status}): say a `token` that it takes, as in \
         `token = \"env:MCP_TOKEN\"`"
    )]
    Denied {
        /// Its address.
        server: String,
        /// Of HTTP.
        status: u16,
    },
    /// It sends us to another address.
    #[error("{server} is elsewhere (status {status}); write where it is, since nobody follows")]
    Elsewhere {
        /// Its address.
        server: String,
        /// Of HTTP.
        status: u16,
    },
    /// It has too much to do.
    #[error("{server} has too much to do (status {status})")]
    Busy {
        /// Its address.
        server: String,
        /// Of HTTP.
        status: u16,
        /// Not before so many milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// It answers with an error of HTTP.
    #[error("{server} answers with status {status}{}", words(.said))]
    Status {
        /// Its address.
        server: String,
        /// Of HTTP.
        status: u16,
        /// Its words, cut.
        said: String,
    },
    /// Its token cannot be had.
    #[error("the token for {server}: {why}")]
    Token {
        /// Its address.
        server: String,
        /// Why, and what to do.
        why: String,
    },
    /// There is no server to speak with now.
    #[error("{server} is not up")]
    NotUp {
        /// The program, as configured, or its address.
        server: String,
    },
}

impl Fault {
    /// The same of a server that has not come up.
    pub(super) fn at_the_start(self) -> Self {
        match self {
            Self::Gone { server, how, last_words, .. } => {
                Self::Gone { server, when: "before it was ready", how, last_words }
            }
            other => other,
        }
    }
}

impl From<LaunchError> for Fault {
    fn from(error: LaunchError) -> Self {
        Self::NotStarted(error.to_string())
    }
}

/// A function and no `From`: every error is a [`Failure`] already, but always one of kind `Error`.
pub(super) fn failure(fault: Fault) -> Failure {
    let kind = match &fault {
        Fault::NotStarted(_)
        | Fault::Failed { .. }
        | Fault::Unreachable { .. }
        | Fault::Cut { .. }
        | Fault::SessionLost { .. }
        | Fault::Status { .. } => FailureKind::Error,
        Fault::Busy { .. } => FailureKind::Overloaded,
        Fault::Gone { .. } | Fault::NotReady { .. } | Fault::NotUp { .. } => FailureKind::Crash,
        Fault::Protocol { .. } | Fault::TooMany { .. } | Fault::Garbage { .. } => {
            FailureKind::Garbage
        }
        Fault::Version { .. }
        | Fault::NoTool { .. }
        | Fault::Denied { .. }
        | Fault::Elsewhere { .. }
        | Fault::Token { .. } => FailureKind::Setup,
        Fault::Refused { code: rpc::INVALID_PARAMS, .. } | Fault::AsksBack { .. } => {
            FailureKind::Rejected
        }
        Fault::Refused { .. } => FailureKind::Error,
        Fault::TimedOut { .. } => FailureKind::Timeout,
    };
    let retry_after_ms = match &fault {
        Fault::Busy { retry_after_ms, .. } => *retry_after_ms,
        _ => None,
    };
    Failure { retry_after_ms, ..Failure::new(kind, fault.to_string()) }
}

fn words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

fn said(last_words: &Option<String>) -> String {
    last_words.as_ref().map_or_else(String::new, |words| format!(", saying: {words}"))
}
