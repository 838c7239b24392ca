//! `majordomo reload`: the team at work follows its changed file.

use super::Global;
use super::read::{format, print};
use super::team_file::{TeamFileArg, load};
use crate::exit::Exit;
use anyhow::{Context, Result, bail};
use majordomo::control::{Door, Request, Response, successor};
use majordomo::show;
use std::path::PathBuf;
use std::time::Duration;

/// Let the team at work follow its changed file
///
/// Shows what differs and applies it: agents join, are resized, replaced when they have finished
/// what they have, or leave; policies and schedules change. Runs that are under way keep the steps
/// they began with, new runs follow the file. A file with a mistake changes nothing.
#[derive(clap::Args)]
pub(crate) struct Reload {
    /// The file; that with which the team was started, if nothing is said
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Reload {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let mut door = Door::of(&global.data())?;
        let Some(here) = door.hello(ANSWER_MAX)? else {
            bail!("no team is at work here: `majordomo up TEAM` reads its file when it starts");
        };
        let file = match (self.file, here) {
            (Some(file), _) => file,
            (None, Response::Here { file: Some(file), .. }) => file.into(),
            (None, _) => bail!("the team at work was not started with a file: say which one"),
        };
        let arg = TeamFileArg { team: file };
        let Some((definition, path)) = load(&arg, global)? else {
            anstream::eprintln!("nothing has changed");
            return Ok(Exit::Usage);
        };
        let (name, definition, notes) = successor(definition, path);
        notes.iter().for_each(|note| anstream::eprintln!("note: {note}"));
        let (definition, dry_run) = (Box::new(definition), self.dry_run);
        let request = Request::Reload { name, definition, dry_run };
        let Response::Reload(reload) = door.ask("", request).await? else {
            return Err(anyhow::anyhow!("not an answer to a reload")).context("reload");
        };
        print(&show::reload(&reload, &format(global)))
    }
}

/// How long each answer may take: programs may have to start.
const ANSWER_MAX: Duration = Duration::from_secs(120);
