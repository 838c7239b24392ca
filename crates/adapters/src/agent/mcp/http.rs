//! A server at an address: streamable HTTP, each message a request of its own.
//!
//! ```text
//!   POST message ─▶ JSON: the answer
//!                ├▶ events: progress, the server's own requests, the answer at the end
//!                │    └ broke off ─▶ GET from the last event on, while it has a number
//!                ├▶ 404 for our session ─▶ it is lost, and nothing was done: begin a new one
//!                └▶ another status ─▶ why not
//! ```
//!
//! Nobody listens to a server between calls. A redirect is not followed, and what the server says
//! back of our token is hidden before anybody reads it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use hyper_util::client::proxy::matcher::Matcher;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::address::Address;
use super::ear::Ear;
use super::fault::Fault;
use super::headers;
use super::limits::Limits;
use super::rpc::{self, Answer, Heard, Request};
use super::session::STATELESS;
use super::tool::Tool;
use crate::agent::cut;
use crate::web::secret::Secret;
use crate::web::{self, Connections};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const REVISION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Where a tool may work as long as its task: no call is longer.
const WEEK_MS: u64 = 7 * 24 * 3_600_000;

/// How long telling a server something may take of the time of somebody else.
const TELL_MAX: Duration = Duration::from_secs(5);

/// A server at an address, as whoever calls it sees it.
pub(super) struct Http {
    pub(super) address: Address,
    token: Option<Secret>,
    pub(super) connections: Connections,
    pub(super) limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Manner,
    /// What a handshake under way settles: nobody else speaks so until it is over.
    next: Option<Manner>,
}

/// How a server is spoken to.
#[derive(Clone, Default)]
struct Manner {
    /// The revision that is spoken.
    revision: String,
    /// The server's name for our session, where it keeps one.
    session: Option<HeaderValue>,
}

impl Http {
    /// Opens nothing yet.
    pub(super) fn new(address: Address, token: Option<Secret>, limits: &Limits) -> Arc<Self> {
        let connections = Connections::to(address.url(), limits.connect_ms, &Matcher::from_env());
        let (limits, state) = (limits.clone(), Mutex::default());
        Arc::new(Self { address, token, connections, limits, state })
    }

    /// Asks and waits for the answer. Dropped before, the server is told that nobody waits.
    pub(super) async fn call(
        self: &Arc<Self>,
        request: Request,
        tool: Option<&Tool>,
        ear: Option<Arc<Ear>>,
    ) -> Result<Answer, Fault> {
        let mut asked = Asked { http: self.clone(), id: request.id, is_open: true };
        let answer = self.exchange(&request, tool, ear.as_deref()).await;
        asked.is_open = false;
        answer
    }

    /// Tells it something.
    pub(super) async fn tell(&self, method: &str, params: Value) -> Result<(), Fault> {
        let headers = self.headers_of(&self.manner(method));
        self.post_aside(&rpc::notification(method, params), headers).await
    }

    /// The revision that is spoken from now on.
    pub(super) fn speaks(&self, revision: &str) {
        self.lock().now.revision = revision.to_owned();
    }

    /// A handshake begins, in this revision.
    pub(super) fn begin(&self, revision: &str) {
        let revision = revision.to_owned();
        self.lock().next = Some(Manner { revision, session: None });
    }

    /// The handshake goes on in the revision that the server has chosen.
    pub(super) fn agree(&self, revision: &str) {
        if let Some(next) = &mut self.lock().next {
            next.revision = revision.to_owned();
        }
    }

    /// The handshake is over: from now on everybody speaks so.
    pub(super) fn settle(&self) {
        let mut state = self.lock();
        if let Some(next) = state.next.take() {
            state.now = next;
        }
    }

    /// Whether this is still our session: another call may have begun a new one.
    pub(super) fn is_session(&self, session: &str) -> bool {
        self.lock().now.session.as_ref().is_some_and(|own| own.as_bytes() == session.as_bytes())
    }

    /// The session ends, if there is one; what comes of that is nobody's concern.
    pub(super) async fn end(&self) {
        let headers = self.headers();
        if self.lock().now.session.take().is_none() {
            return;
        }
        let call = web::Call::new(self.times());
        let url = self.address.url();
        let sending = self.connections.send(&call, Method::DELETE, url, headers, Vec::new());
        let _gone_or_not = timeout(TELL_MAX, sending).await;
    }

    /// As messages speak of it.
    pub(super) fn server(&self) -> &str {
        self.address.origin()
    }

    async fn exchange(
        &self,
        request: &Request,
        tool: Option<&Tool>,
        ear: Option<&Ear>,
    ) -> Result<Answer, Fault> {
        let is_first = request.method == "initialize";
        let manner = self.manner(request.method);
        let mut headers = self.headers_of(&manner);
        let session = manner.session;
        if manner.revision == STATELESS {
            headers.extend(headers::of(request, tool));
        }
        let answer = self.post(&request.to_value(), headers).await?;
        match (answer.status.as_u16(), session) {
            (200..=299, _) => {}
            (404, Some(session)) => {
                let session = session.to_str().unwrap_or_default().to_owned();
                return Err(Fault::SessionLost { server: self.server().to_owned(), session });
            }
            _ => return self.refused(request, answer).await,
        }
        if let Some(next) = self.lock().next.as_mut().filter(|_| is_first) {
            next.session = answer.headers.get(SESSION).cloned();
        }
        let kind = content_type(&answer.headers).to_owned();
        match kind.as_str() {
            "application/json" => {
                let body = answer.body.whole().await.map_err(|error| self.fault(error))?;
                self.find(request.id, &body, ear).await
            }
            "text/event-stream" => self.listen(request.id, answer.body, ear).await,
            other => Err(self.broke(format!("it answers with {:.60}", self.hidden(other)))),
        }
    }

    /// The answer in what came as a whole.
    async fn find(&self, id: u64, body: &[u8], ear: Option<&Ear>) -> Result<Answer, Fault> {
        let found = self.heard(id, body, ear).await?;
        found.ok_or_else(|| self.broke("it answers something else than it was asked".to_owned()))
    }

    /// Takes in messages; gives the answer if it is among them.
    pub(super) async fn heard(
        &self,
        own: u64,
        bytes: &[u8],
        ear: Option<&Ear>,
    ) -> Result<Option<Answer>, Fault> {
        let mut found = None;
        for message in self.read(bytes).map_err(|why| self.broke(why))? {
            match message {
                Heard::Answer(id, answer) if id == Some(own) => found = Some(answer),
                Heard::Answer(..) => {}
                Heard::Asked { id, method } => {
                    if let Some(ear) = ear.filter(|_| method != "ping") {
                        ear.refused(&method);
                    }
                    let reply = rpc::reply(id, &method);
                    let _heard_or_not =
                        timeout(TELL_MAX, self.post_aside(&reply, self.headers())).await;
                }
                Heard::Told { method, params } => {
                    if let Some(ear) = ear {
                        ear.told(&method, &params);
                    }
                }
            }
        }
        Ok(found)
    }

    /// What a status says that is no answer. The body may be an error of the protocol.
    async fn refused(&self, request: &Request, answer: web::Answer) -> Result<Answer, Fault> {
        let (status, headers) = (answer.status.as_u16(), answer.headers);
        let server = || self.server().to_owned();
        // A refusal whose body breaks off is still that refusal.
        let body = answer.body.whole().await.unwrap_or_default();
        match status {
            401 | 403 => return Err(Fault::Denied { server: server(), status }),
            300..=399 => return Err(Fault::Elsewhere { server: server(), status }),
            429 | 503 => {
                let seconds =
                    headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
                let retry_after_ms = seconds.map(|it: u64| it.saturating_mul(1_000).min(3_600_000));
                return Err(Fault::Busy { server: server(), status, retry_after_ms });
            }
            _ => {}
        }
        if let Ok(messages) = self.read(&body) {
            for message in messages {
                if let Heard::Answer(_, Err(error)) = message {
                    return Ok(Err(error));
                }
            }
        }
        let said = self.hidden(&String::from_utf8_lossy(&body));
        let said = cut(said.trim(), self.limits.said_max_bytes.min(300));
        if request.method == "server/discover" && (400..500).contains(&status) {
            let (code, data) = (rpc::METHOD_NOT_FOUND, Value::Null);
            return Ok(Err(rpc::Error { code, message: format!("status {status}"), data }));
        }
        Err(Fault::Status { server: server(), status, said })
    }

    async fn post(&self, message: &Value, headers: HeaderMap) -> Result<web::Answer, Fault> {
        let call = web::Call::new(self.times());
        let (url, body) = (self.address.url(), message.to_string().into_bytes());
        let sending = self.connections.send(&call, Method::POST, url, headers, body);
        sending.await.map_err(|error| self.fault(error))
    }

    /// Posts what has no answer.
    async fn post_aside(&self, message: &Value, headers: HeaderMap) -> Result<(), Fault> {
        let answer = self.post(message, headers).await?;
        let status = answer.status.as_u16();
        match status {
            200..=299 => Ok(()),
            _ => {
                let (server, said) = (self.server().to_owned(), String::new());
                Err(Fault::Status { server, status, said })
            }
        }
    }

    /// How this is said: a handshake in the manner that it settles, and all else as it is settled.
    fn manner(&self, method: &str) -> Manner {
        let is_handshake = matches!(method, "initialize" | "notifications/initialized");
        let state = self.lock();
        state.next.as_ref().filter(|_| is_handshake).unwrap_or(&state.now).clone()
    }

    pub(super) fn headers(&self) -> HeaderMap {
        self.headers_of(&self.manner(""))
    }

    fn headers_of(&self, manner: &Manner) -> HeaderMap {
        let fixed = [
            (CONTENT_TYPE, "application/json"),
            (ACCEPT, "application/json, text/event-stream"),
            (USER_AGENT, concat!("majordomo/", env!("CARGO_PKG_VERSION"))),
        ];
        let fixed = fixed.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let mut headers = HeaderMap::from_iter(fixed);
        if let Some(token) = &self.token
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Ok(revision) = HeaderValue::from_str(&manner.revision) {
            headers.insert(REVISION, revision);
        }
        if let Some(session) = &manner.session {
            headers.insert(SESSION, session.clone());
        }
        headers
    }

    /// A call ends by its own clock, which says more.
    pub(super) fn times(&self) -> web::Limits {
        let whole_ms = self.limits.call_ms.map_or(WEEK_MS, |ms| ms.saturating_add(1_000));
        web::Limits {
            connect_ms: self.limits.connect_ms,
            answer_ms: whole_ms,
            piece_ms: whole_ms,
            whole_ms,
            answer_max_bytes: self.limits.message_max_bytes,
        }
    }

    fn is_stateless(&self) -> bool {
        self.lock().now.revision == STATELESS
    }

    /// The messages in what came, without our token in them.
    fn read(&self, bytes: &[u8]) -> Result<Vec<Heard>, String> {
        let text = String::from_utf8_lossy(bytes);
        rpc::read_without(self.token.as_ref(), text.as_bytes())
    }

    /// A text that came, without our token in it.
    fn hidden(&self, text: &str) -> String {
        self.token.as_ref().map_or_else(|| text.to_owned(), |token| token.hidden_in(text))
    }

    pub(super) fn fault(&self, error: web::Error) -> Fault {
        let server = self.server().to_owned();
        let why = match error {
            web::Error::Cut { .. } => return self.cut(),
            web::Error::NotHttp => return self.broke("what it says is no HTTP".to_owned()),
            web::Error::TooLarge { max } => {
                return self.broke(format!("a message is longer than {max} bytes"));
            }
            web::Error::Address(_) => "it is no address".to_owned(),
            web::Error::Timeout { after_ms, .. } => format!("nothing came within {after_ms} ms"),
            web::Error::Unreachable { why, .. } => why,
        };
        Fault::Unreachable { server, why }
    }

    pub(super) fn broke(&self, why: String) -> Fault {
        Fault::Protocol { server: self.server().to_owned(), why }
    }

    pub(super) fn cut(&self) -> Fault {
        Fault::Cut { server: self.server().to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for its answer.
struct Asked {
    http: Arc<Http>,
    id: u64,
    is_open: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Without a handshake the end of the connection says it.
        if !self.is_open || self.http.is_stateless() {
            return;
        }
        let (http, id) = (self.http.clone(), self.id);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let params = json!({ "requestId": id, "reason": "nobody waits for it any more" });
                let telling = http.tell("notifications/cancelled", params);
                let _heard_or_not = timeout(TELL_MAX, telling).await;
            });
        }
    }
}

/// What an answer says that it is, without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    web::content_type(headers).split(';').next().unwrap_or_default().trim()
}
