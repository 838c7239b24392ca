//! `majordomo replay`: a run again, over what is recorded of it.

use super::Global;
use super::read::format;
use super::team_file::{ModelArg, TeamFileArg, load};
use crate::exit::Exit;
use anyhow::Result;
use kernel::TaskId;
use majordomo::{replay, show};
use std::path::PathBuf;

/// Run the code of a run again over its record, and say where it does something else
///
/// What decides over recorded steps is run: the steps of the team, and agents that are models.
/// Each step that they ask for must be in the record, with the same capability, input and request,
/// and they must end as they did. The outcomes of all others are taken from the record. Nothing is
/// started, asked, stored or changed, and a team may be at work meanwhile.
///
/// Exit codes: 0 everything matched; 1 something differs, or it cannot be played.
#[derive(clap::Args)]
pub(crate) struct Replay {
    /// The run
    run: u64,
    /// Hold it against this team file instead of what it was started with: would the change break
    /// runs under way?
    #[arg(long, value_name = "TEAM")]
    team: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArg,
}

impl Replay {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let edited = match self.team {
            None => None,
            Some(team) => {
                let Some((mut file, path)) = load(&TeamFileArg { team }, global)? else {
                    return Ok(Exit::Usage);
                };
                self.model.choose(&mut file)?;
                Some(replay::Edited { file, path })
            }
        };
        let data = global.data();
        anyhow::ensure!(
            data.journal().is_dir(),
            "there is no journal in {}; run something first, or give --data",
            data.path().display()
        );
        let replayed = replay::run(&data, TaskId(self.run), edited).await?;
        anstream::print!("{}", show::replay(&replayed, &format(global)));
        Ok(if replayed.differs == 0 { Exit::Done } else { Exit::Failed })
    }
}
