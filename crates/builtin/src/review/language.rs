//! The languages that are reviewed: which files they own, which grammar reads them.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tree_sitter::{ParseOptions, Parser, Tree};

/// A language that the rules speak.
///
/// TSX is a grammar of its own (in it `<T>x` is an element, not a cast), but a rule author writes
/// one `typescript.scm` for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// `.rs`
    Rust,
    /// `.py`
    Python,
    /// `.js`, `.mjs`, `.cjs`, `.jsx`
    JavaScript,
    /// `.ts`, `.mts`, `.cts`
    TypeScript,
    /// `.tsx`
    Tsx,
}

impl Language {
    /// Every language, in the order in which reports list them.
    pub const ALL: [Language; 5] =
        [Self::Rust, Self::Python, Self::JavaScript, Self::TypeScript, Self::Tsx];

    /// The language of a file by its extension, or `None` for what is not reviewed.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "rs" => Self::Rust,
            "py" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" => Self::JavaScript,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            _ => return None,
        })
    }

    /// The name of the query file in a rule's folder, without `.scm`.
    #[must_use]
    pub fn query_name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript | Self::Tsx => "typescript",
        }
    }

    /// The name as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Tsx => "TSX",
        }
    }

    /// The grammar that parses this language.
    pub(crate) fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Rust => tree_sitter_rust::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
            Self::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
        }
    }

    /// Parses `source`, or gives up (`None`) after [`steps_max`] steps.
    ///
    /// The bound counts the parser's own steps and not milliseconds: the same bytes then end the
    /// same way on a busy machine and on an idle one, so a resumed run tells the same story.
    pub(crate) fn parse(self, source: &[u8]) -> Option<Tree> {
        PARSERS.with_borrow_mut(|parsers| {
            let parser = parsers[self as usize].get_or_insert_with(|| {
                let mut parser = Parser::new();
                parser.set_language(&self.grammar()).expect("the grammars fit this tree-sitter");
                parser
            });
            let mut steps = 0;
            let steps_max = steps_max(source.len());
            let mut bound = |_: &tree_sitter::ParseState| {
                steps += 1;
                if steps > steps_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let mut text = |at: usize, _| source.get(at..).unwrap_or_default();
            let options = ParseOptions::new().progress_callback(&mut bound);
            let tree = parser.parse_with_options(&mut text, None, Some(options));
            if tree.is_none() {
                // A parser that was stopped would otherwise go on where it stood.
                parser.reset();
            }
            tree
        })
    }
}

/// How many times the parser may report progress for a file of this size; each stands for a hundred
/// of its operations. Of 12,000 published files the hungriest took one report for 35 bytes.
fn steps_max(bytes: usize) -> usize {
    200 + bytes / 10
}

thread_local! {
    /// One parser per language and thread: building one costs more than parsing a small file.
    static PARSERS: RefCell<[Option<Parser>; Language::ALL.len()]> =
        const { RefCell::new([None, None, None, None, None]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_language_of_its_extension() {
        let table = [
            ("a.rs", Some(Language::Rust)),
            ("a/b.py", Some(Language::Python)),
            ("a.mjs", Some(Language::JavaScript)),
            ("a.cts", Some(Language::TypeScript)),
            ("a.tsx", Some(Language::Tsx)),
            ("rs", None),
            ("a.RS", None),
            (".rs", None),
        ];
        for (path, language) in table {
            assert_eq!(Language::of(Path::new(path)), language, "{path}");
        }
    }

    #[test]
    fn every_language_parses_and_the_array_is_indexed_by_it() {
        for (index, language) in Language::ALL.into_iter().enumerate() {
            assert_eq!(language as usize, index);
            assert!(language.parse(b"").is_some(), "{language:?}");
        }
    }
}
