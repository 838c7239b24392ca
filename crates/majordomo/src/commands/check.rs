//! `majordomo check`: every mistake in a team file, in its place, with a cure.

use super::Global;
use crate::exit::Exit;
use anyhow::Context;
use majordomo::team::roster::ThisMachine;
use majordomo::team::{self, init, schema};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Check a team file without running it
#[derive(clap::Args)]
pub(crate) struct Check {
    /// The file, or the name of a team that comes with Majordomo
    #[arg(default_value = init::FILE_NAME)]
    team: PathBuf,
    /// Print the JSON schema of team files, for editors, and check nothing
    #[arg(long)]
    schema: bool,
}

impl Check {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        if self.schema {
            anstream::print!("{}", schema::text());
            return Ok(Exit::Done);
        }
        let name = self.team.to_string_lossy().into_owned();
        let text = match init::team(&name) {
            Some(text) => text.to_owned(),
            None => std::fs::read_to_string(&self.team)
                .with_context(|| format!("cannot read {name}; `majordomo init` writes one"))?,
        };
        let reading = team::read(&name, &text, &ThisMachine::now().beside(&self.team));
        let sound = reading.definition.is_some();
        if global.json {
            for line in reading.lines() {
                anstream::println!("{}", serde_json::to_string(&line)?);
            }
            anstream::println!(
                "{}",
                serde_json::json!({ "type": "check", "team": name, "sound": sound })
            );
        } else {
            anstream::eprint!("{}", reading.render(std::io::stderr().is_terminal()));
            if sound {
                anstream::println!("{name} is sound");
            }
        }
        Ok(if sound { Exit::Done } else { Exit::Usage })
    }
}
