//! The way to a server: its stdin and stdout, or its address.

use std::sync::Arc;

use serde_json::Value;

use super::ear::Ear;
use super::fault::Fault;
use super::rpc::{Answer, Request};
use super::stdio::Stdio;
use super::tool::Tool;

/// How messages reach a server.
pub(super) enum Link {
    /// A program of ours.
    Stdio(Stdio),
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
        let _ = tool;
        match self {
            Self::Stdio(stdio) => stdio.call(request, ear).await,
        }
    }

    /// Tells it something.
    pub(super) async fn tell(&self, method: &'static str, params: Value) -> Result<(), Fault> {
        match self {
            Self::Stdio(stdio) => stdio.tell(method, params),
        }
        Ok(())
    }

    /// The revision of the protocol that is spoken from now on.
    pub(super) fn speaks(&mut self, _revision: &str) {
        match self {
            Self::Stdio(_) => {} // Its messages say so, where they must.
        }
    }

    /// Nobody has any use for the server from now on.
    pub(super) fn close(&self) {
        match self {
            Self::Stdio(stdio) => stdio.close(),
        }
    }

    /// What it complained of last.
    pub(super) fn last_words(&self) -> Option<String> {
        match self {
            Self::Stdio(stdio) => stdio.last_words(),
        }
    }

    /// As messages speak of it.
    pub(super) fn server(&self) -> &str {
        match self {
            Self::Stdio(stdio) => stdio.server(),
        }
    }
}
