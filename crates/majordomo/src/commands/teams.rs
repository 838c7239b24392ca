//! `majordomo teams`: the teams that come with it.

use super::Global;
use crate::exit::Exit;
use majordomo::team::check::Anywhere;
use majordomo::team::{self, init};

/// List the teams that come with Majordomo, or print one
#[derive(clap::Args)]
pub(crate) struct Teams {
    /// Print this team's file, to start from
    name: Option<String>,
}

impl Teams {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        if let Some(name) = &self.name {
            let Some(text) = init::team(name) else {
                anyhow::bail!("there is no team {name}; `majordomo teams` lists them");
            };
            if global.json {
                let line = serde_json::json!({ "type": "team", "name": name, "text": text });
                anstream::println!("{line}");
            } else {
                anstream::print!("{text}");
            }
            return Ok(Exit::Done);
        }
        for (name, text) in init::TEAMS {
            let definition = team::read(name, text, &Anywhere).definition;
            let about = definition.and_then(|it| it.description).unwrap_or_default();
            if global.json {
                let line =
                    serde_json::json!({ "type": "team", "name": name, "description": about });
                anstream::println!("{line}");
            } else {
                anstream::println!("{name:16} {about}");
            }
        }
        Ok(Exit::Done)
    }
}
