//! The way in: through the socket when a process holds the journal, else by opening it for a
//! moment.

use super::client::Client;
use super::handle::{Desk, handle};
use super::{Request, Response, Told};
use crate::Team;
use crate::data::DataDir;
use crate::session::Inbox;
use crate::viewing::Viewer;
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// A data directory that can be asked.
pub struct Door {
    data: DataDir,
    /// The process that holds it, if one does.
    holder: Option<Client>,
}

impl Door {
    /// Finds out whether a process holds it.
    ///
    /// # Errors
    /// There is no such data, or its socket cannot be used.
    pub fn of(data: &DataDir) -> Result<Door> {
        if !data.path().exists() {
            bail!(
                "there is no data in {}; start with `majordomo run` or say --data",
                data.path().display()
            );
        }
        let socket = || format!("cannot use {}", data.socket().display());
        let holder = Client::connect(data).with_context(socket)?;
        Ok(Door { data: data.clone(), holder })
    }

    /// Whether a process holds the journal now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.holder.is_some()
    }

    /// Who holds it, if somebody does: the answer to a hello, given within this time.
    ///
    /// # Errors
    /// Somebody is there and does not answer.
    pub fn hello(&mut self, within: Duration) -> Result<Option<Response>> {
        let Some(holder) = &mut self.holder else { return Ok(None) };
        holder.wait_at_most(within)?;
        Ok(Some(holder.ask(&Request::Hello)?))
    }

    /// Asks what is answered more than once; `each` says whether to go on. Blocks meanwhile.
    ///
    /// # Errors
    /// Nobody holds the journal, the connection breaks, or `each` says so.
    pub fn follow(
        &mut self,
        request: &Request,
        mut each: impl FnMut(Response) -> Result<bool>,
    ) -> Result<()> {
        let Some(holder) = &mut self.holder else { bail!("nobody is there to be listened to") };
        tokio::task::block_in_place(|| {
            holder.say(request)?;
            while let Some(response) = holder.next()? {
                if !each(response)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Asks what is answered when all is said: `each` hears what is said until then. Blocks
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Door::follow`]; and a refusal, in its own words.
    pub fn listen(&mut self, request: &Request, mut each: impl FnMut(Told)) -> Result<Response> {
        let mut answer = None;
        self.follow(request, |response| {
            match response {
                Response::Told(told) => each(*told),
                other => answer = Some(other),
            }
            Ok(answer.is_none())
        })?;
        granted(answer.context("the process that holds the journal ended before it answered")?)
    }

    /// Asks. `team` is the scope of what is submitted where no process says it.
    ///
    /// # Errors
    /// A refusal, in its own words.
    pub async fn ask(&mut self, team: &str, request: Request) -> Result<Response> {
        let response = match &mut self.holder {
            Some(holder) => tokio::task::block_in_place(|| holder.ask(&request))?,
            None => open_for_a_moment(&self.data, team, request).await?,
        };
        granted(response)
    }
}

/// A refusal is an error, in its own words.
fn granted(response: Response) -> Result<Response> {
    match response {
        Response::Refused { message, retry_after_ms: Some(ms) } => {
            bail!("{message} (ask again in {ms} ms)")
        }
        Response::Refused { message, retry_after_ms: None } => bail!(message),
        answer => Ok(answer),
    }
}

/// Nobody holds the journal: what is asked is made durable, and whoever works next finds it.
async fn open_for_a_moment(data: &DataDir, team: &str, request: Request) -> Result<Response> {
    // Views that cannot be used are done without, as they are where a team works.
    let viewer = Viewer::start(data).ok();
    let observers = viewer.iter().map(|it| it.clone() as _).collect();
    let work = Team::open_watched(data.path(), observers).bounds(data.bounds());
    let work = work.keep_policies().start().await?;
    let response = handle(&Desk::new(work.clone(), team, Inbox::default()), request).await;
    work.drain(Duration::ZERO).await;
    if let Some(viewer) = viewer {
        tokio::task::spawn_blocking(move || viewer.finish()).await?;
    }
    Ok(response)
}
