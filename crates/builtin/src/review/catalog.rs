//! The rules as data, compiled in: a table of folders under `rules/`, each read by its one shape.
//!
//! The table is written by hand and a test holds it against the folders on disk, so the binary
//! works from any directory and packaging needs no build script.

use std::sync::LazyLock;

use serde::Deserialize;

use super::finding::{Dimension, Severity};
use super::language::Language;

/// What `rule.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The folder's name, and the rule's name in reports.
    pub id: String,
    /// A few words for a heading.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// What suffers.
    pub dimension: Dimension,
    /// The query files that lie beside it, by name: `rust`, `python`, `javascript`, `typescript`.
    pub languages: Vec<String>,
    /// Why it is a problem, in a sentence or two.
    pub message: String,
    /// What to do about it, in a sentence.
    pub advice: String,
    /// Whether it speaks about test code too.
    #[serde(default)]
    pub tests: bool,
    /// Whether its evidence is a secret that a report must not repeat.
    #[serde(default)]
    pub masked: bool,
    /// The words of which a file must hold at least one before the queries run, by language.
    /// They are a filter for speed and never the reason for a finding.
    #[serde(default)]
    pub words: Vec<String>,
    /// Rules of linters that say the same about the same line, as findings name them.
    #[serde(default)]
    pub also: Vec<String>,
}

/// One folder under `rules/`, as text.
pub(crate) struct Folder {
    /// The folder's name.
    pub(crate) id: &'static str,
    /// `rule.toml`
    pub(crate) rule: &'static str,
    /// `doc.md`
    pub(crate) doc: &'static str,
    /// `<language>.scm` by language name.
    pub(crate) queries: &'static [(&'static str, &'static str)],
}

macro_rules! folders {
    ($($id:literal: $($language:ident)+;)+) => {
        &[$(Folder {
            id: $id,
            rule: include_str!(concat!("../../rules/", $id, "/rule.toml")),
            doc: include_str!(concat!("../../rules/", $id, "/doc.md")),
            queries: &[$((
                stringify!($language),
                include_str!(concat!("../../rules/", $id, "/", stringify!($language), ".scm")),
            )),+],
        }),+]
    };
}

/// Every folder, by name.
pub(crate) const FOLDERS: &[Folder] = folders! {
    "async-executor": javascript typescript;
    "blocking-in-async": rust python;
    "hard-coded-secret": rust python javascript typescript;
    "identical-branches": rust python javascript typescript;
    "nan-comparison": rust python javascript typescript;
    "needless-collection": rust python javascript typescript;
    "none-comparison": python;
    "raised-non-error": python javascript typescript;
    "regex-in-loop": rust;
    "repeated-key": python javascript typescript;
    "same-operands": rust python javascript typescript;
    "shared-default": python;
    "shell-injection": rust python javascript typescript;
    "sql-injection": rust python javascript typescript;
    "swallowed-exit": python;
    "tls-verification-off": rust python javascript typescript;
    "unreachable-condition": rust python javascript typescript;
    "unsafe-yaml": python;
};

/// The rules, in the table's order.
#[must_use]
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let parse = |folder: &Folder| toml::from_str(folder.rule);
        let rules: Result<_, _> = FOLDERS.iter().map(parse).collect();
        rules.expect("a test parses every compiled-in rule.toml")
    });
    &RULES
}

/// The page of a rule (why, example, fix) in Markdown, or `None` for an unknown id.
#[must_use]
pub fn page(id: &str) -> Option<&'static str> {
    FOLDERS.iter().find(|folder| folder.id == id).map(|folder| folder.doc)
}

/// The query text of rule `index` for a language, if it has one.
pub(crate) fn query(index: usize, language: Language) -> Option<&'static str> {
    let named = |(name, _): &&(&str, &str)| *name == language.query_name();
    FOLDERS[index].queries.iter().find(named).map(|(_, query)| *query)
}
