//! Requests about durable topics: what is kept, for whom, and what an operator decides.

use super::Response;
use crate::Team;
use kernel::topic::{Place, Receipts, Summary, TopicTerms};
use kernel::{Command, TopicCommand};
use runtime::api::{Failure, PublishOptions, Result, Sent};
use runtime::bus::{Subject, Topic};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What may be asked about durable topics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum TopicRequest {
    /// All of them, in figures.
    List,
    /// What became of a message.
    Receipts {
        /// Which topic.
        topic: Subject,
        /// Its number.
        seq: u64,
    },
    /// Keep a message.
    Publish {
        /// Which topic.
        topic: Subject,
        /// What it is: the name of its schema.
        schema: String,
        /// And the version.
        version: u32,
        /// The body.
        body: Value,
        /// The same key is the same message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Worth nothing after this many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
    },
    /// A subscriber reads again from elsewhere.
    Replay {
        /// Which topic.
        topic: Subject,
        /// Who.
        name: String,
        /// From where.
        from: Place,
    },
    /// Give a dead letter another life.
    Redeliver {
        /// Which topic.
        topic: Subject,
        /// Whose.
        name: String,
        /// Which.
        seq: u64,
    },
    /// Forget a dead letter.
    Discard {
        /// Which topic.
        topic: Subject,
        /// Whose.
        name: String,
        /// Which.
        seq: u64,
    },
    /// Keep nothing for a name any more.
    Unsubscribe {
        /// Which topic.
        topic: Subject,
        /// Who.
        name: String,
    },
    /// How much a topic keeps, and what holds where nothing is said.
    Set {
        /// Which topic.
        topic: Subject,
        /// All of it: what is not said is as usual.
        #[serde(flatten)]
        terms: TopicTerms,
    },
    /// A topic goes, with all that it keeps.
    Remove {
        /// Which.
        topic: Subject,
    },
}

/// What is answered about durable topics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicResponse {
    /// All of them, by name.
    List(BTreeMap<String, Summary>),
    /// What became of a message.
    Receipts(Receipts),
    /// It is kept.
    Published(Sent),
}

pub(super) async fn answer(team: &Team, request: TopicRequest) -> Result<Response> {
    let (topic, what) = match request {
        TopicRequest::List => {
            let topics = team.topics().into_iter();
            let topics = topics.map(|(name, it)| (name.to_string(), it)).collect();
            return Ok(Response::Topics(TopicResponse::List(topics)));
        }
        TopicRequest::Receipts { topic, seq } => {
            let durable = team.durable("operator", &Topic::<Value>::at(topic.clone(), 1))?;
            let receipts = durable.receipts(seq).ok_or_else(|| {
                Failure::rejected(format!("no message {seq} was ever published on {topic}"))
            })?;
            return Ok(Response::Topics(TopicResponse::Receipts(receipts)));
        }
        TopicRequest::Publish { topic, schema, version, body, key, ttl_ms } => {
            let topic = Topic::<Value>::at(topic, version).named(&schema);
            let options = PublishOptions { key, ttl: ttl_ms.map(Duration::from_millis) };
            let sent = team.durable("operator", &topic)?.publish_with(body, options).await?;
            return Ok(Response::Topics(TopicResponse::Published(sent)));
        }
        TopicRequest::Replay { topic, name, from } => {
            (topic, TopicCommand::Replay { name: name.into(), from })
        }
        TopicRequest::Redeliver { topic, name, seq } => {
            (topic, TopicCommand::Redeliver { name: name.into(), seq })
        }
        TopicRequest::Discard { topic, name, seq } => {
            (topic, TopicCommand::Discard { name: name.into(), seq })
        }
        TopicRequest::Unsubscribe { topic, name } => {
            (topic, TopicCommand::Unsubscribe(name.into()))
        }
        TopicRequest::Set { topic, terms } => (topic, TopicCommand::Set(terms)),
        TopicRequest::Remove { topic } => (topic, TopicCommand::Remove),
    };
    team.command(Command::Topic(topic.as_str().into(), what)).await.map(|_| Response::Done)
}
