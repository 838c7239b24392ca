//! `majordomo submit`: one task by hand, or a file of them.

mod many;

use super::Global;
use super::ear::Printer;
use crate::exit::Exit;
use anyhow::Context;
use majordomo::control::{self, Door, Request, Response};
use majordomo::team::requirement;
use serde_json::Value;
use std::path::PathBuf;

/// Hand over one task, or a file of them
#[derive(clap::Args)]
pub(crate) struct Submit {
    /// What is asked for: `text.count` or `text.count@1`; with --many, where a line does not say
    #[arg(required_unless_present = "many")]
    capability: Option<String>,
    /// The input, as JSON; anything else is taken as text
    #[arg(default_value = "null")]
    input: String,
    /// The same key is the same task, however often it is sent
    #[arg(long)]
    key: Option<String>,
    /// The team whose agents may serve it, where no process says so
    #[arg(long, default_value = "")]
    team: String,
    /// How urgent it is: critical, high, normal, low or background
    #[arg(long, default_value = "normal")]
    class: String,
    /// It must end within this time
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    #[command(flatten)]
    wants: Wants,
    /// Wait for its end and print the output
    #[arg(long)]
    wait: bool,
    /// With --wait: show on standard error what agents write and say meanwhile; with --json each
    /// thing said is an object of its own, before the answer
    #[arg(long, requires = "wait")]
    live: bool,
    /// A task for each line of this file (`-`: standard input), as in {"capability":"text.count",
    /// "input":"a b","key":"1"}; `class`, `deadline_ms`, `tenant`, `preemptible`, `require`,
    /// `wish`, `weight` and `sticky` may stand there too. Each line has its own answer, in their
    /// order
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "key", "wait"])]
    many: Option<PathBuf>,
}

/// Whose task it is, and which agent it wants.
#[derive(clap::Args)]
struct Wants {
    /// Whose work it is, for shares and quotas between tenants
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// It may be stopped and begun again later, to make room for more urgent work
    #[arg(long)]
    preemptible: bool,
    /// What an agent's labels must meet, as in `gpu and region in ["eu", "uk"]`
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    require: Option<String>,
    /// Agents whose labels meet this go before others
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    wish: Option<String>,
    /// How many of an agent's slots it takes
    #[arg(long, value_name = "SLOTS", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    weight: Option<u32>,
    /// Tasks with the same key go to the same agent, where the capability is routed by `sticky`
    #[arg(long, value_name = "KEY")]
    sticky: Option<String>,
}

/// A condition that can be read: a mistake is told before anything is opened.
fn condition(text: &str) -> Result<String, requirement::Error> {
    requirement::parse(text).map(|_| text.to_owned())
}

/// What is said for every task on the command line.
struct Given {
    capability: Option<String>,
    class: kernel::Class,
    deadline_ms: Option<u64>,
    team: String,
    wants: control::Wants,
}

impl Submit {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let mut door = Door::of(&global.data())?;
        if self.wait && !door.is_held() {
            anyhow::bail!("nobody works on it: start `majordomo up TEAM`, or leave out --wait");
        }
        let class =
            serde_json::from_value(Value::String(self.class.clone())).with_context(|| {
                format!("{}: the classes are critical, high, normal, low, background", self.class)
            })?;
        let deadline_ms = self.deadline.map(|it| it * 1_000);
        let Wants { tenant, preemptible, require, wish, weight, sticky } = self.wants;
        let wants = control::Wants { tenant, preemptible, require, wish, weight, sticky };
        let (capability, team) = (self.capability, self.team);
        let given = Given { capability, class, deadline_ms, team, wants };
        if let Some(file) = self.many {
            return many::submit(&file, &given, &mut door).await;
        }
        let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
        let waits = if self.live { Waits::Live } else { Waits::of(self.wait) };
        one(given, input, self.key, waits, &mut door, global).await
    }
}

/// Until when the command goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The task is accepted.
    No,
    /// It has ended.
    Yes,
    /// It has ended, and what is said until then is shown.
    Live,
}

impl Waits {
    fn of(waits: bool) -> Waits {
        if waits { Waits::Yes } else { Waits::No }
    }
}

/// Asks, and shows what is said until the answer comes.
fn listen(door: &mut Door, request: &Request, is_json: bool) -> anyhow::Result<Response> {
    let mut printer = Printer::new(is_json);
    let answer = door.listen(request, |told| match is_json {
        true => printer.say(&told),
        false => anstream::eprint!("{}", printer.words(&told)),
    });
    anstream::eprint!("{}", printer.end());
    answer
}

async fn one(
    given: Given,
    input: Value,
    key: Option<String>,
    waits: Waits,
    door: &mut Door,
    global: &Global,
) -> anyhow::Result<Exit> {
    let Given { capability, class, deadline_ms, team, wants } = given;
    let capability = capability.context("say which capability is asked for")?;
    let (wait, live) = (waits != Waits::No, waits == Waits::Live);
    let request = Request::Submit { capability, input, key, class, deadline_ms, wait, live, wants };
    let held = door.is_held();
    let response = match live {
        true => listen(door, &request, global.json)?,
        false => door.ask(&team, request).await?,
    };
    if global.json {
        anstream::println!("{}", serde_json::to_string(&response)?);
        return Ok(Exit::Done);
    }
    match response {
        Response::Accepted { task, fresh: true } if held => {
            anstream::println!("task {task} is accepted");
        }
        Response::Accepted { task, fresh: true } => {
            anstream::println!(
                "task {task} is accepted and waits; `majordomo up TEAM` works on it"
            );
        }
        Response::Accepted { task, fresh: false } => {
            anstream::println!("task {task} has this key already; nothing new was made");
        }
        Response::Completed { output, .. } => anstream::println!("{output}"),
        other => anstream::println!("{}", serde_json::to_string(&other)?),
    }
    Ok(Exit::Done)
}
