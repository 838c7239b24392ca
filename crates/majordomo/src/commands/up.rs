//! `majordomo up`: a team stays, works on what comes, and answers on the socket.

use super::Global;
use super::attend::{Attended, Ending, observers, say_stopped};
use super::cassette::CassetteArg;
use super::team_file::{ModelArg, TeamFileArg, load};
use crate::exit::Exit;
use anyhow::Result;
use majordomo::session::{Options, Session};

/// Keep a team at work until it is stopped
#[derive(clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    team: TeamFileArg,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    cassette: CassetteArg,
    /// Draw nothing
    #[arg(long, short)]
    quiet: bool,
}

impl Up {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let Some((mut definition, file)) = load(&self.team, global)? else {
            return Ok(Exit::Usage);
        };
        self.model.choose(&mut definition)?;
        let data = global.data();
        let (board, viewer) = observers(&data)?;
        let tape = self.cassette.open()?;
        let mut options = Options { file, llm: tape.llm(), ..Options::default() };
        options.observers.push(board.clone());
        options.observers.extend(viewer.clone().map(|it| it as _));
        let session = Session::start(definition, &data, options).await?;
        session.notes().iter().for_each(|note| anstream::eprintln!("note: {note}"));
        session.resume().await?;
        let attended = Attended::new(&data, session, board, viewer)?;
        anstream::eprintln!(
            "up (pid {}): hand it work with `majordomo submit`, end it with `majordomo stop`",
            std::process::id()
        );
        let quiet = self.quiet || global.json;
        let ending = attended.until(quiet, attended.session.team().runtime().failure()).await?;
        let exit = match ending {
            Ending::Finished(why) => {
                anstream::eprintln!("error: {why}");
                Exit::Data
            }
            Ending::Stopped { handed_back: 0 } => Exit::Done,
            Ending::Stopped { handed_back } => say_stopped(handed_back),
        };
        attended.finish().await;
        Ok(tape.end(exit))
    }
}
