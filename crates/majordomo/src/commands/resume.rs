//! `majordomo resume`: goes on with whatever is unfinished.

use super::Global;
use super::attend::{Attended, observers};
use super::cassette::CassetteArg;
use super::run::see_through;
use super::team_file::{TeamFileArg, load};
use crate::exit::Exit;
use anyhow::Result;
use kernel::TaskId;
use majordomo::session::{Migrate, Options, Session};
use majordomo::show::escape;
use std::path::PathBuf;

/// Go on with what is unfinished
#[derive(clap::Args)]
pub(crate) struct Resume {
    /// Attend to this run only; the others go on as long as it does
    run: Option<u64>,
    /// Move what is unfinished to this team's definition, instead of the one it began with
    #[arg(long, value_name = "TEAM")]
    team: Option<PathBuf>,
    /// Write the report here
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    cassette: CassetteArg,
}

impl Resume {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let data = global.data();
        if !data.path().exists() {
            anyhow::bail!("there is no data in {}: nothing to resume", data.path().display());
        }
        let (board, viewer) = observers(&data)?;
        let tape = self.cassette.go_on()?;
        let mut options = Options { one_off: true, llm: tape.llm(), ..Options::default() };
        options.observers.push(board.clone());
        options.observers.extend(viewer.clone().map(|it| it as _));
        let session = match self.team {
            None => Session::reopen(&data, options).await?,
            Some(team) => {
                let Some((definition, file)) = load(&TeamFileArg { team }, global)? else {
                    return Ok(Exit::Usage);
                };
                options.file = file;
                options.migrate = self.run.map_or(Migrate::All, |run| Migrate::Run(TaskId(run)));
                Session::start(definition, &data, options).await?
            }
        };
        let mut ended = session.untold().await;
        let mut tickets = session.resume().await?;
        if let Some(run) = self.run.map(TaskId) {
            tickets.retain(|ticket| ticket.task == run);
            // Whoever names a run wants to hear of it, told or not.
            ended = if tickets.is_empty() { vec![run] } else { Vec::new() };
        }
        for (run, capability) in session.team().unserved() {
            anstream::eprintln!(
                "run {run} waits: nobody here serves {}; add an agent that does (`majordomo agents \
                 add FILE`), or `majordomo cancel {run}`",
                escape::terminal(&capability)
            );
        }
        let attended = Attended::new(&data, session, board, viewer)?;
        if tickets.is_empty() {
            match self.run {
                None => anstream::eprintln!("nothing is unfinished"),
                Some(run) => anstream::eprintln!(
                    "there is no unfinished run {run}; `majordomo runs` lists all there are"
                ),
            }
        }
        let exit = see_through(attended, tickets, ended, global, self.report.as_deref()).await;
        Ok(tape.end(exit?))
    }
}
