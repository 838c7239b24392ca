//! `majordomo dead`: tasks that used up their attempts, and what becomes of them.

use super::Global;
use super::control::tell;
use crate::exit::Exit;
use clap::Subcommand;
use majordomo::control::Request;

/// Look after tasks that used up their attempts
#[derive(clap::Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
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
