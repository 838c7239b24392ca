//! `majordomo agents`: who is here and how they do, what is wrong first; and their breakers.

use super::Global;
use super::control::tell;
use super::members::Member;
use super::read::{format, print, reader};
use crate::exit::Exit;
use clap::{Subcommand, ValueEnum};
use majordomo::control::Request;
use majordomo::{health, show};
use std::time::Duration;

/// How often the views are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// List agents and how they do, with what is wrong in the first line
#[derive(clap::Args)]
pub(crate) struct Agents {
    /// Draw it anew as things change, until interrupted
    #[arg(long, short)]
    watch: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    #[command(flatten)]
    Member(Member),
    /// Keep an agent from work that it would get, or give it work whatever its results say
    Breaker {
        /// Its name
        agent: String,
        /// `open`: it gets none; `close`: it gets it in any case; `auto`: its results decide
        to: To,
        /// Only this capability, not all that it serves
        #[arg(long, value_name = "NAME")]
        capability: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum To {
    Open,
    Close,
    Auto,
}

impl Agents {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self.what {
            Some(What::Member(it)) => return it.run(global).await,
            Some(What::Breaker { agent, to, capability }) => {
                return breaker(global, agent, to, capability).await;
            }
            None => {}
        }
        let (views, format) = (reader(global)?, format(global));
        let now = || health::moment(&global.data(), &views);
        let mut shown = show::agents(&views, now()?, &format)?;
        print(&shown)?;
        if !self.watch {
            return Ok(Exit::Done);
        }
        loop {
            tokio::time::sleep(LOOK).await;
            let now = show::agents(&views, now()?, &format)?;
            if now != shown {
                print(&format!("\n{now}"))?;
                shown = now;
            }
        }
    }
}

async fn breaker(
    global: &Global,
    agent: String,
    to: To,
    capability: Option<String>,
) -> anyhow::Result<Exit> {
    let what = capability.clone().unwrap_or_else(|| "what it serves".to_owned());
    let (forced, said) = match to {
        To::Open => (Some(kernel::Forced::Open), format!("{agent} gets no more of {what}")),
        To::Close => (Some(kernel::Forced::Closed), format!("{agent} gets {what} in any case")),
        To::Auto => (None, format!("its results decide whether {agent} gets {what}")),
    };
    tell(global, Request::Breaker { agent, capability, forced }, &said).await
}
