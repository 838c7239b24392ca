//! Verbs that only pass a word on to the process that holds the journal.

use super::Global;
use crate::exit::Exit;
use majordomo::control::{Door, Request};

/// Call a task off, and everything below it
#[derive(clap::Args)]
pub(crate) struct Cancel {
    /// The task or run
    task: u64,
    /// Why, for the record
    #[arg(long, default_value = "cancelled by the operator")]
    reason: String,
}

impl Cancel {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let said = format!("task {} is cancelled, and everything below it", self.task);
        tell(global, Request::Cancel { task: self.task, reason: self.reason }, &said).await
    }
}

/// End the process that holds the data, in order
#[derive(clap::Args)]
pub(crate) struct Stop {
    /// How long running work may go on before it is handed back
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    grace: u64,
}

impl Stop {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        if !Door::of(&global.data())?.is_held() {
            anyhow::bail!("no process holds {}: nothing to stop", global.data().path().display());
        }
        let said = "it finishes what runs, hands back the rest, and ends";
        tell(global, Request::Stop { grace_ms: self.grace * 1_000 }, said).await
    }
}

/// The way to the process at work; for what makes sense only there.
pub(super) fn ask_holder(global: &Global) -> anyhow::Result<Door> {
    let door = Door::of(&global.data())?;
    if !door.is_held() {
        anyhow::bail!(
            "no team is at work in {}, so there are no messages: start `majordomo up TEAM`",
            global.data().path().display()
        );
    }
    Ok(door)
}

/// Passes it on and says what it led to.
pub(super) async fn tell(global: &Global, request: Request, said: &str) -> anyhow::Result<Exit> {
    tell_team(global, "", request, said).await
}

/// The same for work of a team, where no process says whose.
pub(super) async fn tell_team(
    global: &Global,
    team: &str,
    request: Request,
    said: &str,
) -> anyhow::Result<Exit> {
    let response = Door::of(&global.data())?.ask(team, request).await?;
    if global.json {
        anstream::println!("{}", serde_json::to_string(&response)?);
    } else {
        anstream::println!("{said}");
    }
    Ok(Exit::Done)
}
