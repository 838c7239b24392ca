//! One request over HTTP, with every wait and every size bounded.
//!
//! HTTP/1.1 over a pool of connections for each provider; TLS with the system's authorities. A
//! redirect is not followed: a key goes to the address it is meant for and to no other.

use super::limits::Limits;
use super::settings::Endpoint;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use runtime::llm::{Error, Waited};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Connections to one provider.
#[derive(Clone)]
pub(super) enum Connections {
    Direct(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Tunnelled(Client<HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>),
}

/// One call, as errors tell of it and as its time runs out.
#[derive(Clone)]
pub(super) struct Call {
    /// The model as it was asked for.
    pub(super) model: String,
    pub(super) limits: Limits,
    ends: Instant,
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
    incoming: Incoming,
    /// How much has come, bytes.
    pub(super) bytes: usize,
    /// How much may come.
    pub(super) max_bytes: usize,
}

impl Connections {
    /// Opens nothing yet. A proxy is used for `https` where the environment says so.
    pub(super) fn to(endpoint: &Endpoint, limits: &Limits, proxies: &Matcher) -> Connections {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_millis(limits.connect_ms)));
        let uri =
            endpoint.base_url.parse::<Uri>().ok().filter(|it| it.scheme_str() == Some("https"));
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
    pub(super) async fn send(
        &self,
        call: &Call,
        method: Method,
        url: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| Error::Setup {
            model: call.model.clone(),
            what: format!("{url} is no address"),
        })?;
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
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
        let body = Body { call: call.clone(), incoming, bytes: 0, max_bytes };
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
    pub(super) fn new(model: &str, limits: Limits) -> Call {
        let ends = Instant::now() + Duration::from_millis(limits.whole_ms);
        Call { model: model.to_owned(), limits, ends }
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
        let model = || self.model.clone();
        let late = |_| Error::Timeout { model: model(), waited, after_ms };
        tokio::time::timeout_at(until, work).await.map_err(late)
    }

    fn not_sent(&self, url: &str, error: &ClientError) -> Error {
        let model = self.model.clone();
        if error.is_connect() && causes(error).any(is_timeout) {
            let after_ms = self.limits.connect_ms;
            return Error::Timeout { model, waited: Waited::Connection, after_ms };
        }
        if error.is_connect() {
            let why = causes(error).last().map_or_else(String::new, ToString::to_string);
            return Error::Unreachable { model, at: origin(url), why };
        }
        // The connection was there and closed before the head of an answer, or that was no HTTP.
        let parse = causes(error).filter_map(|it| it.downcast_ref::<hyper::Error>());
        let garbled = parse.into_iter().any(hyper::Error::is_parse);
        match garbled {
            true => self.malformed("no HTTP"),
            false => Error::Cut { model, bytes: 0 },
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
        self.next_within(Waited::NextPiece, self.call.limits.piece_ms).await
    }

    /// The same, where they may take so long.
    pub(super) async fn next_within(
        &mut self,
        waited: Waited,
        max_ms: u64,
    ) -> Result<Option<Bytes>, Error> {
        let Body { call, incoming, bytes, max_bytes } = self;
        loop {
            let frame = incoming.frame();
            let frame = call.within(waited, max_ms, frame).await?;
            let Some(frame) = frame else { return Ok(None) };
            let cut = |_| Error::Cut { model: call.model.clone(), bytes: *bytes };
            let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
            *bytes += data.len();
            if *bytes > *max_bytes {
                let max = call.limits.answer_max_bytes;
                return Err(Error::TooLarge { model: call.model.clone(), max });
            }
            return Ok(Some(data));
        }
    }

    /// All that comes.
    pub(super) async fn whole(mut self) -> Result<Vec<u8>, Error> {
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
fn origin(url: &str) -> String {
    let end = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
    url[..end].to_owned()
}
