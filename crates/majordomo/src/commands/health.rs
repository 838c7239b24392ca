//! `majordomo health`: one look for people and for monitors.

use super::Global;
use super::read::format;
use crate::exit::Exit;
use majordomo::health;
use majordomo::show;

/// Say whether all is well, and what to do where it is not: agents, breakers, waits, dead letters,
/// schedules, refusals, the disk, the process that works
///
/// Exit codes: 0 all is well; 1 something wants to be looked at; 2 work is not getting done.
#[derive(clap::Args)]
pub(crate) struct Health {}

impl Health {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        let health = health::look(&global.data())?;
        super::read::print(&show::health(&health, &format(global)))?;
        Ok(match health.level {
            health::Level::Fine => Exit::Done,
            health::Level::Degraded => Exit::Failed,
            health::Level::Bad => Exit::Usage,
        })
    }
}
