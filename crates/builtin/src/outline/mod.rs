//! `outline`: what a source file offers to others, and what it says about it.
//!
//! Public items with their signatures and their documentation, read from the syntax tree: of Rust
//! what is `pub`, of Python what does not begin with an underscore. Functions come with their
//! parameters, so that whoever writes about them can also show how they are called.
//!
//! Everything in the answer comes from the file: it is data.

mod python;
mod rust;

use std::path::Path;

use serde::{Deserialize, Serialize};
use tree_sitter::Node;

use crate::review::Language;
use crate::review::source::{self, Source};
use crate::review::tree;

/// Which file to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineInput {
    /// A directory that holds the file.
    pub root: String,
    /// Relative to the root, with `/`.
    pub path: String,
    /// A larger file is refused.
    #[serde(default = "bytes_max")]
    pub max_file_bytes: u64,
}

/// 512 KiB: larger source files are tables in practice.
fn bytes_max() -> u64 {
    512 * 1024
}

impl OutlineInput {
    /// The file `path` below `root` with the default limit.
    #[must_use]
    pub fn new(root: impl Into<String>, path: impl Into<String>) -> Self {
        Self { root: root.into(), path: path.into(), max_file_bytes: bytes_max() }
    }
}

/// What a file offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Its language.
    pub language: Language,
    /// What is said about the file as a whole.
    pub docs: String,
    /// In the order of the file.
    pub items: Vec<Item>,
}

/// One thing that others can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// `function`, `method`, `struct`, `class`, …
    pub kind: Kind,
    /// Its name; of a method with its type, `Shelf::add` or `Shelf.add`.
    pub name: String,
    /// Its first line, from 1.
    pub line: u64,
    /// How it is declared, without its body, on one line.
    pub signature: String,
    /// Its documentation without comment marks; empty if it has none.
    pub docs: String,
    /// What a function or method is called with, `self` apart.
    pub parameters: Vec<Parameter>,
    /// Whether a method is called on a value, not on its type.
    pub on_self: bool,
}

/// What kind of thing an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // The words of the two languages.
pub enum Kind {
    Function,
    Method,
    Struct,
    Enum,
    Trait,
    Type,
    Constant,
    Class,
}

/// One parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, or the pattern in its place.
    pub name: String,
    /// Its type as written; empty if none is.
    pub of: String,
    /// Whether it may be left out.
    pub optional: bool,
}

/// Items kept of one file.
pub const ITEMS_MAX: usize = 1_000;

/// Why there is no outline.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] source::Error),
    /// It is in another language.
    #[error("{path:?} has no outline: ask for a .rs or .py file")]
    Language {
        /// The path as it was given.
        path: String,
    },
    /// It is larger than the limit, or too tangled to parse.
    #[error("{path:?} is too large or too tangled to outline")]
    TooMuch {
        /// The path as it was given.
        path: String,
    },
}

/// Outlines one file.
///
/// # Errors
/// When the file cannot be read, or is in a language of which no outline is made.
pub fn outline(input: &OutlineInput) -> Result<Outline, Error> {
    let path = &input.path;
    let language = Language::of(Path::new(path)).ok_or(Error::Language { path: path.clone() })?;
    match source::read(Path::new(&input.root), path, input.max_file_bytes)? {
        Source::Whole(content) => outline_source(path, language, &content),
        Source::Oversized => Err(Error::TooMuch { path: path.clone() }),
    }
}

/// Outlines `source` as if it were the content of `path`. Any bytes will do.
///
/// # Errors
/// When no outline is made of this language, or the parser gives up.
pub fn outline_source(path: &str, language: Language, source: &[u8]) -> Result<Outline, Error> {
    let read = match language {
        Language::Rust => rust::items,
        Language::Python => python::items,
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            return Err(Error::Language { path: path.to_owned() });
        }
    };
    let too_much = || Error::TooMuch { path: path.to_owned() };
    let tree = language.parse(source).ok_or_else(too_much)?;
    if tree::is_tangled(tree.root_node()) {
        return Err(too_much());
    }
    let (docs, mut items) = read(tree.root_node(), source);
    items.truncate(ITEMS_MAX);
    Ok(Outline { language, docs, items })
}

/// Whether `source` parses without an error, as this language.
#[must_use]
pub fn parses(language: Language, source: &str) -> bool {
    language.parse(source.as_bytes()).is_some_and(|tree| !tree.root_node().has_error())
}

/// The text of a node.
fn text(node: Node<'_>, source: &[u8]) -> String {
    String::from_utf8_lossy(&source[node.byte_range()]).into_owned()
}

/// The text of a node's field; empty if it has none.
fn field(node: Node<'_>, name: &str, source: &[u8]) -> String {
    node.child_by_field_name(name).map_or_else(String::new, |it| text(it, source))
}

/// From the start of a node up to its body, with the white space of one line.
fn head(node: Node<'_>, source: &[u8]) -> String {
    let end = node.child_by_field_name("body").map_or(node.end_byte(), |body| body.start_byte());
    let head = String::from_utf8_lossy(&source[node.start_byte()..end]);
    let line: Vec<&str> = head.split_whitespace().collect();
    line.join(" ").trim_end_matches(['{', ':', ';', ' ']).to_owned()
}

fn line(node: Node<'_>) -> u64 {
    node.start_position().row as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_outlined_by_its_extension_and_only_below_its_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.py"), "def f(x): pass\n").unwrap();
        std::fs::write(dir.path().join("a.js"), "").unwrap();
        let root = dir.path().to_str().unwrap();
        let of = |path: &str| outline(&OutlineInput::new(root, path));
        assert_eq!(of("a.py").unwrap().items[0].name, "f");
        assert!(matches!(of("a.js"), Err(Error::Language { .. })));
        assert!(matches!(of("a.txt"), Err(Error::Language { .. })));
        assert!(matches!(of("../a.py"), Err(Error::Read(source::Error::Outside { .. }))));
        let small = OutlineInput { max_file_bytes: 3, ..OutlineInput::new(root, "a.py") };
        assert!(matches!(outline(&small), Err(Error::TooMuch { .. })));
    }

    #[test]
    fn broken_source_is_no_example() {
        assert!(parses(Language::Rust, "fn main() { f(1); }"));
        assert!(!parses(Language::Rust, "fn main() { f(1; }"));
        assert!(!parses(Language::Python, "def f(:\n"));
    }
}
