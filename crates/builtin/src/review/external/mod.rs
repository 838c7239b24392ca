//! Other people's linters: how they are called and how their JSON becomes findings.
//!
//! Running them is somebody else's work (a `command` agent's). Here is only the argument vector and
//! a reader of the output, which is bounded and answers malformed text with an error.

mod read;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::language::Language;

/// A linter that we can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Linter {
    /// Rust's, through cargo.
    Clippy,
    /// For Python.
    Ruff,
    /// For JavaScript and TypeScript.
    Eslint,
    /// For all of them, with rules of the project's own.
    Semgrep,
}

/// Bytes of output that are read; more is an error, because half a list would look like a whole
/// one.
pub const OUTPUT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Findings kept of one run, in the tool's order.
pub const FINDINGS_MAX: usize = 10_000;

/// Why output could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output is larger than [`OUTPUT_BYTES_MAX`].
    #[error("{tool} wrote more than 32 MiB: run it on a part of the tree")]
    TooLong {
        /// The tool's name.
        tool: &'static str,
    },
    /// The output is not the JSON that the tool documents.
    #[error("cannot read the output of {tool}: {reason}; run it by hand to see why")]
    Malformed {
        /// The tool's name.
        tool: &'static str,
        /// What does not fit, and where.
        reason: String,
    },
}

impl Linter {
    /// Every linter.
    pub const ALL: [Linter; 4] = [Self::Clippy, Self::Ruff, Self::Eslint, Self::Semgrep];

    /// The program to look for on PATH, and the name in messages.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Clippy => "cargo-clippy",
            Self::Ruff => "ruff",
            Self::Eslint => "eslint",
            Self::Semgrep => "semgrep",
        }
    }

    /// The argument vector; run it in the reviewed root. No shell.
    #[must_use]
    pub fn argv(self) -> &'static [&'static str] {
        match self {
            Self::Clippy => &["cargo", "clippy", "--workspace", "--quiet", "--message-format=json"],
            Self::Ruff => {
                &["ruff", "check", "--output-format=json", "--exit-zero", "--no-cache", "."]
            }
            Self::Eslint => &["eslint", "--format", "json", "."],
            Self::Semgrep => &[
                "semgrep",
                "scan",
                "--json",
                "--quiet",
                "--metrics=off",
                "--config",
                ".semgrep.yml",
                ".",
            ],
        }
    }

    /// The languages it speaks about: it is worth running if the survey has one of them.
    #[must_use]
    pub fn languages(self) -> &'static [Language] {
        use Language::{JavaScript, Python, Rust, Tsx, TypeScript};
        match self {
            Self::Clippy => &[Rust],
            Self::Ruff => &[Python],
            Self::Eslint => &[JavaScript, TypeScript, Tsx],
            Self::Semgrep => &Language::ALL,
        }
    }

    /// Files of which at least one must lie in the root for it to work; empty when it needs none.
    #[must_use]
    pub fn needs_one_of(self) -> &'static [&'static str] {
        match self {
            Self::Clippy => &["Cargo.toml"],
            Self::Ruff => &[],
            Self::Eslint => {
                &["eslint.config.js", "eslint.config.mjs", "eslint.config.cjs", "eslint.config.ts"]
            }
            Self::Semgrep => &[".semgrep.yml"],
        }
    }

    /// Whether running it also runs code of the reviewed project (build scripts, configuration
    /// that is a program). Such a linter belongs in a sandbox, or to a tree that one trusts.
    #[must_use]
    pub fn runs_project_code(self) -> bool {
        match self {
            Self::Clippy | Self::Eslint => true,
            Self::Ruff | Self::Semgrep => false,
        }
    }

    /// The findings in `output`. `root` is the directory in which it ran; what lies outside of it
    /// is dropped.
    ///
    /// # Errors
    /// When the output is too long or is not the tool's JSON.
    pub fn read(self, root: &str, output: &str) -> Result<Vec<Finding>, Error> {
        if output.len() > OUTPUT_BYTES_MAX {
            return Err(Error::TooLong { tool: self.program() });
        }
        let drafts = match self {
            Self::Clippy => read::clippy(output),
            Self::Ruff => read::ruff(output),
            Self::Eslint => read::eslint(output),
            Self::Semgrep => read::semgrep(output),
        };
        let malformed = |reason| Error::Malformed { tool: self.program(), reason };
        Ok(read::findings(drafts.map_err(malformed)?, root))
    }
}
