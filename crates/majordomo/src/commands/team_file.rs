//! Which team a verb means: a file, or the name of one that comes with Majordomo.

use super::Global;
use anyhow::{Context, Result};
use majordomo::team::file::TeamFile;
use majordomo::team::roster::ThisMachine;
use majordomo::team::{self, init};
use std::io::IsTerminal;
use std::path::PathBuf;

/// The team of a verb.
#[derive(clap::Args)]
pub(super) struct TeamFileArg {
    /// A team file, or the name of a team that comes with Majordomo (see `majordomo teams`)
    #[arg(value_name = "TEAM")]
    pub(super) team: PathBuf,
}

/// The model of a verb.
#[derive(clap::Args)]
pub(super) struct ModelArg {
    /// The model of every agent that is one, whatever the team file says; it assigns tasks, too,
    /// where the file does not say how an agent is chosen
    #[arg(long, value_name = "PROVIDER/MODEL")]
    model: Option<String>,
}

impl ModelArg {
    /// Puts it where the definition has a place for it.
    pub(super) fn choose(&self, definition: &mut TeamFile) -> Result<()> {
        let Some(model) = &self.model else { return Ok(()) };
        #[cfg(feature = "llm")]
        if let Err(why) = majordomo::models::provider::parse(model) {
            anyhow::bail!("`{model}` is no model's name: {why}");
        }
        if !definition.choose_model(model) {
            anstream::eprintln!(
                "note: no agent of this team is a model, and no work of it can be done by two: it \
                 does without {model}"
            );
        }
        Ok(())
    }
}

/// Its definition and, unless it comes with us, its file; `None` when it is not sound, which has
/// been said.
pub(super) fn load(
    arg: &TeamFileArg,
    global: &Global,
) -> Result<Option<(TeamFile, Option<PathBuf>)>> {
    let name = arg.team.to_string_lossy().into_owned();
    let own = init::team(&name);
    let text = match own {
        Some(text) => text.to_owned(),
        None => std::fs::read_to_string(&arg.team).with_context(|| unreadable(&name))?,
    };
    let reading = team::read(&name, &text, &ThisMachine::now().beside(&arg.team));
    if global.json {
        for line in reading.lines() {
            anstream::println!("{}", serde_json::to_string(&line)?);
        }
    } else {
        anstream::eprint!("{}", reading.render(std::io::stderr().is_terminal()));
    }
    let file = own.is_none().then(|| arg.team.clone());
    Ok(reading.definition.map(|definition| (definition, file)))
}

/// What to do about a team that cannot be read: a file was meant, or one that comes with us.
fn unreadable(name: &str) -> String {
    if name.ends_with(".toml") || name.contains('/') {
        return format!(
            "cannot read the team file {name}; `majordomo init` writes one to start from"
        );
    }
    let ours: Vec<&str> = init::TEAMS.iter().map(|(ours, _)| *ours).collect();
    let ours = ours.join(", ");
    format!("there is no team {name}: it is neither a file nor one that comes with us ({ours})")
}
