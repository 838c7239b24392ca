//! `majordomo inbox` and `majordomo answer`: what waits for a person, and what the person says.

use super::Global;
use super::control::tell;
use crate::exit::Exit;
use anyhow::bail;
use majordomo::control::{Door, Request, Response};
use majordomo::session::Waiting;
use majordomo::show::escape;
use serde_json::Value;

/// Show what waits for a person
#[derive(clap::Args)]
pub(crate) struct Inbox {}

impl Inbox {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let response = held(global)?.ask("", Request::Inbox).await?;
        let Response::Inbox { waiting, more } = response else {
            bail!("the process that holds the data did not say what waits: is it older than this?");
        };
        if global.json {
            anstream::println!("{}", serde_json::json!({ "waiting": waiting, "more": more }));
            return Ok(Exit::Done);
        }
        if waiting.is_empty() {
            anstream::println!("nothing waits for a person");
        }
        for line in waiting.iter().flat_map(in_words) {
            anstream::println!("{}", escape::terminal(&line));
        }
        if more > 0 {
            anstream::println!("and {more} more");
        }
        Ok(Exit::Done)
    }
}

/// A question, as lines. All of it was written by agents: data, whatever it looks like.
fn in_words(question: &Waiting) -> [String; 3] {
    let Waiting { task, run, agent, capability, question, left_ms } = question;
    let left = left_ms.map_or(String::new(), |ms| format!(" · {} until it is a no", rough(ms)));
    [
        format!("task {task} of run {run} asks {agent}: {capability}{left}"),
        format!("  {question}"),
        format!("  majordomo answer {task} yes|no|JSON [--note TEXT]"),
    ]
}

fn rough(ms: u64) -> String {
    match ms / 1_000 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3_600),
    }
}

/// Answer what waits for a person
#[derive(clap::Args)]
pub(crate) struct Answer {
    /// The task, as `majordomo inbox` shows it
    task: u64,
    /// `yes`, `no`, or the answer as JSON; anything else is taken as text
    answer: String,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    note: String,
    /// Who answers, for the record; your name on this machine if nothing is said
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Answer {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Answer { task, answer, note, by } = self;
        drop(held(global)?); // Whoever answers must know whether anybody heard it.
        let answer = match answer.as_str() {
            "yes" => Value::Bool(true),
            "no" => Value::Bool(false),
            other => serde_json::from_str(other).unwrap_or_else(|_| other.into()),
        };
        let by = by.unwrap_or_else(own_name);
        let said = format!("task {task} is answered");
        tell(global, Request::Answer { task, answer, by, note }, &said).await
    }
}

/// The name of whoever types.
fn own_name() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let uid = || format!("user {}", rustix::process::getuid().as_raw());
    named.filter(|name| !name.is_empty()).unwrap_or_else(uid)
}

fn held(global: &Global) -> anyhow::Result<Door> {
    let data = global.data();
    let door = Door::of(&data)?;
    if !door.is_held() {
        bail!(
            "nobody works on {}: start `majordomo up TEAM` or `majordomo resume`, and what waits \
             for a person is asked again",
            data.path().display()
        );
    }
    Ok(door)
}
