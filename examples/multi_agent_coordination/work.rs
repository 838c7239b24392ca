//! What travels between the master and its workers. All of it is JSON in the journal.

use majordomo::builtin::review::Severity;
use majordomo::kernel::Class;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// What the team is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Review source files by rules, and fix what can be fixed mechanically.
    CodeReview,
    /// Write a page about what a source file offers, with examples that parse.
    Documentation,
    /// Say what went wrong by what is in a log.
    Diagnosis,
}

/// The last part of a path, which tells the files of a directory apart.
pub fn file_name(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Scenario {
    /// Something small that comes along.
    pub fn default_path(self) -> String {
        let name = match self {
            Scenario::CodeReview => "shop",
            Scenario::Documentation => "shelf.rs",
            Scenario::Diagnosis => "checkout.log",
        };
        let here = Path::new("examples/data").join(name);
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&here);
        let path = if here.exists() { here } else { there };
        path.to_string_lossy().into_owned()
    }

    /// The files of a directory that it can do something with.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Scenario::CodeReview => &["rs", "py", "js", "ts", "tsx"],
            Scenario::Documentation => &["rs", "py"],
            Scenario::Diagnosis => &["log"],
        }
    }
}

/// What the master is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub scenario: Scenario,
    /// A file or a directory.
    pub path: String,
}

/// One file, for the analyst.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub scenario: Scenario,
    pub path: String,
}

/// What the analyst found in one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Analysis {
    pub path: String,
    /// In one line.
    pub summary: String,
    pub pieces: Vec<Piece>,
}

/// One thing that is worth the coder's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    pub scenario: Scenario,
    /// Tells it from the other pieces of its file.
    pub key: String,
    /// Where and what, in one line.
    pub title: String,
    pub severity: Severity,
    /// What the coder needs to know; each scenario has its own shape.
    pub evidence: Value,
}

/// What became of a piece.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    pub piece: Piece,
    /// What the coder wrote, or why it could not.
    pub text: Result<String, String>,
}

/// Everything, for the writer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Material {
    pub scenario: Scenario,
    pub analyses: Vec<Analysis>,
    pub made: Vec<Made>,
}

/// What the master tells at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// What it decided, and why, in order.
    pub decisions: Vec<String>,
    /// The page that the writer wrote.
    pub page: String,
}

/// How urgent work on something of this severity is.
pub fn class_of(severity: Severity) -> Class {
    match severity {
        Severity::High => Class::High,
        Severity::Medium => Class::Normal,
        Severity::Low => Class::Low,
    }
}
