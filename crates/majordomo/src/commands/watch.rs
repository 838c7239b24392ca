//! `majordomo watch`: follow a run from another terminal until it ends.

use super::Global;
use super::read::reader;
use crate::exit::Exit;
use adapters::views::read::Run;
use std::time::Duration;

/// How often the views are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Follow a run until it ends
#[derive(clap::Args)]
pub(crate) struct Watch {
    /// The run; the newest if none is given
    run: Option<u64>,
}

impl Watch {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let views = reader(global)?;
        let mut said = String::new();
        loop {
            let run = match self.run {
                Some(wanted) => views.run(wanted)?,
                None => match views.runs(1)?.pop() {
                    Some(newest) => newest,
                    None => anyhow::bail!("there is no run yet; see `majordomo runs`"),
                },
            };
            let line = line(&run, global.json)?;
            if line != said {
                anstream::println!("{line}");
                said = line;
            }
            if run.ended_ms.is_some() {
                return Ok(if run.status == "completed" { Exit::Done } else { Exit::Failed });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn line(run: &Run, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string(run)?);
    }
    let Run { run: id, status, tasks, completed, .. } = run;
    Ok(format!("run {id} {status}: {completed} of {tasks} tasks done, {} open", run.open()))
}
