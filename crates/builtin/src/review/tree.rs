//! Questions about a syntax tree that a query cannot ask: who is around a node, are two nodes the
//! same code, does evaluating a node change anything.
//!
//! Nothing here recurses and everything pays for its steps out of [`Work`], because the tree may
//! come from a file that somebody made to hurt us.

use tree_sitter::Node;

use super::language::Language;

/// How many nodes a file's checks may look at. A count and not a clock, so that the same bytes
/// always end the same way.
pub(crate) struct Work {
    left: u32,
}

/// Node visits granted per file: far more than any real file needs, about 50 ms of work.
pub(crate) const WORK_MAX: u32 = 2_000_000;

impl Work {
    /// A fresh grant.
    pub(crate) fn new() -> Self {
        Self { left: WORK_MAX }
    }

    /// Takes `steps`; false once the grant is used up, and for ever after.
    pub(crate) fn take(&mut self, steps: u32) -> bool {
        self.left = self.left.saturating_sub(steps);
        self.left > 0
    }

    /// Whether everything was spent, so the review is not complete.
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// The nodes that contain `node`, outermost first, without `node` itself. One walk down from the
/// root: asking each node for its parent would walk down once per level.
pub(crate) fn ancestry<'t>(root: Node<'t>, node: Node<'t>, work: &mut Work) -> Vec<Node<'t>> {
    let mut around = vec![];
    let mut at = root;
    while at.id() != node.id() && work.take(1 + at.child_count() / 8) {
        around.push(at);
        match at.child_with_descendant(node) {
            Some(child) => at = child,
            None => break,
        }
    }
    around
}

/// Whether two nodes are the same code, apart from white space and comments. Structure counts:
/// in Python the same tokens at another indentation are another program.
pub(crate) fn same(a: Node<'_>, b: Node<'_>, source: &[u8], work: &mut Work) -> bool {
    let mut pairs = vec![(a, b)];
    while let Some((a, b)) = pairs.pop() {
        if !work.take(1) || a.kind_id() != b.kind_id() {
            return false;
        }
        if is_atom(a) {
            if source[a.byte_range()] != source[b.byte_range()] {
                return false;
            }
            continue;
        }
        let (left, right) = (parts(a), parts(b));
        if left.len() != right.len() {
            return false;
        }
        pairs.extend(left.into_iter().zip(right));
    }
    true
}

/// The texts of a node's atoms in order, without comments and white space between them.
pub(crate) fn words<'s>(node: Node<'_>, source: &'s [u8], work: &mut Work) -> Vec<&'s [u8]> {
    let nodes = below(node, work, |node| !is_atom(node));
    let atoms = nodes.into_iter().filter(|node| is_atom(*node) && !node.is_extra());
    atoms.map(|node| &source[node.byte_range()]).collect()
}

/// How deep a tree may be. Walking a query over a tree costs its nodes times its depth, and code
/// that people write stays under a tenth of this.
const DEPTH_MAX: u32 = 1_500;

/// How many tokens without a name may follow each other under one parent: the walk looks over such
/// a run again from each of its tokens. Only broken code has long ones.
const RUN_MAX: u32 = 1_000;

/// Whether walking a query over the tree would take long for its size.
pub(crate) fn is_tangled(root: Node<'_>) -> bool {
    let mut cursor = root.walk();
    let (mut depth, mut run) = (0, 0);
    loop {
        if depth > DEPTH_MAX || run > RUN_MAX {
            return true;
        }
        if cursor.goto_first_child() {
            (depth, run) = (depth + 1, 0);
            continue;
        }
        // A token has no children, so nothing below it can interrupt the count of a run.
        run = if cursor.node().is_named() { 0 } else { run + 1 };
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
            (depth, run) = (depth - 1, 0);
        }
    }
}

/// How many errors and missing tokens a tree holds.
pub(crate) fn errors(root: Node<'_>) -> usize {
    let nodes = below(root, &mut Work::new(), |node| node.has_error());
    nodes.iter().filter(|node| node.is_error() || node.is_missing()).count()
}

/// Children without comments.
pub(crate) fn parts<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).filter(|child| !child.is_extra()).collect()
}

/// A node whose text counts as a whole: leaves, and strings, whose grammar leaves the text between
/// two escape sequences without a node.
fn is_atom(node: Node<'_>) -> bool {
    node.child_count() == 0
        || matches!(
            node.kind(),
            "string" | "string_literal" | "raw_string_literal" | "string_content"
        )
}

/// `node` and everything below it, parents first, without entering what `enter` refuses.
pub(crate) fn below<'t>(
    node: Node<'t>,
    work: &mut Work,
    enter: impl Fn(Node<'t>) -> bool,
) -> Vec<Node<'t>> {
    let mut found = vec![];
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if !work.take(1) {
            break;
        }
        found.push(node);
        if enter(node) {
            let mut cursor = node.walk();
            let before = open.len();
            open.extend(node.children(&mut cursor));
            open[before..].reverse();
        }
    }
    found
}

/// Whether a node starts a function of its own, so that loops and `async` around it say nothing
/// about when its body runs.
pub(crate) fn is_function(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "function_item"
            | "closure_expression"
            | "async_block"
            | "const_block"
            | "function_definition"
            | "lambda"
            | "function_declaration"
            | "function_expression"
            | "arrow_function"
            | "method_definition"
            | "generator_function"
            | "generator_function_declaration"
            | "class_definition"
            | "class_body"
    )
}

/// Whether a function-like node runs as a coroutine.
pub(crate) fn is_async(node: Node<'_>, source: &[u8]) -> bool {
    if node.kind() == "async_block" {
        return true;
    }
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|child| match child.kind() {
        "async" => true,
        "function_modifiers" => has_word(&source[child.byte_range()], b"async"),
        _ => false,
    })
}

fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_alphanumeric()).any(|found| found == word)
}

/// Whether `node` is code of a loop's body (not its header, which runs once) within its function.
pub(crate) fn in_loop(around: &[Node<'_>], node: Node<'_>) -> bool {
    let within = around.iter().rposition(|node| is_function(*node)).map_or(0, |at| at + 1);
    let around = &around[within..];
    around.iter().enumerate().any(|(at, outer)| {
        let inner = around.get(at + 1).copied().unwrap_or(node);
        let body = outer.child_by_field_name("body");
        let kinds = ["for_expression", "while_expression", "loop_expression"];
        kinds.contains(&outer.kind()) && body.is_some_and(|body| body.id() == inner.id())
    })
}

/// Calls that answer the same twice in a row and change nothing, by their last name.
const PURE_CALLS: [&str; 20] = [
    "is_empty",
    "len",
    "is_some",
    "is_none",
    "is_ok",
    "is_err",
    "starts_with",
    "ends_with",
    "startswith",
    "endswith",
    "startsWith",
    "endsWith",
    "includes",
    "contains",
    "isinstance",
    "hasattr",
    "indexOf",
    "isArray",
    "as_str",
    "lower",
];

/// Whether evaluating the node twice in a row gives the same value twice and changes nothing.
pub(crate) fn is_pure(node: Node<'_>, language: Language, source: &[u8], work: &mut Work) -> bool {
    let nodes = below(node, work, |_| true);
    !work.is_spent()
        && nodes.iter().all(|node| match node.kind() {
            "call_expression" | "call" => calls_pure(*node, source),
            "macro_invocation" => {
                language == Language::Rust && source[node.byte_range()].starts_with(b"matches!")
            }
            "await_expression"
            | "await"
            | "yield"
            | "yield_expression"
            | "named_expression"
            | "new_expression"
            | "assignment_expression"
            | "augmented_assignment_expression"
            | "compound_assignment_expr"
            | "update_expression"
            | "try_expression"
            | "async_block"
            | "unsafe_block"
            | "block"
            | "delete" => false,
            _ => true,
        })
}

fn calls_pure(call: Node<'_>, source: &[u8]) -> bool {
    call.child_by_field_name("function").is_some_and(|callee| {
        PURE_CALLS.iter().any(|name| last_name(callee, source) == name.as_bytes())
    })
}

/// `c` of `a.b.c` and of `a::b::c`, or the name itself.
pub(crate) fn last_name<'s>(callee: Node<'_>, source: &'s [u8]) -> &'s [u8] {
    let text = &source[callee.byte_range()];
    text.rsplit(|byte| matches!(byte, b'.' | b':')).next().unwrap_or(text).trim_ascii()
}

/// Whether code stands in tests: by the path's words, or by Rust's attributes around it.
pub(crate) fn in_test(path: &str, around: &[Node<'_>], source: &[u8]) -> bool {
    is_test_path(path) || around.iter().any(|node| has_test_attribute(*node, source))
}

fn has_test_attribute(node: Node<'_>, source: &[u8]) -> bool {
    if !matches!(node.kind(), "mod_item" | "function_item" | "impl_item") {
        return false;
    }
    let mut before = node.prev_sibling();
    while let Some(attribute) = before {
        match attribute.kind() {
            "attribute_item" => {
                let text = &source[attribute.byte_range()];
                let test = has_word(text, b"test") || has_word(text, b"bench");
                if test && !has_word(text, b"not") {
                    return true;
                }
            }
            "line_comment" | "block_comment" => {}
            _ => break,
        }
        before = attribute.prev_sibling();
    }
    false
}

/// Whether a relative path names test code, by the customs of the four languages.
pub(crate) fn is_test_path(path: &str) -> bool {
    let directory = |part: &str| {
        matches!(
            part,
            "test"
                | "tests"
                | "testing"
                | "__tests__"
                | "__mocks__"
                | "spec"
                | "specs"
                | "e2e"
                | "benches"
                | "fixtures"
                | "testdata"
                | "test_data"
        )
    };
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    directories.split('/').any(directory)
        || matches!(stem, "test" | "tests" | "conftest")
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || name.contains(".test.")
        || name.contains(".spec.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_paths_are_known_by_their_words() {
        for path in ["tests/a.rs", "a/test_b.py", "a.spec.ts", "x/__tests__/b.js", "b_test.py"] {
            assert!(is_test_path(path), "{path}");
        }
        for path in ["src/a.rs", "contest/a.py", "attest.py", "latest.js", "src/testify.rs"] {
            assert!(!is_test_path(path), "{path}");
        }
    }

    #[test]
    fn same_code_is_the_same_in_spite_of_comments_but_not_of_indentation() {
        let same_bodies = |text: &str| {
            let tree = Language::Python.parse(text.as_bytes()).unwrap();
            let bodies = parts(tree.root_node());
            same(bodies[0], bodies[1], text.as_bytes(), &mut Work::new())
        };
        assert!(same_bodies("if a:\n  b( 1 )\nif a: # why\n  b(1)\n"));
        assert!(!same_bodies("for a in b:\n  c\n  d\nfor a in b:\n  c\nd\n"));
        assert!(!same_bodies("'a\\nb'\n'c\\nb'\n"), "text between escapes counts");
    }

    #[test]
    fn work_ends() {
        let text = "a + ".repeat(1_000) + "a";
        let tree = Language::Python.parse(text.as_bytes()).unwrap();
        let mut work = Work { left: 10 };
        assert!(below(tree.root_node(), &mut work, |_| true).len() <= 10);
        assert!(work.is_spent());
    }
}
