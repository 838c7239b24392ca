//! `majordomo submit`: one task by hand.

use super::Global;
use crate::exit::Exit;
use anyhow::Context;
use majordomo::control::{Door, Request, Response};
use serde_json::Value;

/// Hand over one task
#[derive(clap::Args)]
pub(crate) struct Submit {
    /// What is asked for: `text.count` or `text.count@1`
    capability: String,
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
    /// Wait for its end and print the output
    #[arg(long)]
    wait: bool,
}

impl Submit {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let mut door = Door::of(&global.data())?;
        let held = door.is_held();
        if self.wait && !held {
            anyhow::bail!("nobody works on it: start `majordomo up TEAM`, or leave out --wait");
        }
        let class =
            serde_json::from_value(Value::String(self.class.clone())).with_context(|| {
                format!("{}: the classes are critical, high, normal, low, background", self.class)
            })?;
        let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
        let request = Request::Submit {
            capability: self.capability,
            input,
            key: self.key,
            class,
            deadline_ms: self.deadline.map(|it| it * 1_000),
            wait: self.wait,
        };
        let response = door.ask(&self.team, request).await?;
        if global.json {
            anstream::println!("{}", serde_json::to_string(&response)?);
            return Ok(Exit::Done);
        }
        match response {
            Response::Accepted { task, fresh: true } if held => {
                anstream::println!("task {task} is accepted")
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
}
