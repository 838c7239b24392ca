//! Predicates that rules may use beyond tree-sitter's own: each is a name in a query and one
//! question in Rust.
//!
//! | in a query | holds when |
//! |---|---|
//! | `(#same? @a @b)` | both are the same code, comments and white space apart |
//! | `(#pure? @a)` | evaluating it twice gives the same and changes nothing |
//! | `(#plain-code? @a)` | it holds code and no comment that could explain it |
//! | `(#built-from-parts? @a)` | it is text with holes that are not known to be harmless |
//! | `(#inside? @a kind…)`, `(#not-inside? @a kind…)` | one, or none, of the kinds is around it in
//! its function |
//! | `(#inside-loop? @a)` | it is run by each turn of a loop |
//! | `(#inside-async? @a)` | the function around it is a coroutine |
//! | `(#not-in-function? @a name)` | the function around it has another name |
//! | `(#not-child-of? @a kind…)` | the node right around it is of none of these kinds |
//! | `(#read-only? @a)` | it is not assigned to |
//! | `(#has-no? @a kind…)` | nothing of these kinds is in it |
//! | `(#has-no-own? @a kind…)` | the same, functions inside of it apart |
//! | `(#file-mentions? "text")` | the file holds this text anywhere |
//! | `(#file-has-line? "text")` | a line of the file starts with this text, indentation apart |
//! | `(#repeated-in? @scope @key)` | the same key was met before in this scope |
//! | `(#leaks? @name @body)` | the body changes or keeps the object that the name stands for
//! |

use std::collections::BTreeSet;

use tree_sitter::{Node, QueryPredicate, QueryPredicateArg};

use super::language::Language;
use super::tree::{self, Work};
use super::{built, leak};

/// One predicate with its arguments; numbers are capture indexes.
#[derive(Debug)]
pub(crate) enum Check {
    Same(u32, u32),
    Pure(u32),
    PlainCode(u32),
    BuiltFromParts(u32),
    Inside { node: u32, kinds: Vec<String>, wanted: bool },
    InsideLoop(u32),
    InsideAsync(u32),
    NotInFunction { node: u32, name: String },
    NotChildOf { node: u32, kinds: Vec<String> },
    ReadOnly(u32),
    HasNo { node: u32, kinds: Vec<String> },
    HasNoOwn { node: u32, kinds: Vec<String> },
    FileMentions(String),
    FileHasLine(String),
    RepeatedIn { scope: u32, key: u32 },
    Leaks { name: u32, body: u32 },
}

/// What checks know about the file, and what they remember while it is read.
pub(crate) struct Site<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) root: Node<'a>,
    pub(crate) language: Language,
    pub(crate) work: Work,
    /// Keys met so far: pattern, scope, key text.
    pub(crate) met: BTreeSet<(usize, usize, Vec<u8>)>,
}

/// The nodes of one match by capture index.
pub(crate) struct Captures<'m, 't> {
    pub(crate) pattern: usize,
    pub(crate) nodes: &'m [tree_sitter::QueryCapture<'t>],
}

impl<'t> Captures<'_, 't> {
    /// The first node captured under `index`.
    pub(crate) fn node(&self, index: u32) -> Option<Node<'t>> {
        self.nodes.iter().find(|capture| capture.index == index).map(|capture| capture.node)
    }
}

impl Check {
    /// Reads a predicate of a query; the error says what a rule author should write.
    pub(crate) fn read(predicate: &QueryPredicate) -> Result<Self, String> {
        let captures: Vec<u32> = predicate.args.iter().filter_map(as_capture).collect();
        let words: Vec<String> = predicate.args.iter().filter_map(as_word).collect();
        Ok(match (&*predicate.operator, &*captures, &*words) {
            ("same?", &[a, b], []) => Self::Same(a, b),
            ("pure?", &[node], []) => Self::Pure(node),
            ("plain-code?", &[node], []) => Self::PlainCode(node),
            ("built-from-parts?", &[node], []) => Self::BuiltFromParts(node),
            ("inside?", &[node], [_, ..]) => Self::Inside { node, kinds: words, wanted: true },
            ("not-inside?", &[node], [_, ..]) => Self::Inside { node, kinds: words, wanted: false },
            ("inside-loop?", &[node], []) => Self::InsideLoop(node),
            ("inside-async?", &[node], []) => Self::InsideAsync(node),
            ("not-in-function?", &[node], [name]) => {
                Self::NotInFunction { node, name: name.clone() }
            }
            ("not-child-of?", &[node], [_, ..]) => Self::NotChildOf { node, kinds: words },
            ("read-only?", &[node], []) => Self::ReadOnly(node),
            ("has-no?", &[node], [_, ..]) => Self::HasNo { node, kinds: words },
            ("has-no-own?", &[node], [_, ..]) => Self::HasNoOwn { node, kinds: words },
            ("file-mentions?", [], [text]) => Self::FileMentions(text.clone()),
            ("file-has-line?", [], [text]) => Self::FileHasLine(text.clone()),
            ("repeated-in?", &[scope, key], []) => Self::RepeatedIn { scope, key },
            ("leaks?", &[name, body], []) => Self::Leaks { name, body },
            (name, ..) => {
                return Err(format!("#{name} is unknown or has other arguments: see check.rs"));
            }
        })
    }

    /// Whether the predicate holds for a match. A capture that is absent makes it false.
    pub(crate) fn holds(&self, captures: &Captures<'_, '_>, site: &mut Site<'_>) -> bool {
        self.ask(captures, site).unwrap_or(false) && !site.work.is_spent()
    }

    fn ask(&self, captures: &Captures<'_, '_>, site: &mut Site<'_>) -> Option<bool> {
        let Site { source, root, work, .. } = site;
        Some(match self {
            Self::Same(a, b) => tree::same(captures.node(*a)?, captures.node(*b)?, source, work),
            Self::Pure(node) => tree::is_pure(captures.node(*node)?, site.language, source, work),
            Self::PlainCode(node) => is_plain_code(captures.node(*node)?, work),
            Self::BuiltFromParts(node) => built::from_parts(captures.node(*node)?, source, work),
            Self::Inside { node, kinds, wanted } => {
                let around = tree::ancestry(*root, captures.node(*node)?, work);
                let inner = around.iter().rev().take_while(|node| !tree::is_function(**node));
                inner.into_iter().any(|node| kinds.iter().any(|kind| kind == node.kind()))
                    == *wanted
            }
            Self::InsideLoop(node) => {
                let node = captures.node(*node)?;
                tree::in_loop(&tree::ancestry(*root, node, work), node)
            }
            Self::InsideAsync(node) => {
                let around = tree::ancestry(*root, captures.node(*node)?, work);
                let function = around.iter().rev().find(|node| tree::is_function(**node))?;
                tree::is_async(*function, source)
            }
            Self::NotInFunction { node, name } => {
                let around = tree::ancestry(*root, captures.node(*node)?, work);
                let function = around.iter().rev().find(|node| tree::is_function(**node));
                let named = function.and_then(|function| function.child_by_field_name("name"));
                named.is_none_or(|named| &source[named.byte_range()] != name.as_bytes())
            }
            Self::NotChildOf { node, kinds } => {
                let around = tree::ancestry(*root, captures.node(*node)?, work);
                let outer = around.last();
                outer.is_none_or(|outer| kinds.iter().all(|kind| kind != outer.kind()))
            }
            Self::ReadOnly(node) => {
                let node = captures.node(*node)?;
                let around = tree::ancestry(*root, node, work);
                let target = around.last().and_then(|outer| outer.child_by_field_name("left"));
                let assigned = around.last().is_some_and(|outer| {
                    outer.kind().contains("assignment") || outer.kind() == "update_expression"
                });
                !assigned || target.is_some_and(|target| target.id() != node.id())
            }
            Self::HasNo { node, kinds } => tree::below(captures.node(*node)?, work, |_| true)
                .iter()
                .all(|node| kinds.iter().all(|kind| kind != node.kind())),
            Self::HasNoOwn { node, kinds } => {
                let own = |node: Node<'_>| !tree::is_function(node);
                tree::below(captures.node(*node)?, work, own)
                    .iter()
                    .all(|node| kinds.iter().all(|kind| kind != node.kind()))
            }
            Self::FileMentions(text) => contains(source, text.as_bytes()),
            Self::FileHasLine(text) => source
                .split(|&byte| byte == b'\n')
                .any(|line| line.trim_ascii_start().starts_with(text.as_bytes())),
            Self::RepeatedIn { scope, key } => {
                let (scope, key) = (captures.node(*scope)?, captures.node(*key)?);
                let key = key_text(key, source, work);
                !site.met.insert((captures.pattern, scope.id(), key))
            }
            Self::Leaks { name, body } => {
                let (name, body) = (captures.node(*name)?, captures.node(*body)?);
                let around = tree::ancestry(*root, body, work);
                leak::leaks([name, body], &around, source, work)
            }
        })
    }
}

fn as_capture(argument: &QueryPredicateArg) -> Option<u32> {
    match argument {
        QueryPredicateArg::Capture(index) => Some(*index),
        QueryPredicateArg::String(_) => None,
    }
}

fn as_word(argument: &QueryPredicateArg) -> Option<String> {
    match argument {
        QueryPredicateArg::Capture(_) => None,
        QueryPredicateArg::String(text) => Some(text.to_string()),
    }
}

/// Code and no comment: two equal branches with a comment each were meant to be two.
fn is_plain_code(node: Node<'_>, work: &mut Work) -> bool {
    let nodes = tree::below(node, work, |_| true);
    let comment = |node: &Node<'_>| node.is_extra() || node.kind().ends_with("comment");
    !nodes.iter().any(comment) && nodes.iter().skip(1).any(Node::is_named)
}

/// What a key says: its words in order, and a plain string without the choice of its quotes.
fn key_text(key: Node<'_>, source: &[u8], work: &mut Work) -> Vec<u8> {
    let text = &source[key.byte_range()];
    let plain = |quote: u8| {
        let inner = text.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
        let odd = inner.iter().any(|byte| matches!(byte, b'\\' | b'"' | b'\''));
        (!odd).then_some(inner)
    };
    match plain(b'"').or_else(|| plain(b'\'')) {
        Some(inner) => [b"\"", inner, b"\""].concat(),
        None => tree::words(key, source, work).join(&0),
    }
}

/// Whether `text` holds `part`.
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some((&first, rest)) = part.split_first() else { return true };
    let mut from = text;
    while let Some(at) = from.iter().position(|&byte| byte == first) {
        from = &from[at + 1..];
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_equal_to_itself_in_other_quotes_and_to_nothing_else() {
        let key = |text: &str| {
            let tree = Language::Python.parse(text.as_bytes()).unwrap();
            let expression = tree.root_node().child(0).and_then(|s| s.child(0)).unwrap();
            key_text(expression, text.as_bytes(), &mut Work::new())
        };
        assert_eq!(key("'a b'"), key("\"a b\""));
        assert_ne!(key("'a'"), key("a"));
        assert_ne!(key("'\\n'"), key("\"\\n\""), "escapes may differ, so they count");
        assert_eq!(key("a.f( 1 )"), key("a.f(1)"));
        assert_ne!(key("a.f('    ')"), key("a.f('  ')"), "white space in a string counts");
    }

    #[test]
    fn contains_finds_parts() {
        assert!(contains(b"aab", b"ab") && contains(b"x", b"") && !contains(b"aab", b"ba"));
    }
}
