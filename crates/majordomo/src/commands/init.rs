//! `majordomo init`: a commented team to start from.

use super::Global;
use crate::exit::Exit;
use anyhow::{Context, bail};
use majordomo::team::init;
use std::path::PathBuf;

/// Write a commented team file to start from
#[derive(clap::Args)]
pub(crate) struct Init {
    /// Where to write it
    #[arg(default_value = init::FILE_NAME)]
    file: PathBuf,
}

impl Init {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        let file = self.file.display();
        if self.file.exists() {
            bail!("{file} is there already; name another file, nothing was written");
        }
        std::fs::write(&self.file, init::STARTER)
            .with_context(|| format!("cannot write {file}"))?;
        if global.json {
            anstream::println!("{}", serde_json::json!({ "type": "written", "file": self.file }));
        } else {
            anstream::println!(
                "wrote {file}\n\n  majordomo check {file}\n  majordomo run {file} ."
            );
        }
        Ok(Exit::Done)
    }
}
