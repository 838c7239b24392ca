//! `majordomo dead`: tasks that used up their attempts, and what becomes of them.

use super::Global;
use super::control::tell;
use super::read::{format, print, reader};
use crate::exit::Exit;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use majordomo::control::{Door, MANY_MAX, Request, Response};
use majordomo::show;
use majordomo::team::quantity::Duration;
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Look after tasks that used up their attempts
#[derive(clap::Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List them
    List,
    /// Show one with its input and every failure
    Show {
        /// Its number
        task: u64,
    },
    Retry(Retry),
    Drop(Discard),
}

/// Give dead tasks another life, as new root tasks; what died stays dead and points to it
#[derive(clap::Args)]
struct Retry {
    /// Its number
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    task: Option<u64>,
    /// Another input than its own: JSON, or a file of JSON as `@FILE`
    #[arg(long, value_name = "JSON", conflicts_with = "all")]
    input: Option<String>,
    /// All that wait for a decision
    #[arg(long)]
    all: bool,
    /// Of these only those that were asked for this
    #[arg(long, value_name = "NAME", requires = "all")]
    capability: Option<String>,
}

/// Forget dead tasks
#[derive(clap::Args)]
struct Discard {
    /// Its number
    #[arg(required_unless_present = "older", conflicts_with = "older")]
    task: Option<u64>,
    /// All that died longer ago than this: 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = Duration::parse)]
    older: Option<Duration>,
}

impl Dead {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            What::List => print(&show::dead(&reader(global)?, &format(global))?),
            What::Show { task } => {
                print(&show::dead_letter(&reader(global)?, task, &format(global))?)
            }
            What::Retry(it) => it.run(global).await,
            What::Drop(it) => it.run(global).await,
        }
    }
}

impl Retry {
    async fn run(self, global: &Global) -> Result<Exit> {
        let Some(task) = self.task else {
            let wanted = self.capability;
            let letters = reader(global)?.dead()?;
            let chosen = letters.iter().filter(|it| wanted.is_none() || it.capability == wanted);
            let requests =
                chosen.map(|it| (it.task, Request::Release { task: it.task, input: None }));
            return each(global, requests.collect(), "given another life").await;
        };
        let input = self.input.map(|text| json(&text)).transpose()?;
        let other = if input.is_some() { " with the new input" } else { "" };
        let said = format!("task {task} has another life{other}; see `majordomo tasks`");
        tell(global, Request::Release { task, input }, &said).await
    }
}

impl Discard {
    async fn run(self, global: &Global) -> Result<Exit> {
        let (Some(older), None) = (self.older, self.task) else {
            let Some(task) = self.task else { bail!("say which task, or --older 7d") };
            let said = format!("task {task} is forgotten");
            return tell(global, Request::Discard { task }, &said).await;
        };
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let before_ms = i64::try_from(now_ms)?.saturating_sub_unsigned(older.as_ms());
        let letters = reader(global)?.dead()?;
        let chosen = letters.iter().filter(|it| it.at_ms < before_ms);
        let requests = chosen.map(|it| (it.task, Request::Discard { task: it.task }));
        each(global, requests.collect(), "forgotten").await
    }
}

/// JSON, or what stands in `@FILE`.
fn json(text: &str) -> Result<Value> {
    let Some(file) = text.strip_prefix('@') else {
        return serde_json::from_str(text).with_context(|| {
            format!("{text} is no JSON; text needs quotes of its own: '\"text\"'")
        });
    };
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{file} holds no JSON"))
}

/// Decides about each letter, and says what became of those where it was not possible.
async fn each(global: &Global, requests: Vec<(u64, Request)>, done: &str) -> Result<Exit> {
    let mut door = Door::of(&global.data())?;
    let (mut did, mut refused) = (0, 0);
    for requests in requests.chunks(MANY_MAX) {
        let asked = requests.iter().map(|(_, request)| request.clone()).collect();
        let answers = match door.ask("", Request::Many { requests: asked }).await? {
            Response::Many { answers } => answers,
            other => bail!("not an answer to many: {}", serde_json::to_string(&other)?),
        };
        for ((task, _), answer) in requests.iter().zip(answers) {
            let is_refused = matches!(answer, Response::Refused { .. });
            *(if is_refused { &mut refused } else { &mut did }) += 1;
            say(global, *task, &answer)?;
        }
    }
    if !global.json {
        let few = if refused > 0 { format!(", {refused} not") } else { String::new() };
        anstream::println!("{did} dead tasks are {done}{few}");
    }
    Ok(if refused == 0 { Exit::Done } else { Exit::Failed })
}

/// A line for programs; for people only what they need to know.
fn say(global: &Global, letter: u64, answer: &Response) -> Result<()> {
    match answer {
        answer if global.json => {
            let line = serde_json::json!({ "letter": letter, "answer": answer });
            anstream::println!("{line}");
        }
        Response::Accepted { task, .. } => anstream::println!("task {letter} lives as task {task}"),
        Response::Refused { message, .. } => anstream::eprintln!("task {letter}: {message}"),
        _ => {}
    }
    Ok(())
}
