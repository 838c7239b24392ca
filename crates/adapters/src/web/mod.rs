//! One request over HTTP, with every wait and every size bounded: for models, and for servers of
//! MCP.
//!
//! HTTP/1.1 over a pool of connections for each place; TLS with the system's authorities. A
//! redirect is not followed: a key goes to the address it is meant for and to no other.

pub mod secret;
pub(crate) mod sse;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Connections to one place.
#[derive(Clone)]
pub(crate) enum Connections {
    Direct(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Tunnelled(Client<HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>),
}

/// How long a request may take, and how much may come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until there is a connection, milliseconds.
    pub(crate) connect_ms: u64,
    /// Until the answer begins, milliseconds.
    pub(crate) answer_ms: u64,
    /// Between two pieces of an answer that has begun, milliseconds.
    pub(crate) piece_ms: u64,
    /// All of it, milliseconds.
    pub(crate) whole_ms: u64,
    /// The largest answer, bytes on the wire.
    pub(crate) answer_max_bytes: usize,
}

/// One request as its time runs out.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    limits: Limits,
    ends: Instant,
}

/// The beginning of an answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// The rest of it.
pub(crate) struct Body {
    call: Call,
    incoming: Incoming,
    /// How much has come, bytes.
    pub(crate) bytes: usize,
    /// How much may come.
    pub(crate) max_bytes: usize,
}

/// What was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Connection,
    Answer,
    NextPiece,
    Whole,
}

/// Why there is no answer, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// It is no address.
    Address(String),
    Timeout {
        waited: Waited,
        after_ms: u64,
    },
    Unreachable {
        /// Scheme, host and port.
        at: String,
        why: String,
    },
    /// It ended before its end.
    Cut {
        /// How much had come.
        bytes: usize,
    },
    NotHttp,
    TooLarge {
        max: usize,
    },
}

impl Connections {
    /// Opens nothing yet. A proxy is used for `https` where the environment says so.
    pub(crate) fn to(base_url: &str, connect_ms: u64, proxies: &Matcher) -> Connections {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_millis(connect_ms)));
        let uri = base_url.parse::<Uri>().ok().filter(|it| it.scheme_str() == Some("https"));
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(60));
        match uri.and_then(|uri| proxies.intercept(&uri)) {
            None => Connections::Direct(client.build(encrypted(tcp))),
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                Connections::Tunnelled(client.build(encrypted(tunnel)))
            }
        }
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        call: &Call,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| Error::Address(url.to_owned()))?;
        *request.headers_mut() = headers;
        let sending = async {
            match self {
                Connections::Direct(client) => client.request(request).await,
                Connections::Tunnelled(client) => client.request(request).await,
            }
        };
        let answer = call.within(Waited::Answer, call.limits.answer_ms, sending).await?;
        let answer = answer.map_err(|error| call.not_sent(url, &error))?;
        let (head, incoming) = Response::into_parts(answer);
        let max_bytes = call.limits.answer_max_bytes;
        let body = Body { call: *call, incoming, bytes: 0, max_bytes };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// With TLS where the address says so. A machine without authorities can still speak to itself.
fn encrypted<C>(connector: C) -> HttpsConnector<C> {
    let ring = || rustls::crypto::ring::default_provider();
    let roots = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring());
    let builder = roots.unwrap_or_else(|_| {
        let nobody = rustls::ClientConfig::builder_with_provider(ring().into())
            .with_safe_default_protocol_versions()
            .expect("ring speaks the usual versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(nobody)
    });
    builder.https_or_http().enable_http1().wrap_connector(connector)
}

impl Call {
    /// A call that begins now.
    pub(crate) fn new(limits: Limits) -> Call {
        Call { limits, ends: Instant::now() + Duration::from_millis(limits.whole_ms) }
    }

    /// Waits, as long as this may take and as long as the whole may still take.
    async fn within<T>(
        &self,
        waited: Waited,
        max_ms: u64,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let own = Instant::now() + Duration::from_millis(max_ms);
        let (until, waited, after_ms) = match own < self.ends {
            true => (own, waited, max_ms),
            false => (self.ends, Waited::Whole, self.limits.whole_ms),
        };
        let late = |_| Error::Timeout { waited, after_ms };
        tokio::time::timeout_at(until, work).await.map_err(late)
    }

    fn not_sent(&self, url: &str, error: &ClientError) -> Error {
        if error.is_connect() && causes(error).any(is_timeout) {
            let after_ms = self.limits.connect_ms;
            return Error::Timeout { waited: Waited::Connection, after_ms };
        }
        if error.is_connect() {
            let why = causes(error).last().map_or_else(String::new, ToString::to_string);
            return Error::Unreachable { at: origin(url), why };
        }
        // The connection was there and closed before the head of an answer, or that was no HTTP.
        let parse = causes(error).filter_map(|it| it.downcast_ref::<hyper::Error>());
        match parse.into_iter().any(hyper::Error::is_parse) {
            true => Error::NotHttp,
            false => Error::Cut { bytes: 0 },
        }
    }
}

impl Body {
    /// The next bytes; `None` at the proper end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.next_within(Waited::NextPiece, self.call.limits.piece_ms).await
    }

    /// The same, where they may take so long.
    pub(crate) async fn next_within(
        &mut self,
        waited: Waited,
        max_ms: u64,
    ) -> Result<Option<Bytes>, Error> {
        let Body { call, incoming, bytes, max_bytes } = self;
        loop {
            let frame = incoming.frame();
            let Some(frame) = call.within(waited, max_ms, frame).await? else { return Ok(None) };
            let cut = |_| Error::Cut { bytes: *bytes };
            let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
            *bytes += data.len();
            if *bytes > *max_bytes {
                return Err(Error::TooLarge { max: call.limits.answer_max_bytes });
            }
            return Ok(Some(data));
        }
    }

    /// All that comes.
    pub(crate) async fn whole(mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}

type Cause = dyn std::error::Error + 'static;

fn causes(error: &ClientError) -> impl Iterator<Item = &Cause> {
    std::iter::successors(Some(error as &Cause), |error| error.source())
}

fn is_timeout(error: &Cause) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

/// Scheme, host and port of an address: enough for people, and nothing that is secret.
pub(crate) fn origin(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    url[..end].to_owned()
}

/// Whether an address names a user, and so perhaps a password.
pub(crate) fn has_user(uri: &Uri) -> bool {
    uri.authority().is_some_and(|it| it.as_str().contains('@'))
}

/// What an answer says that it is.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("nothing")
}

/// Whether a host is this machine: nobody on the way can read what goes there.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
