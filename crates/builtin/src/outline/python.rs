//! What a Python file offers: functions, classes and methods whose names have no underscore in
//! front.

use tree_sitter::Node;

use super::{Item, Kind, Parameter, field, head, line, text};

/// What the file says about itself, and its public items.
pub(super) fn items(root: Node<'_>, source: &[u8]) -> (String, Vec<Item>) {
    let mut items = Vec::new();
    for node in definitions(root) {
        let name = field(node, "name", source);
        if name.starts_with('_') {
            continue;
        }
        if node.kind() == "function_definition" {
            items.push(item(node, Kind::Function, name, source));
            continue;
        }
        items.push(item(node, Kind::Class, name.clone(), source));
        let body = node.child_by_field_name("body");
        for method in body.map(definitions).unwrap_or_default() {
            let of = field(method, "name", source);
            if method.kind() == "function_definition" && !of.starts_with('_') {
                items.push(item(method, Kind::Method, format!("{name}.{of}"), source));
            }
        }
    }
    (docs(Some(root), source), items)
}

/// Functions and classes directly below a node, decorated or not.
fn definitions<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    let bare = |node: Node<'t>| match node.kind() {
        "decorated_definition" => node.child_by_field_name("definition"),
        "function_definition" | "class_definition" => Some(node),
        _ => None,
    };
    node.named_children(&mut cursor).filter_map(bare).collect()
}

fn item(node: Node<'_>, kind: Kind, name: String, source: &[u8]) -> Item {
    let (mut parameters, on_self) = (parameters(node, source), kind == Kind::Method);
    if on_self && !parameters.is_empty() {
        parameters.remove(0);
    }
    let docs = docs(node.child_by_field_name("body"), source);
    Item { kind, name, line: line(node), signature: head(node, source), docs, parameters, on_self }
}

fn parameters(node: Node<'_>, source: &[u8]) -> Vec<Parameter> {
    let Some(list) = node.child_by_field_name("parameters") else { return Vec::new() };
    let mut cursor = list.walk();
    let parameter = |node: Node<'_>| {
        let (name, optional) = match node.kind() {
            "identifier" => (text(node, source), false),
            "typed_parameter" => (text(node.named_child(0)?, source), false),
            "default_parameter" | "typed_default_parameter" => (field(node, "name", source), true),
            _ => return None,
        };
        Some(Parameter { name, of: field(node, "type", source), optional })
    };
    list.named_children(&mut cursor).filter_map(parameter).collect()
}

/// The string that a body begins with, without quotes and indentation.
fn docs(body: Option<Node<'_>>, source: &[u8]) -> String {
    let string = || {
        let first = body?.named_child(0).filter(|it| it.kind() == "expression_statement")?;
        let string = first.named_child(0).filter(|it| it.kind() == "string")?;
        let mut cursor = string.walk();
        let content = string.named_children(&mut cursor).find(|it| it.kind() == "string_content");
        content.map(|it| text(it, source))
    };
    let lines = string().unwrap_or_default();
    let lines: Vec<&str> = lines.trim().lines().map(str::trim).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::outline_source;
    use crate::review::Language;

    const SOURCE: &str = r#"
"""Shelves.

    And books."""
import os

def count(text: str, n: int = 4, *rest, flag=False) -> int:
    """How many."""
    return n

def _private(): pass

class Shelf:
    '''A shelf.'''

    def __init__(self): pass

    @property
    def size(self): return 0

    def add(self, book: "Book"): pass
"#;

    #[test]
    fn public_items_come_with_signature_docs_and_parameters() {
        let outline = outline_source("shelf.py", Language::Python, SOURCE.as_bytes()).unwrap();
        assert_eq!(outline.docs, "Shelves.\n\nAnd books.");
        let told: Vec<(&str, &str, &str)> = outline
            .items
            .iter()
            .map(|it| (it.name.as_str(), it.signature.as_str(), it.docs.as_str()))
            .collect();
        let count = "def count(text: str, n: int = 4, *rest, flag=False) -> int";
        assert_eq!(
            told,
            [
                ("count", count, "How many."),
                ("Shelf", "class Shelf", "A shelf."),
                ("Shelf.size", "def size(self)", ""),
                ("Shelf.add", "def add(self, book: \"Book\")", ""),
            ]
        );
        let count = &outline.items[0].parameters;
        let told: Vec<(&str, &str, bool)> =
            count.iter().map(|it| (it.name.as_str(), it.of.as_str(), it.optional)).collect();
        assert_eq!(told, [("text", "str", false), ("n", "int", true), ("flag", "", true)]);
        assert_eq!(outline.items[3].parameters[0].name, "book");
    }
}
