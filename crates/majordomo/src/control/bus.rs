//! Requests about the bus of the team at work: watch it, say something, see what it counts.

use super::Response;
use super::line::write;
use crate::Team;
use runtime::api::{Failure, Result};
use runtime::bus::{
    Envelope, Error, Header, Options, Pattern, Receipt, Stats, Subject, Subscription, Topic,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWrite;

/// What may be asked of the bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum BusRequest {
    /// Tell every message about a matching subject, one a line, until the connection ends. Whoever
    /// taps is nobody: the senders do not notice.
    Tap {
        /// Which subjects.
        pattern: Pattern,
    },
    /// Say something.
    Publish {
        /// About what.
        subject: Subject,
        /// What it is: the name of its schema.
        schema: String,
        /// And the version.
        version: u32,
        /// The body.
        body: Value,
    },
    /// What has become of messages.
    Stats,
}

/// What the bus answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusResponse {
    /// From now on every message is told.
    Tapped {
        /// Which subjects.
        pattern: Pattern,
    },
    /// A message that was seen.
    Message(Box<Seen>),
    /// It was said.
    Published(Receipt),
    /// What has become of messages.
    Stats(Box<Stats>),
}

/// A message as whoever taps sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Who sent it, about what.
    pub header: Header,
    /// Its contents; nothing where they cannot be read.
    pub body: Value,
    /// Why they cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Messages so far that came too fast to be told.
    pub missed: u64,
}

/// All but the tap, which has more than one answer.
pub(super) async fn answer(team: &Team, request: BusRequest) -> Result<Response> {
    let client = team.bus("operator")?;
    let answer = match request {
        BusRequest::Tap { .. } => {
            let message = "a tap cannot be asked among others; ask it alone";
            return Err(Failure::rejected(message));
        }
        BusRequest::Publish { subject, schema, version, body } => {
            let topic = Topic::<Value>::at(subject, version).named(&schema);
            BusResponse::Published(client.publish(&topic, body).await?)
        }
        BusRequest::Stats => BusResponse::Stats(Box::new(client.stats())),
    };
    Ok(Response::Bus(answer))
}

/// Tells messages as they come, until whoever taps has hung up.
pub(super) async fn tap(
    team: &Team,
    pattern: Pattern,
    hung_up: impl Future,
    out: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut subscription = match listen(team, &pattern).await {
        Ok(subscription) => subscription,
        Err(why) => {
            let refused = Response::Refused { message: why.to_string(), retry_after_ms: None };
            return write(out, &refused).await;
        }
    };
    write(out, &Response::Bus(BusResponse::Tapped { pattern })).await?;
    tokio::pin!(hung_up);
    loop {
        let next = tokio::select! {
            next = subscription.next() => next,
            _ = &mut hung_up => return Ok(()),
        };
        let Some(envelope) = next else { return Ok(()) };
        let seen = Box::new(seen(&envelope, subscription.counts().dropped));
        write(out, &Response::Bus(BusResponse::Message(seen))).await?;
    }
}

async fn listen(team: &Team, pattern: &Pattern) -> std::result::Result<Subscription, Error> {
    let options = Options { silent: true, ..Options::default() };
    team.bus("tap")?.listen(pattern, options).await
}

fn seen(envelope: &Arc<Envelope>, missed: u64) -> Seen {
    let (body, unreadable) = match envelope.body.to_json() {
        Ok(body) => (body, None),
        Err(why) => (Value::Null, Some(why)),
    };
    Seen { header: envelope.header.clone(), body, unreadable, missed }
}
