//! `majordomo bus`: watch the messages of the team at work, say something, see what was counted.

use super::Global;
use super::control::ask_holder;
use super::read::{format, print};
use crate::exit::Exit;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use majordomo::control::{BusRequest, BusResponse, Request, Response};
use majordomo::runtime::bus::{Pattern, Receipt, Subject};
use majordomo::show;
use serde_json::Value;

/// Watch the bus of the process at work, or say something on it
///
/// A tap sees what agents in Rust, `jsonl` programs and `bus publish` send. Builtins, people,
/// models and `plain` programs send no messages
#[derive(clap::Args)]
pub(crate) struct Bus {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show every message about a subject as it passes, until interrupted; nobody notices
    Tap {
        /// Words between dots; `*` is any word, `>` all that follows
        #[arg(default_value = ">")]
        subject: Pattern,
        /// End after so many messages
        #[arg(long, value_name = "MESSAGES")]
        count: Option<u64>,
    },
    /// Send a message; exit code 1 if nobody listens
    Publish {
        /// Words between dots
        subject: Subject,
        /// The message, as JSON
        body: String,
        /// What it is, as those who listen expect it
        #[arg(long, default_value = "Value@1", value_name = "NAME@VERSION")]
        schema: String,
    },
    /// Show who listens to what, and what was delivered, dropped and expired
    Stats,
}

impl Bus {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            What::Tap { subject, count } => tap(global, subject, count),
            What::Publish { subject, body, schema } => {
                publish(global, subject, &body, &schema).await
            }
            What::Stats => stats(global).await,
        }
    }
}

fn tap(global: &Global, pattern: Pattern, count: Option<u64>) -> Result<Exit> {
    let request = Request::Bus(BusRequest::Tap { pattern });
    let (format, mut left) = (format(global), count.unwrap_or(u64::MAX));
    if left == 0 {
        return Ok(Exit::Done);
    }
    ask_holder(global)?.follow(&request, |response| {
        match response {
            Response::Bus(BusResponse::Message(seen)) => {
                print(&show::message(&seen, &format))?;
                left -= 1;
            }
            Response::Bus(BusResponse::Tapped { pattern }) => {
                anstream::eprintln!("listening to {pattern}");
            }
            Response::Refused { message, .. } => bail!(message),
            other => bail!("not what was asked for: {other:?}"),
        }
        Ok(left > 0)
    })?;
    // With a count, it is done only when so many have passed.
    Ok(if count.is_none() || left == 0 { Exit::Done } else { Exit::Failed })
}

async fn publish(global: &Global, subject: Subject, body: &str, schema: &str) -> Result<Exit> {
    let (name, version) = schema.rsplit_once('@').context("write the schema as NAME@VERSION")?;
    let version = version.parse().with_context(|| format!("{version:?} is no version"))?;
    let body: Value = serde_json::from_str(body).context("the message is not JSON")?;
    let (about, schema) = (subject.clone(), name.to_owned());
    let request = BusRequest::Publish { subject, schema, version, body };
    let response = ask_holder(global)?.ask("", Request::Bus(request)).await?;
    let Response::Bus(BusResponse::Published(receipt)) = response else {
        bail!("not what was asked for: {response:?}");
    };
    if global.json {
        anstream::println!("{}", serde_json::to_string(&receipt)?);
    } else if receipt.is_nobody() {
        anstream::println!("nobody listens to {about}; the message is gone");
    } else {
        let Receipt { delivered, dropped } = receipt;
        anstream::println!("delivered to {delivered}, without room for it {dropped}");
    }
    Ok(if receipt.is_nobody() { Exit::Failed } else { Exit::Done })
}

async fn stats(global: &Global) -> Result<Exit> {
    let response = ask_holder(global)?.ask("", Request::Bus(BusRequest::Stats)).await?;
    let Response::Bus(BusResponse::Stats(stats)) = response else {
        bail!("not what was asked for: {response:?}");
    };
    print(&show::bus(&stats, &format(global)))
}
