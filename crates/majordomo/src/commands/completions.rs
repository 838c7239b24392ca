//! `majordomo completions`: for the shell.

use super::{Cli, Global};
use crate::exit::Exit;
use clap::CommandFactory;

/// Print completions for a shell
#[derive(clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        let (mut command, mut script) = (Cli::command(), Vec::new());
        clap_complete::generate(self.shell, &mut command, "majordomo", &mut script);
        let script = String::from_utf8(script)?;
        if global.json {
            let shell = self.shell.to_string();
            let line =
                serde_json::json!({ "type": "completions", "shell": shell, "script": script });
            anstream::println!("{line}");
        } else {
            anstream::print!("{script}");
        }
        Ok(Exit::Done)
    }
}
