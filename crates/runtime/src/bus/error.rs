//! Why a message was not sent, not answered or not read.

use super::{BadSubject, Schema, Subject};
use kernel::{FailureKind, TaskId, Text};
use std::any::Any;

/// What can go wrong with sending and asking, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A subject or pattern that is none.
    #[error(transparent)]
    Subject(#[from] BadSubject),
    /// The policy of the team does not allow it.
    #[error(
        "{who} may not {verb} {subject}; it may {verb} {allowed}: ask whoever writes the team's \
         bus policy for more"
    )]
    Denied {
        /// Who wanted to.
        who: Text,
        /// `publish to` or `subscribe to`.
        verb: &'static str,
        /// What.
        subject: String,
        /// What it may.
        allowed: String,
    },
    /// The attempt's lease has ended or was replaced: somebody else works on the task now.
    #[error(
        "this attempt is no longer the one that works on task {task}, so what it says is not \
         sent; end the work"
    )]
    Fenced {
        /// Whose lease it was.
        task: TaskId,
    },
    /// The subject holds the value of a secret.
    #[error("the subject {subject} holds a secret; say it in a field of the message, if at all")]
    Secret {
        /// The subject, with a mark in its place.
        subject: String,
    },
    /// The body has more bytes than the bus takes.
    #[error(
        "the message about {subject} has more than the {max} bytes allowed; put what is large into \
         a blob or a file and send where it is"
    )]
    TooLarge {
        /// What it was about.
        subject: Subject,
        /// The bound.
        max: usize,
    },
    /// A field of the header is longer than headers may be.
    #[error("the {field} of a message has {bytes} bytes; at most {max}")]
    FieldTooLong {
        /// Which.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The value cannot be written as MessagePack.
    #[error("a value of schema {schema} cannot be written, so it cannot be sent: {why}")]
    Unencodable {
        /// Of what.
        schema: Schema,
        /// Why.
        why: String,
    },
    /// A question that nobody is there to hear.
    #[error("nobody listens to {subject}, so nobody can answer; start whoever should")]
    NoResponders {
        /// Where it was asked.
        subject: Subject,
    },
    /// A question that whoever listens had no room for.
    #[error("whoever listens to {subject} has no room for the question; ask again later")]
    Undelivered {
        /// Where it was asked.
        subject: Subject,
    },
    /// Everybody who got the question has let go of it.
    #[error("whoever got the question about {subject} let go of it without an answer")]
    Unanswered {
        /// Where it was asked.
        subject: Subject,
    },
    /// The answer did not come in time.
    #[error(
        "no answer about {subject} within {deadline_ms} ms; give it longer, or look at who listens"
    )]
    Deadline {
        /// Where it was asked.
        subject: Subject,
        /// How long it was waited for.
        deadline_ms: u64,
    },
    /// An answer to a message that asks for none.
    #[error("the message about {subject} asks for no answer")]
    NotAQuestion {
        /// What it was about.
        subject: Subject,
    },
    /// The question is over: answered already, given up, or its deadline has passed.
    #[error("nobody waits for this answer any more")]
    NobodyWaits,
    /// A bound of the bus is reached.
    #[error("there are {max} {what} on the bus, which is the limit")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// Options that cannot be.
    #[error("a subscription cannot be so: {what}")]
    BadOptions {
        /// What is wrong.
        what: String,
    },
    /// The answer is not what the question expects.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The bus has ended.
    #[error("the bus has ended")]
    Closed,
    /// The team was started without a bus.
    #[error("this team has no bus; give it one with TeamBuilder::bus")]
    NoBus,
}

impl Error {
    /// What an error of the bus, or of whatever else, means for an attempt that ends with it.
    pub(crate) fn kind_of(error: &dyn Any) -> FailureKind {
        if error.is::<BadSubject>() {
            return FailureKind::Rejected;
        }
        error.downcast_ref::<Error>().map_or(FailureKind::Error, Error::kind)
    }

    /// Whether another attempt may help.
    fn kind(&self) -> FailureKind {
        match self {
            Error::Subject(_)
            | Error::Denied { .. }
            | Error::Secret { .. }
            | Error::TooLarge { .. }
            | Error::FieldTooLong { .. }
            | Error::Unencodable { .. }
            | Error::NotAQuestion { .. }
            | Error::BadOptions { .. }
            | Error::NoBus => FailureKind::Rejected,
            Error::Fenced { .. } => FailureKind::Lost,
            Error::TooMany { .. } => FailureKind::Overloaded,
            Error::NoResponders { .. }
            | Error::Undelivered { .. }
            | Error::Unanswered { .. }
            | Error::Deadline { .. }
            | Error::NobodyWaits
            | Error::Unreadable(_)
            | Error::Closed => FailureKind::Error,
        }
    }
}

/// Why a message was not decoded. It is skipped; the next one may do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is something else than the receiver reads.
    #[error("a message about {subject} from {sender} is {sent}, but {wanted} is read here")]
    Schema {
        /// What it is about.
        subject: Subject,
        /// Who sent it.
        sender: Text,
        /// What it says it is.
        sent: Schema,
        /// What is read here; `Finding@2 to 3` if several versions are.
        wanted: String,
    },
    /// It is not what it says.
    #[error("a message about {subject} from {sender} says it is {schema}, and is not: {why}")]
    Malformed {
        /// What it is about.
        subject: Subject,
        /// Who sent it.
        sender: Text,
        /// What it says it is.
        schema: Schema,
        /// What is wrong with it.
        why: String,
    },
}
