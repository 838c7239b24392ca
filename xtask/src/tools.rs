//! The programs that tests start, with what these need, and how they come onto the machine.
//!
//! A test whose tool is missing fails; it does not skip itself. So the tools are installed where
//! that can be done without asking (as root, with apt-get), and elsewhere the stage says what to
//! install.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::invoke::Line;
use crate::tally::Tally;

/// What tests start, or what that needs.
struct Tool {
    /// The Debian package; of a program, its name too.
    name: &'static str,
    /// Which tests cannot pass without it.
    needed_by: &'static str,
    /// Whether it is on this machine.
    is_here: fn(&str) -> bool,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "python3",
        needed_by: "the Python client, command agents, `demo crash`",
        is_here: on_path,
    },
    Tool {
        name: "python3-msgpack",
        needed_by: "envelopes of the bus in another language",
        is_here: |_| has_msgpack(),
    },
    Tool {
        name: "strace",
        needed_by: "the trace that shows a sync before each receipt",
        is_here: on_path,
    },
    Tool { name: "sqlite3", needed_by: "the views, as an operator reads them", is_here: on_path },
];

/// What the stage found or did: a note when all is here, else what is missing.
///
/// # Errors
/// When this program was not started by cargo.
pub(crate) fn provide() -> Result<(Tally, String)> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !(tool.is_here)(tool.name)).collect();
    if missing.is_empty() {
        let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        return Ok((Tally::default(), format!("{} are here", names.join(", "))));
    }
    if is_root() && on_path("apt-get") {
        install(&missing)?;
    }
    let still: Vec<&&Tool> = missing.iter().filter(|tool| !(tool.is_here)(tool.name)).collect();
    if still.is_empty() {
        let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
        return Ok((Tally::default(), format!("installed {}", names.join(", "))));
    }
    let said: Vec<String> = still
        .iter()
        .map(|tool| format!("package `{0}` is missing; needed by {1}", tool.name, tool.needed_by))
        .collect();
    Ok((Tally { passed: 0, failed: 1, skipped: 0 }, said.join("\n")))
}

/// The command that a person would use to mend the stage.
pub(crate) fn by_hand() -> Line {
    let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
    Line::new(&format!("sudo apt-get install {}", names.join(" ")))
}

/// Installs; whether it worked is seen afterwards by looking for the programs.
fn install(missing: &[&Tool]) -> Result<()> {
    let names: Vec<String> = missing.iter().map(|tool| tool.name.to_owned()).collect();
    let install = Line::new("apt-get install --yes --no-install-recommends").with(&names);
    // A fresh image has no package lists yet; fetching them is only worth it then.
    if !quietly(&install)? && quietly(&Line::new("apt-get update"))? {
        quietly(&install)?;
    }
    Ok(())
}

/// Runs it without a word; true when it succeeded.
fn quietly(line: &Line) -> Result<bool> {
    let status = line
        .command()?
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Ok(status.is_ok_and(|status| status.success()))
}

/// Whether one of the interpreters that the tests look for has the package: the one on PATH, or
/// that of the system, for which Debian's is made.
fn has_msgpack() -> bool {
    let has_it = |python: &&str| {
        let found = Command::new(python).args(["-c", "import msgpack"]).output();
        found.is_ok_and(|it| it.status.success())
    };
    ["python3", "/usr/bin/python3"].iter().any(has_it)
}

/// Whether a program of this name is in a directory of PATH.
pub(crate) fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(name)))
}

fn is_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_only() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program-anywhere"));
        assert!(!on_path("."), "a folder is not a program");
    }

    #[test]
    fn the_remedy_names_every_package() {
        let line = by_hand().to_string();
        assert!(TOOLS.iter().all(|tool| line.contains(tool.name)), "{line}");
    }
}
