//! What a Rust file offers: its `pub` items and the `pub` methods of its types.

use tree_sitter::Node;

use super::{Item, Kind, Parameter, field, head, line, text};

/// What the file says about itself, and its public items.
pub(super) fn items(root: Node<'_>, source: &[u8]) -> (String, Vec<Item>) {
    let (mut file_docs, mut docs, mut items) = (Vec::new(), Vec::new(), Vec::new());
    let mut cursor = root.walk();
    for node in root.named_children(&mut cursor) {
        match node.kind() {
            "line_comment" => match comment(node, source) {
                Some(Comment::OfFile(said)) => file_docs.push(said),
                Some(Comment::OfNext(said)) => docs.push(said),
                None => {}
            },
            "attribute_item" => {} // Between an item and its docs.
            "impl_item" => {
                let of = field(node, "type", source);
                let of = of.split('<').next().unwrap_or_default();
                // Methods of a trait are documented where the trait is.
                if node.child_by_field_name("trait").is_none()
                    && let Some(body) = node.child_by_field_name("body")
                {
                    items.extend(methods(body, of, source));
                }
                docs.clear();
            }
            _ => {
                let said = std::mem::take(&mut docs).join("\n");
                items.extend(kind(node).and_then(|kind| item(node, kind, None, said, source)));
            }
        }
    }
    (file_docs.join("\n"), items)
}

fn methods(body: Node<'_>, of: &str, source: &[u8]) -> Vec<Item> {
    let (mut docs, mut items) = (Vec::new(), Vec::new());
    let mut cursor = body.walk();
    for node in body.named_children(&mut cursor) {
        match node.kind() {
            "line_comment" => match comment(node, source) {
                Some(Comment::OfNext(said)) => docs.push(said),
                Some(Comment::OfFile(_)) | None => {}
            },
            "attribute_item" => {}
            _ => {
                let said = std::mem::take(&mut docs).join("\n");
                if node.kind() == "function_item" {
                    items.extend(item(node, Kind::Method, Some(of), said, source));
                }
            }
        }
    }
    items
}

fn kind(node: Node<'_>) -> Option<Kind> {
    Some(match node.kind() {
        "function_item" => Kind::Function,
        "struct_item" => Kind::Struct,
        "enum_item" => Kind::Enum,
        "trait_item" => Kind::Trait,
        "type_item" => Kind::Type,
        "const_item" | "static_item" => Kind::Constant,
        _ => return None,
    })
}

fn item(node: Node<'_>, kind: Kind, of: Option<&str>, docs: String, source: &[u8]) -> Option<Item> {
    let mut cursor = node.walk();
    let seen = node.children(&mut cursor).find(|it| it.kind() == "visibility_modifier")?;
    if text(seen, source) != "pub" {
        return None; // `pub(crate)` is not for others.
    }
    let name = field(node, "name", source);
    let name = of.map_or_else(|| name.clone(), |of| format!("{of}::{name}"));
    let (parameters, on_self) = parameters(node, source);
    let signature = head(node, source);
    Some(Item { kind, name, line: line(node), signature, docs, parameters, on_self })
}

fn parameters(node: Node<'_>, source: &[u8]) -> (Vec<Parameter>, bool) {
    let (mut all, mut on_self) = (Vec::new(), false);
    let Some(list) = node.child_by_field_name("parameters") else { return (all, on_self) };
    let mut cursor = list.walk();
    for node in list.named_children(&mut cursor) {
        match node.kind() {
            "self_parameter" => on_self = true,
            "parameter" => all.push(Parameter {
                name: field(node, "pattern", source),
                of: field(node, "type", source),
                optional: false,
            }),
            _ => {}
        }
    }
    (all, on_self)
}

enum Comment {
    /// `//!`
    OfFile(String),
    /// `///`
    OfNext(String),
}

fn comment(node: Node<'_>, source: &[u8]) -> Option<Comment> {
    let text = text(node, source);
    let text = text.trim_end();
    let said = |rest: &str| rest.strip_prefix(' ').unwrap_or(rest).to_owned();
    if let Some(rest) = text.strip_prefix("//!") {
        return Some(Comment::OfFile(said(rest)));
    }
    let rest = text.strip_prefix("///")?;
    (!rest.starts_with('/')).then(|| Comment::OfNext(said(rest)))
}

#[cfg(test)]
mod tests {
    use super::super::outline_source;
    use super::*;
    use crate::review::Language;

    const SOURCE: &str = "\
//! Shelves.
//! And books.

/// How many fit.
pub const MAX: usize = 4;

/// A shelf.
#[derive(Debug)]
pub struct Shelf<T> {
    books: Vec<T>,
}

impl<T> Shelf<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self { Self { books: vec![] } }

    // Not a doc.
    pub fn add(
        &mut self,
        book: T,
    ) -> bool {
        true
    }

    pub(crate) fn inner(&self) {}
}

impl Default for Shelf<u8> {
    fn default() -> Self { Self::new() }
}

//// A ruler, not a doc.
fn private() {}

pub fn count(text: &str, n: usize) -> usize { n }
";

    #[test]
    fn public_items_come_with_signature_docs_and_parameters() {
        let outline = outline_source("shelf.rs", Language::Rust, SOURCE.as_bytes()).unwrap();
        assert_eq!(outline.docs, "Shelves.\nAnd books.");
        let told: Vec<(&str, &str, &str)> = outline
            .items
            .iter()
            .map(|it| (it.name.as_str(), it.signature.as_str(), it.docs.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("MAX", "pub const MAX: usize = 4", "How many fit."),
                ("Shelf", "pub struct Shelf<T>", "A shelf."),
                ("Shelf::new", "pub fn new() -> Self", "An empty one."),
                ("Shelf::add", "pub fn add( &mut self, book: T, ) -> bool", ""),
                ("count", "pub fn count(text: &str, n: usize) -> usize", ""),
            ]
        );
        let add = &outline.items[3];
        assert!(add.on_self && add.kind == Kind::Method && add.line == 19);
        assert_eq!(add.parameters[0].of, "T");
        assert_eq!(outline.items[4].parameters[1].name, "n");
    }
}
