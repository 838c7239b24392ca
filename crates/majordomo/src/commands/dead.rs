//! `majordomo dead`: tasks that used up their attempts, and what becomes of them.

use super::Global;
use super::control::tell;
use super::read::{format, print, reader};
use crate::exit::Exit;
use clap::Subcommand;
use majordomo::control::Request;
use majordomo::show;

/// Look after tasks that used up their attempts
#[derive(clap::Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List them
    List,
    /// Show one with its input and every failure
    Show {
        /// Its number
        task: u64,
    },
    /// Give a dead task another life, as a new root task
    Retry {
        /// Its number
        task: u64,
    },
    /// Forget a dead task
    Drop {
        /// Its number
        task: u64,
    },
}

impl Dead {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self.what {
            What::List => print(&show::dead(&reader(global)?, &format(global))?),
            What::Show { task } => {
                print(&show::dead_letter(&reader(global)?, task, &format(global))?)
            }
            What::Retry { task } => {
                let said = format!("task {task} has another life; see `majordomo tasks`");
                tell(global, Request::Release { task }, &said).await
            }
            What::Drop { task } => {
                tell(global, Request::Discard { task }, &format!("task {task} is forgotten")).await
            }
        }
    }
}
