//! The way in: through the socket when a process holds the journal, else by opening it for a
//! moment.

use super::client::Client;
use super::handle::handle;
use super::{Request, Response};
use crate::Team;
use crate::data::DataDir;
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// A data directory that can be asked.
pub enum Door {
    /// A process holds it and answers.
    #[doc(hidden)]
    Held(Box<dyn FnMut(&Request) -> std::io::Result<Response> + Send>),
    /// Nobody does.
    #[doc(hidden)]
    Free(DataDir),
}

impl Door {
    /// Finds out which it is.
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
        Ok(match Client::connect(data).with_context(socket)? {
            Some(mut client) => Door::Held(Box::new(move |request| client.ask(request))),
            None => Door::Free(data.clone()),
        })
    }

    /// Whether a process holds the journal now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self, Door::Held(_))
    }

    /// Asks. `team` is the scope of what is submitted where no process says it.
    ///
    /// # Errors
    /// A refusal, in its own words.
    pub async fn ask(&mut self, team: &str, request: Request) -> Result<Response> {
        let response = match self {
            Door::Held(ask) => tokio::task::block_in_place(|| ask(&request))?,
            Door::Free(data) => {
                let work = Team::open(data.path()).start().await?;
                let response = handle(&work, team, request).await;
                work.drain(Duration::ZERO).await;
                response
            }
        };
        match response {
            Response::Refused { message, retry_after_ms: Some(ms) } => {
                bail!("{message} (ask again in {ms} ms)")
            }
            Response::Refused { message, retry_after_ms: None } => bail!(message),
            answer => Ok(answer),
        }
    }
}
