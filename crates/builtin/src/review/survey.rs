//! `survey`: which files of a tree are worth a review, in an order that never changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::language::Language;
use super::{sniff, source};

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyInput {
    /// A directory, or one file; relative to the working directory or absolute.
    pub path: String,
    /// Larger files are counted and not reviewed.
    #[serde(default = "file_bytes_max")]
    pub max_file_bytes: u64,
    /// Files after this many are counted and not listed.
    #[serde(default = "files_max")]
    pub max_files: usize,
}

/// 512 KiB: larger source files are tables in practice.
pub(crate) fn file_bytes_max() -> u64 {
    512 * 1024
}

/// A run has at most 100,000 tasks, and each file is one.
fn files_max() -> usize {
    90_000
}

impl SurveyInput {
    /// A survey of `path` with the default limits.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), max_file_bytes: file_bytes_max(), max_files: files_max() }
    }
}

/// One file to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Relative to the root, with `/`.
    pub path: String,
    /// By its extension.
    pub language: Language,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content as 64 hex digits.
    pub digest: String,
}

/// What a tree holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The canonical root, absolute.
    pub root: String,
    /// Sorted by path, component by component.
    pub files: Vec<FileRef>,
    /// How many were left out, by reason: `binary`, `declarations`, `foreign_directory`,
    /// `generated`, `minified`, `other_language`, `over_limit`, `oversized`, `symlink`,
    /// `unreadable`, `unspeakable` (a name that is not UTF-8).
    pub skipped: BTreeMap<String, u64>,
}

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not exist or may not be entered.
    #[error("cannot survey {path:?}: {source}; name an existing directory or file")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Paths travel as JSON, which is UTF-8.
    #[error("the real path of {path:?} is not UTF-8: rename its directory")]
    NotUtf8 {
        /// The path as it was given.
        path: String,
    },
}

/// Lists the reviewable files below a path. Honours `.gitignore` and `.ignore` even outside of a
/// repository, never the user's global ones (two machines must agree), and follows no symlink.
///
/// # Errors
/// When the path itself cannot be read. What cannot be read below it is counted.
pub fn survey(input: &SurveyInput) -> Result<Survey, Error> {
    let unreadable = |source| Error::Unreadable { path: input.path.clone(), source };
    let given = Path::new(&input.path).canonicalize().map_err(unreadable)?;
    let root = root_of(&given);
    let name = root.to_str().ok_or_else(|| Error::NotUtf8 { path: input.path.clone() })?;

    let mut survey = Survey { root: name.to_owned(), files: vec![], skipped: BTreeMap::new() };
    let foreign = Arc::new(AtomicU64::new(0));
    for entry in walk(&given, &foreign) {
        let reason = match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_dir()) => continue,
            Ok(entry) if entry.path_is_symlink() => "symlink",
            Ok(entry) => match look(&root, entry.path(), input.max_file_bytes) {
                Ok(_) if survey.files.len() >= input.max_files => "over_limit",
                Ok(file) => {
                    survey.files.push(file);
                    continue;
                }
                Err(reason) => reason,
            },
            Err(_) => "unreadable",
        };
        *survey.skipped.entry(reason.to_owned()).or_default() += 1;
    }
    let foreign = foreign.load(Ordering::Relaxed);
    if foreign > 0 {
        survey.skipped.insert("foreign_directory".to_owned(), foreign);
    }
    Ok(survey)
}

/// A directory is its own root; a file's root is the directory that holds it.
fn root_of(given: &Path) -> PathBuf {
    match given.parent() {
        Some(parent) if given.is_file() => parent.to_owned(),
        _ => given.to_owned(),
    }
}

/// The walk itself. Directories that are not the author's are not entered, only counted.
fn walk(given: &Path, foreign: &Arc<AtomicU64>) -> ignore::Walk {
    let foreign = Arc::clone(foreign);
    ignore::WalkBuilder::new(given)
        .follow_links(false)
        .git_global(false)
        .require_git(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| {
            let directory =
                entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
            let skip = directory && is_foreign(entry.path());
            foreign.fetch_add(u64::from(skip), Ordering::Relaxed);
            !skip
        })
        .build()
}

/// Vendored code, and build output that marks itself as a cache.
fn is_foreign(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| sniff::FOREIGN_DIRECTORIES.contains(&name))
        || directory.join("CACHEDIR.TAG").is_file()
        || directory.join("pyvenv.cfg").is_file()
}

/// One file, or the reason why it is left out.
fn look(root: &Path, path: &Path, bytes_max: u64) -> Result<FileRef, &'static str> {
    let below = path.strip_prefix(root).map_err(|_| "unreadable")?;
    let language = Language::of(path).ok_or("other_language")?;
    let below = below.to_str().ok_or("unspeakable")?;
    if let Some(reason) = sniff::place(language, below) {
        return Err(reason);
    }
    let content = match source::read(root, below, bytes_max) {
        Ok(source::Source::Whole(content)) => content,
        Ok(source::Source::Oversized) => return Err("oversized"),
        Err(_) => return Err("unreadable"),
    };
    if let Some(reason) = sniff::content(language, &content) {
        return Err(reason);
    }
    let digest = blake3::hash(&content).to_hex().to_string();
    Ok(FileRef { path: below.to_owned(), language, bytes: content.len() as u64, digest })
}
