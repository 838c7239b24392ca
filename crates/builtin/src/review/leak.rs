//! Does a Python function change or keep the object that its default argument stands for?
//!
//! A mutable default is harmless as long as it is only read. It is a bug once the body changes it
//! (the next call sees the change) or stores it in an object (two objects share it). A body that
//! first gives the name another value has made its own copy, and a name that says `cache` means it.

use tree_sitter::Node;

use super::tree::{self, Work};

/// Methods of list, dict and set that change them.
const CHANGES: [&str; 15] = [
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "sort",
    "reverse",
    "update",
    "setdefault",
    "popitem",
    "add",
    "discard",
    "appendleft",
    "difference_update",
];

/// Names that announce shared state on purpose.
const ON_PURPOSE: [&str; 6] = ["cache", "memo", "seen", "visited", "state", "registry"];

/// Whether a function lets calls or objects share what the parameter `name` was given. `function`
/// is the name, the default's owner and the body as the query captured them; `around` the nodes
/// around the function, outermost first.
///
/// Storing counts only if the class changes the attribute somewhere: one that is only read is safe.
pub(crate) fn leaks(
    [name, body]: [Node<'_>; 2],
    around: &[Node<'_>],
    source: &[u8],
    work: &mut Work,
) -> bool {
    let name = &source[name.byte_range()];
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    if lower.starts_with('_') || ON_PURPOSE.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let own = |node: Node<'_>| !tree::is_function(node) || node.id() == body.id();
    let is_name =
        |node: Node<'_>| node.kind() == "identifier" && &source[node.byte_range()] == name;
    let nodes = tree::below(body, work, own);
    if nodes.iter().any(|node| rebinds(*node, &is_name)) {
        return false;
    }
    if nodes.iter().any(|node| changes(*node, source, &is_name)) {
        return true;
    }
    let Some(class) = around.iter().rev().find(|node| node.kind() == "class_definition") else {
        return false;
    };
    let stored: Vec<_> = nodes.iter().filter_map(|node| stores(*node, &is_name)).collect();
    stored.into_iter().any(|attribute| {
        let text = &source[attribute.byte_range()];
        let is_it =
            |node: Node<'_>| node.kind() == "attribute" && &source[node.byte_range()] == text;
        tree::below(*class, work, |_| true).iter().any(|node| changes(*node, source, &is_it))
    })
}

/// `name = …`, `for name in …`, `with … as name`, `global name`.
fn rebinds(node: Node<'_>, is_name: &impl Fn(Node<'_>) -> bool) -> bool {
    let target = match node.kind() {
        "assignment" | "for_statement" | "for_in_clause" => node.child_by_field_name("left"),
        "named_expression" => node.child_by_field_name("name"),
        "as_pattern_target" | "global_statement" | "nonlocal_statement" => Some(node),
        _ => None,
    };
    target.is_some_and(|target| {
        is_name(target)
            || (!matches!(target.kind(), "attribute" | "subscript")
                && tree::parts(target).into_iter().any(is_name))
    })
}

/// `name.append(…)`, `name[…] = …`, `name += …`, `del name[…]`.
fn changes(node: Node<'_>, source: &[u8], is_name: &impl Fn(Node<'_>) -> bool) -> bool {
    let item = |node: Node<'_>| {
        node.kind() == "subscript" && node.child_by_field_name("value").is_some_and(is_name)
    };
    match node.kind() {
        "call" => node.child_by_field_name("function").is_some_and(|callee| {
            let object = callee.child_by_field_name("object");
            let method = tree::last_name(callee, source);
            object.is_some_and(is_name) && CHANGES.iter().any(|name| name.as_bytes() == method)
        }),
        "assignment" => node.child_by_field_name("left").is_some_and(item),
        "augmented_assignment" => {
            node.child_by_field_name("left").is_some_and(|left| is_name(left) || item(left))
        }
        "delete_statement" => tree::parts(node).into_iter().any(item),
        _ => false,
    }
}

/// `self.x` of `self.x = name`.
fn stores<'t>(node: Node<'t>, is_name: &impl Fn(Node<'t>) -> bool) -> Option<Node<'t>> {
    let stored =
        node.kind() == "assignment" && node.child_by_field_name("right").is_some_and(is_name);
    let left = node.child_by_field_name("left").filter(|_| stored)?;
    (left.kind() == "attribute").then_some(left)
}
