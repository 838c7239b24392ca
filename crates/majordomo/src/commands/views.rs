//! `majordomo views`: what can be done to the views besides reading them.

use super::Global;
use crate::exit::Exit;
use adapters::views::Views as Tables;
use anyhow::{Result, bail};
use clap::Subcommand;
use majordomo::Team;
use majordomo::control::Door;
use majordomo::viewing::Viewer;
use std::time::Duration;

/// Look after the views, the tables that people read
#[derive(clap::Args)]
pub(crate) struct Views {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make them anew from the journal, as far back as it reaches
    Rebuild,
}

impl Views {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let What::Rebuild = self.what;
        let data = global.data();
        if Door::of(&data)?.is_held() {
            bail!("a process holds the data and feeds the views; `majordomo stop` it first");
        }
        Tables::open(data.views())?.reset()?;
        let viewer = Viewer::start(&data)?;
        let team = Team::open_watched(data.path(), vec![viewer.clone()]).start().await?;
        team.drain(Duration::ZERO).await;
        tokio::task::spawn_blocking(move || viewer.finish()).await?;
        if global.json {
            anstream::println!("{}", serde_json::json!({ "type": "views", "rebuilt": true }));
        } else {
            anstream::println!("the views are made anew: {}", data.views().display());
        }
        Ok(Exit::Done)
    }
}
