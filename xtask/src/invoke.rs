//! How a chore calls another program: from the root of the workspace, without what cargo told us.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// Words of a command, as a person would type them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(Vec<String>);

impl Line {
    /// A command from words that stand in the source, separated by single spaces.
    pub(crate) fn new(words: &str) -> Self {
        Self(words.split(' ').map(str::to_owned).collect())
    }

    /// The same command with more words.
    pub(crate) fn with(mut self, words: &[String]) -> Self {
        self.0.extend_from_slice(words);
        self
    }

    /// The program and its arguments, set up to run at the root of the workspace.
    ///
    /// # Errors
    /// When this program was not started by cargo, so that the root is unknown.
    pub(crate) fn command(&self) -> Result<Command> {
        let program = match self.0[0].as_str() {
            "cargo" => std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()),
            other => other.to_owned(),
        };
        let mut command = Command::new(program);
        command.args(&self.0[1..]).current_dir(root()?);
        // `cargo run` describes *this* package in the environment. Passed on, it would change the
        // fingerprint of build scripts that read it, and everything would be built once more.
        for (name, _) in std::env::vars_os() {
            let told = name.to_string_lossy();
            if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        Ok(command)
    }

    /// Runs it in the foreground and hands its exit code on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn hand_over(&self) -> Result<ExitCode> {
        let status =
            self.command()?.status().with_context(|| format!("`{self}` cannot be started"))?;
        // A program ended by a signal has no code; any failure will do.
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(ExitCode::from(code))
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The root of the workspace.
///
/// # Errors
/// When this program was not started by cargo.
pub(crate) fn root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("the root of the workspace is unknown; start this as `cargo xtask VERB`")?;
    let package = PathBuf::from(package);
    Ok(package.parent().context("xtask is not inside a workspace")?.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_typed() {
        let line = Line::new("cargo run -p sim --").with(&["--seed".into(), "7".into()]);
        assert_eq!(line.to_string(), "cargo run -p sim -- --seed 7");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        let manifest = std::fs::read_to_string(root().unwrap().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
