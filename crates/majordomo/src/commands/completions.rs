//! `majordomo completions`: for the shell.

use super::Cli;
use crate::exit::Exit;
use clap::CommandFactory;

/// Print completions for a shell
#[derive(clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let mut command = Cli::command();
        clap_complete::generate(self.shell, &mut command, "majordomo", &mut std::io::stdout());
        Ok(Exit::Done)
    }
}
