//! Language models: `provider/model` → requests over HTTP → replies, or why there is none.
//!
//! Two wire formats reach everybody: OpenAI's chat completions (`chat`), which Google, Ollama and
//! the servers for open models speak too, and Anthropic's messages (`messages`). Both go over one
//! HTTP client (`http`) that bounds every wait and every size, and tells an answer that ended
//! from one that broke off. What was asked and answered can be kept, and answered from
//! ([`cassette`]).

mod allowance;
pub mod cassette;
mod chat;
mod http;
mod limits;
mod messages;
pub mod price;
pub mod provider;
pub mod rate;
mod reading;
mod refusal;
pub mod settings;
#[cfg(test)]
mod tests;

pub use crate::web::secret;
pub use cassette::Cassette;
pub use limits::Limits;
pub use provider::Provider;
pub use secret::Secret;
pub use settings::{Endpoint, Setting};

use crate::web::{Connections, content_type, sse};
use futures_util::stream;
use http::{Answer, Call};
use hyper::Method;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use provider::Wire;
use reading::Reading;
use runtime::llm::{Error, Reply, Request, Usage};
use runtime::port::llm::Parts;
use runtime::port::{BoxFuture, Llm};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of Anthropic's format that is written here.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Every provider that is set up. Cheap to clone.
#[derive(Clone)]
pub struct Models {
    places: Arc<BTreeMap<Provider, Result<Place, String>>>,
    limits: Limits,
}

/// A provider that can be called.
#[derive(Clone)]
struct Place {
    endpoint: Endpoint,
    connections: Connections,
}

/// What an event of a stream may be instead of a piece.
enum Unusable {
    /// It is not in the format.
    Malformed(String),
    /// The other side gives up, as it would have by this status.
    Refused { status: u16, said: Value },
}

fn json(event: &sse::Event) -> Result<Value, Unusable> {
    serde_json::from_str(&event.data)
        .map_err(|why| Unusable::Malformed(format!("an event of it is no JSON ({why})")))
}

/// A field that is text.
fn word<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

impl Models {
    /// Whatever the environment of this process says.
    #[must_use]
    pub fn from_environment(limits: Limits) -> Models {
        let variable = |name: &str| std::env::var(name).ok();
        let settings = Provider::ALL.map(|it| (it, Endpoint::from_variables(it, &variable)));
        Models::new(settings, limits, &Matcher::from_env())
    }

    /// These endpoints and no others, without a proxy.
    #[must_use]
    pub fn at(endpoints: impl IntoIterator<Item = Endpoint>, limits: Limits) -> Models {
        let settings = endpoints.into_iter().map(|it| (it.provider, Ok(it)));
        Models::new(settings, limits, &Matcher::builder().build())
    }

    fn new(
        settings: impl IntoIterator<Item = (Provider, Setting)>,
        limits: Limits,
        proxies: &Matcher,
    ) -> Models {
        let place = |endpoint: Endpoint| {
            let connections = Connections::to(&endpoint.base_url, limits.connect_ms, proxies);
            Place { endpoint, connections }
        };
        let places = settings.into_iter().map(|(provider, it)| (provider, it.map(place)));
        Models { places: Arc::new(places.collect()), limits }
    }

    /// Who is set up, and where; or why not.
    pub fn settings(&self) -> impl Iterator<Item = (Provider, Result<&Endpoint, &str>)> {
        self.places.iter().map(|(provider, place)| {
            (*provider, place.as_ref().map(|it| &it.endpoint).map_err(String::as_str))
        })
    }

    /// The keys that are in use: what must not stand in anything that is kept.
    pub fn keys(&self) -> impl Iterator<Item = Secret> {
        self.places.values().filter_map(|place| place.as_ref().ok()?.endpoint.key.clone())
    }

    /// The models that a provider has.
    ///
    /// # Errors
    /// As with any call: it is not set up, cannot be reached, or does not take the key.
    pub async fn list(&self, provider: Provider) -> Result<Vec<String>, Error> {
        let name = provider.name();
        let place = self.of(provider, name)?;
        let call = Call::new(name, self.limits);
        let url = place.url("/models");
        let headers = place.headers(None)?;
        let connections = &place.connections;
        let answer = http::send(connections, &call, Method::GET, &url, &headers, Vec::new());
        let answer = accepted(&call, &place.endpoint, answer.await?).await?;
        let body = json_body(&call, answer).await?;
        let list = body.get("data").and_then(Value::as_array);
        let list = list.ok_or_else(|| call.malformed("a list of models without `data`"))?;
        let id = |it: &Value| word(it, "id").map(str::to_owned);
        Ok(list.iter().filter_map(id).collect())
    }

    fn place<'a>(&self, model: &'a str) -> Result<(&Place, &'a str), Error> {
        let parsed = provider::parse(model);
        let wrong = |what| Error::Setup { model: model.to_owned(), what };
        let (provider, name) = parsed.map_err(wrong)?;
        Ok((self.of(provider, model)?, name))
    }

    fn of(&self, provider: Provider, model: &str) -> Result<&Place, Error> {
        let place = self.places.get(&provider);
        let place = place.ok_or_else(|| format!("provider {provider} is not set up"));
        let wrong = |what: String| Error::Setup { model: model.to_owned(), what };
        place.and_then(|it| it.as_ref().map_err(Clone::clone)).map_err(wrong)
    }

    /// Sends a request; the answer has begun, and it is one.
    async fn begin(
        &self,
        request: &Request,
        streamed: bool,
    ) -> Result<(Call, Place, Answer), Error> {
        let (place, model) = self.place(&request.model)?;
        let call = Call::new(&request.model, self.limits);
        let provider = place.endpoint.provider;
        let (path, body) = match provider.wire() {
            Wire::ChatCompletions => {
                ("/chat/completions", chat::body(request, provider, model, streamed))
            }
            Wire::Messages => {
                ("/messages", messages::body(request, model, self.limits.output_tokens, streamed))
            }
        };
        let (url, headers) = (place.url(path), place.headers(Some(request))?);
        let body = body.to_string().into_bytes();
        let connections = &place.connections;
        let answer = http::send(connections, &call, Method::POST, &url, &headers, body).await?;
        let answer = accepted(&call, &place.endpoint, answer).await?;
        Ok((call, place.clone(), answer))
    }

    async fn whole(self, request: Arc<Request>) -> Result<Reply, Error> {
        let (call, place, answer) = self.begin(&request, false).await?;
        let allowance = allowance::read(&answer.headers);
        let body = json_body(&call, answer).await?;
        read(&call, &place, &body, &request).map(|reply| Reply { allowance, ..reply })
    }
}

impl Llm for Models {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        Box::pin(self.clone().whole(request))
    }

    fn stream(&self, request: Arc<Request>) -> Parts {
        let reading = Reading::of(self.clone(), request);
        Box::pin(stream::try_unfold(reading, Reading::next))
    }

    fn check(&self, model: &str) -> Result<(), Error> {
        self.place(model).map(drop)
    }
}

impl Place {
    fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.endpoint.base_url, self.endpoint.provider.prefix())
    }

    fn headers(
        &self,
        request: Option<&Request>,
    ) -> Result<Vec<(&'static str, HeaderValue)>, Error> {
        let Endpoint { provider, key, .. } = &self.endpoint;
        let unfit = |_| Error::Setup {
            model: request.map_or_else(|| provider.to_string(), |it| it.model.clone()),
            what: "a key that cannot be sent as a header".to_owned(),
        };
        let mut headers = vec![
            ("accept", HeaderValue::from_static("application/json, text/event-stream")),
            (
                "user-agent",
                HeaderValue::from_static(concat!("majordomo/", env!("CARGO_PKG_VERSION"))),
            ),
        ];
        let (name, before) = match provider.wire() {
            Wire::ChatCompletions => ("authorization", "Bearer "),
            Wire::Messages => ("x-api-key", ""),
        };
        if let Some(key) = key {
            let mut value: HeaderValue =
                format!("{before}{}", key.expose()).parse().map_err(unfit)?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
        if provider.wire() == Wire::Messages {
            headers.push(("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION)));
        }
        let Some(request) = request else { return Ok(headers) };
        headers.push(("content-type", HeaderValue::from_static("application/json")));
        for (name, value) in
            [("idempotency-key", &request.key), ("majordomo-token", &request.token)]
        {
            if let Some(value) = value {
                headers.push((name, value.parse().map_err(unfit)?));
            }
        }
        Ok(headers)
    }
}

/// An answer whose status says that it is one.
async fn accepted(call: &Call, endpoint: &Endpoint, answer: Answer) -> Result<Answer, Error> {
    match answer.status.is_success() {
        true => Ok(answer),
        false => Err(refusal::read(call, endpoint, answer).await),
    }
}

async fn json_body(call: &Call, answer: Answer) -> Result<Value, Error> {
    let said = content_type(&answer.headers);
    if !said.contains("json") {
        return Err(call.malformed(format!("it says that it is {said:.60}, not JSON")));
    }
    let body = answer.body.whole().await?;
    serde_json::from_slice(&body).map_err(|why| call.malformed(format!("no JSON ({why})")))
}

fn read(call: &Call, place: &Place, body: &Value, request: &Request) -> Result<Reply, Error> {
    let reply = match place.endpoint.provider.wire() {
        Wire::ChatCompletions => chat::reply(body),
        Wire::Messages => messages::reply(body, request),
    };
    reply.map(|reply| counted(reply, request)).map_err(|what| call.malformed(what))
}

/// With a guess of the tokens where the other side does not count.
fn counted(mut reply: Reply, request: &Request) -> Reply {
    if reply.usage.total_tokens() == 0 {
        let input: usize = request.messages.iter().map(|it| it.text().len()).sum();
        let calls: usize = reply.calls.iter().map(|it| it.arguments.len()).sum();
        reply.usage = Usage::estimated(input, reply.text.len() + calls);
    }
    reply
}
