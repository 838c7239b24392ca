//! One call of a model over HTTP: the client of [`crate::web`], whose errors are told of the model.

use super::limits::Limits;
use crate::web;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use runtime::llm::{Error, Waited};

/// One call, as errors tell of it and as its time runs out.
#[derive(Clone)]
pub(super) struct Call {
    /// The model as it was asked for.
    pub(super) model: String,
    pub(super) limits: Limits,
    web: web::Call,
}

/// The beginning of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The rest of it.
pub(super) struct Body {
    call: Call,
    pub(super) web: web::Body,
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn send(
    connections: &web::Connections,
    call: &Call,
    method: Method,
    url: &str,
    headers: &[(&'static str, HeaderValue)],
    body: Vec<u8>,
) -> Result<Answer, Error> {
    let named = |(name, value): &(&'static str, HeaderValue)| {
        (HeaderName::from_static(name), value.clone())
    };
    let headers = headers.iter().map(named).collect();
    let sending = connections.send(&call.web, method, url, headers, body);
    let web::Answer { status, headers, body } = sending.await.map_err(|error| call.error(error))?;
    Ok(Answer { status, headers, body: Body { call: call.clone(), web: body } })
}

impl Call {
    /// A call that begins now.
    pub(super) fn new(model: &str, limits: Limits) -> Call {
        let Limits { connect_ms, answer_ms, piece_ms, whole_ms, answer_max_bytes, .. } = limits;
        let web = web::Limits { connect_ms, answer_ms, piece_ms, whole_ms, answer_max_bytes };
        Call { model: model.to_owned(), limits, web: web::Call::new(web) }
    }

    fn error(&self, error: web::Error) -> Error {
        let model = self.model.clone();
        match error {
            web::Error::Address(url) => {
                Error::Setup { model, what: format!("{url} is no address") }
            }
            web::Error::Timeout { waited, after_ms } => {
                let waited = match waited {
                    web::Waited::Connection => Waited::Connection,
                    web::Waited::Answer => Waited::Answer,
                    web::Waited::NextPiece => Waited::NextPiece,
                    web::Waited::Whole => Waited::Whole,
                };
                Error::Timeout { model, waited, after_ms }
            }
            web::Error::Unreachable { at, why } => Error::Unreachable { model, at, why },
            web::Error::Cut { bytes } => Error::Cut { model, bytes },
            web::Error::NotHttp => self.malformed("no HTTP"),
            web::Error::TooLarge { max } => Error::TooLarge { model, max },
        }
    }

    /// What came is no answer.
    pub(super) fn malformed(&self, what: impl Into<String>) -> Error {
        Error::Malformed { model: self.model.clone(), what: what.into() }
    }
}

impl Body {
    /// The next bytes; `None` at the proper end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.web.next().await.map_err(|error| self.call.error(error))
    }

    /// The first ones, which may take as long as the beginning of an answer.
    pub(super) async fn first(&mut self, max_ms: u64) -> Result<Option<Bytes>, Error> {
        let bytes = self.web.next_within(web::Waited::Answer, max_ms).await;
        bytes.map_err(|error| self.call.error(error))
    }

    /// All that comes.
    pub(super) async fn whole(self) -> Result<Vec<u8>, Error> {
        let Body { call, web } = self;
        web.whole().await.map_err(|error| call.error(error))
    }
}
