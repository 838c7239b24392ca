//! `majordomo topics`: durable topics, who reads them, and what became of messages.

use super::Global;
use super::control::tell;
use super::read::{format, print};
use crate::exit::Exit;
use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use kernel::topic::{Full, Place, SubscriberTerms, Summary, TopicTerms};
use majordomo::control::{Door, Request, Response, TopicRequest, TopicResponse};
use majordomo::runtime::bus::Subject;
use majordomo::show;
use majordomo::team::quantity::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// Look after durable topics: what they keep, for whom, and what nobody could handle
#[derive(clap::Args)]
pub(crate) struct Topics {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List them
    List,
    Show(Show),
    Publish(Publish),
    Replay(Replay),
    Dead(Dead),
    Set(Set),
    /// Keep nothing for a durable name any more; its dead letters go, too
    Unsubscribe {
        /// The topic
        topic: Subject,
        /// The durable name
        name: String,
    },
    /// Remove a topic that nobody subscribes to, with all that it keeps
    Remove {
        /// The topic
        topic: Subject,
    },
}

/// Show who reads a topic, or what became of one message
#[derive(clap::Args)]
struct Show {
    /// The topic
    topic: Subject,
    /// The number of a message
    #[arg(long, value_name = "NUMBER")]
    message: Option<u64>,
}

/// Publish a message: it is kept; exit code 1 if nobody subscribes yet
#[derive(clap::Args)]
struct Publish {
    /// The topic
    topic: Subject,
    /// The message, as JSON
    body: String,
    /// What it is, as those who read it expect it
    #[arg(long, default_value = "Value@1", value_name = "NAME@VERSION")]
    schema: String,
    /// The same key is the same message, for as long as that is kept
    #[arg(long)]
    key: Option<String>,
    /// Worth nothing after this time: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = Duration::parse)]
    ttl: Option<Duration>,
}

/// Let a subscriber read again from elsewhere; what it has in hand is stale then
#[derive(clap::Args)]
struct Replay {
    /// The topic
    topic: Subject,
    /// The durable name
    name: String,
    /// From where: `first`, `now`, a number, or a time such as 2026-01-31T09:00:00Z
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Place,
}

/// Messages that came back too often, and what becomes of them
#[derive(clap::Args)]
struct Dead {
    #[command(subcommand)]
    what: Letter,
}

#[derive(Subcommand)]
enum Letter {
    /// List them, with every reason
    List {
        /// Only those of this topic
        topic: Option<Subject>,
    },
    /// Give one another life, under its number
    Retry {
        /// The topic
        topic: Subject,
        /// The durable name
        name: String,
        /// The number of the message
        message: u64,
    },
    /// Forget one
    Drop {
        /// The topic
        topic: Subject,
        /// The durable name
        name: String,
        /// The number of the message
        message: u64,
    },
}

/// Say how much a topic keeps, and what holds where nothing is said; it is there from then on
///
/// What is not given is as usual. A topic that stands in the team file is as that says again when
/// the team starts
#[derive(clap::Args)]
struct Set {
    /// The topic
    topic: Subject,
    /// Messages; as many as the limits allow, if nothing is said
    #[arg(long, value_name = "MESSAGES")]
    messages: Option<u64>,
    /// Bytes of messages; the same
    #[arg(long, value_name = "BYTES")]
    bytes: Option<u64>,
    /// When there is no room: refuse what is new, or drop the oldest and count it
    #[arg(long, value_enum, default_value = "refuse")]
    full: WhenFull,
    /// What its messages are; others are refused
    #[arg(long, value_name = "NAME@VERSION")]
    schema: Option<String>,
    /// A message that says nothing of it is worth nothing after this time: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = Duration::parse)]
    ttl: Option<Duration>,
    /// A delivery of which nothing is said for so long comes again, for names that say nothing
    /// of it
    #[arg(long, value_name = "TIME", value_parser = Duration::parse)]
    ack: Option<Duration>,
    /// Messages that such a name may have in hand
    #[arg(long, value_name = "MESSAGES")]
    window: Option<u32>,
    /// Deliveries of one message that may come to nothing before it is a dead letter of such a name
    #[arg(long, value_name = "DELIVERIES")]
    deliveries: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum WhenFull {
    Refuse,
    DropOldest,
}

/// A place in a topic, as people write it.
fn place(text: &str) -> Result<Place, String> {
    match text {
        "first" => return Ok(Place::First),
        "now" => return Ok(Place::Now),
        _ => {}
    }
    if let Ok(seq) = text.parse() {
        return Ok(Place::Seq(seq));
    }
    let moment = text.parse::<jiff::Timestamp>().map_err(|why| {
        format!("neither `first`, `now`, a number nor a time as 2026-01-31T09:00:00Z: {why}")
    })?;
    let ms = u64::try_from(moment.as_millisecond()).unwrap_or(0);
    Ok(Place::Wall { ms })
}

impl Topics {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            What::List => print(&show::topics(&all(global).await?, &format(global))),
            What::Show(it) => it.run(global).await,
            What::Publish(it) => it.run(global).await,
            What::Replay(Replay { topic, name, from }) => {
                let said = format!("{name} reads {topic} again from there");
                ask(global, TopicRequest::Replay { topic, name, from }, &said).await
            }
            What::Dead(it) => it.run(global).await,
            What::Set(it) => it.run(global).await,
            What::Unsubscribe { topic, name } => {
                let said = format!("nothing is kept for {name} on {topic} any more");
                ask(global, TopicRequest::Unsubscribe { topic, name }, &said).await
            }
            What::Remove { topic } => {
                let said = format!("{topic} is removed");
                ask(global, TopicRequest::Remove { topic }, &said).await
            }
        }
    }
}

impl Show {
    async fn run(self, global: &Global) -> Result<Exit> {
        let Show { topic, message } = self;
        let Some(seq) = message else {
            let (name, found) = one(global, &topic).await?;
            return print(&show::topic(&name, &found, &format(global)));
        };
        match about(global, TopicRequest::Receipts { topic, seq }).await? {
            TopicResponse::Receipts(receipts) => {
                print(&show::receipts(seq, &receipts, &format(global)))
            }
            other => bail!("not what was asked for: {other:?}"),
        }
    }
}

impl Publish {
    async fn run(self, global: &Global) -> Result<Exit> {
        let Publish { topic, body, schema, key, ttl } = self;
        let wrong = "write the schema as NAME@VERSION";
        let (schema, version) = schema.rsplit_once('@').context(wrong)?;
        let version = version.parse().with_context(|| format!("{version:?} is no version"))?;
        let body: Value = serde_json::from_str(&body).context("the message is not JSON")?;
        let (schema, ttl_ms) = (schema.to_owned(), ttl.map(Duration::as_ms));
        let (to, request) =
            (topic.clone(), TopicRequest::Publish { topic, schema, version, body, key, ttl_ms });
        let TopicResponse::Published(sent) = about(global, request).await? else {
            bail!("not what was asked for");
        };
        if global.json {
            anstream::println!("{}", serde_json::to_string(&sent)?);
        } else {
            let again = if sent.fresh { "" } else { " already; its key is known" };
            let readers = match sent.subscribers {
                0 => "nobody subscribes yet".to_owned(),
                1 => "1 subscriber".to_owned(),
                many => format!("{many} subscribers"),
            };
            anstream::println!("message {} of {to} is kept{again}: {readers}", sent.seq);
        }
        Ok(if sent.is_nobody() { Exit::Failed } else { Exit::Done })
    }
}

impl Dead {
    async fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            Letter::List { topic } => {
                let mut topics = all(global).await?;
                if let Some(topic) = &topic {
                    topics.retain(|name, _| name == topic.as_str());
                }
                print(&show::dead_messages(&topics, &format(global)))
            }
            Letter::Retry { topic, name, message: seq } => {
                let said = format!("message {seq} of {topic} goes to {name} again");
                ask(global, TopicRequest::Redeliver { topic, name, seq }, &said).await
            }
            Letter::Drop { topic, name, message: seq } => {
                let said = format!("message {seq} of {topic} is forgotten for {name}");
                ask(global, TopicRequest::Discard { topic, name, seq }, &said).await
            }
        }
    }
}

impl Set {
    async fn run(self, global: &Global) -> Result<Exit> {
        let full = match self.full {
            WhenFull::Refuse => Full::Refuse,
            WhenFull::DropOldest => Full::DropOldest,
        };
        let said = format!("{} is set", self.topic);
        let Set { topic, messages, bytes, schema, ttl, ack, window, deliveries, .. } = self;
        let usual = SubscriberTerms::default();
        let says = ack.is_some() || window.is_some() || deliveries.is_some();
        let served = says.then(|| SubscriberTerms {
            ack_ms: ack.map_or(usual.ack_ms, Duration::as_ms),
            window: window.unwrap_or(usual.window),
            deliveries_max: deliveries.unwrap_or(usual.deliveries_max),
        });
        let terms = TopicTerms {
            messages_max: messages,
            bytes_max: bytes,
            full,
            ttl_ms: ttl.map(Duration::as_ms),
            schema: schema.map(Into::into),
            served,
        };
        ask(global, TopicRequest::Set { topic, terms }, &said).await
    }
}

async fn ask(global: &Global, request: TopicRequest, said: &str) -> Result<Exit> {
    tell(global, Request::Topics(request), said).await
}

/// What is answered, by whoever holds the journal or by opening it for a moment.
async fn about(global: &Global, request: TopicRequest) -> Result<TopicResponse> {
    match Door::of(&global.data())?.ask("", Request::Topics(request)).await? {
        Response::Topics(response) => Ok(response),
        other => bail!("not what was asked for: {other:?}"),
    }
}

async fn all(global: &Global) -> Result<BTreeMap<String, Summary>> {
    match about(global, TopicRequest::List).await? {
        TopicResponse::List(topics) => Ok(topics),
        other => bail!("not what was asked for: {other:?}"),
    }
}

async fn one(global: &Global, topic: &Subject) -> Result<(String, Summary)> {
    let found = all(global).await?.remove_entry(topic.as_str());
    found.with_context(|| format!("there is no durable topic {topic}; see `majordomo topics list`"))
}
