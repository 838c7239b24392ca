//! The way to a server: its stdin and stdout, or its address.

use std::sync::Arc;

use serde_json::Value;

use super::ear::Ear;
use super::fault::Fault;
use super::http::Http;
use super::rpc::{Answer, Request};
use super::stdio::Stdio;
use super::tool::Tool;

/// How messages reach a server.
pub(super) enum Link {
    /// A program of ours.
    Stdio(Stdio),
    /// Somewhere.
    Http(Arc<Http>),
}

impl Link {
    /// Asks and waits for the answer; dropped before, the server is told so. `tool` is the one that
    /// is called, if the request is a call.
    pub(super) async fn call(
        &self,
        request: Request,
        tool: Option<&Tool>,
        ear: Option<Arc<Ear>>,
    ) -> Result<Answer, Fault> {
        match self {
            Self::Stdio(stdio) => stdio.call(request, ear).await,
            Self::Http(http) => http.call(request, tool, ear).await,
        }
    }

    /// Tells it something.
    pub(super) async fn tell(&self, method: &'static str, params: Value) -> Result<(), Fault> {
        match self {
            Self::Stdio(stdio) => stdio.tell(method, params),
            Self::Http(http) => http.tell(method, params).await?,
        }
        Ok(())
    }

    /// The revision of the protocol that is spoken from now on.
    pub(super) fn speaks(&self, revision: &str) {
        match self {
            Self::Stdio(_) => {} // Its messages say so, where they must.
            Self::Http(http) => http.speaks(revision),
        }
    }

    /// A handshake begins, in this revision; everything else is said as before until it is over.
    pub(super) fn begin(&self, revision: &str) {
        match self {
            Self::Stdio(_) => {}
            Self::Http(http) => http.begin(revision),
        }
    }

    /// It goes on in the revision that the server has chosen.
    pub(super) fn agree(&self, revision: &str) {
        match self {
            Self::Stdio(_) => {}
            Self::Http(http) => http.agree(revision),
        }
    }

    /// It is over: from now on everything is said so.
    pub(super) fn settle(&self) {
        match self {
            Self::Stdio(_) => {}
            Self::Http(http) => http.settle(),
        }
    }

    /// Whether this is still the session that is spoken in.
    pub(super) fn is_session(&self, session: &str) -> bool {
        match self {
            Self::Stdio(_) => false, // It has none.
            Self::Http(http) => http.is_session(session),
        }
    }

    /// Nobody has any use for the server from now on.
    pub(super) async fn end(&self) {
        match self {
            Self::Stdio(stdio) => stdio.close(),
            Self::Http(http) => http.end().await,
        }
    }

    /// What it complained of last.
    pub(super) fn last_words(&self) -> Option<String> {
        match self {
            Self::Stdio(stdio) => stdio.last_words(),
            Self::Http(_) => None,
        }
    }

    /// As messages speak of it.
    pub(super) fn server(&self) -> &str {
        match self {
            Self::Stdio(stdio) => stdio.server(),
            Self::Http(http) => http.server(),
        }
    }
}
