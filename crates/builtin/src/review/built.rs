//! Is this expression text that a program glues together from parts it does not control?
//!
//! The injection rules stand on this one question. It is answered from what is written in place: a
//! literal with a hole (`f"{x}"`, `` `${x}` ``, `format!("{x}")`, `"%s" % x`, `"{}".format(x)`) or
//! a literal added to something. A bare variable is not reported, for nothing here shows what it
//! holds. Holes that are filled with constants, numbers or quoted text do not count.

use tree_sitter::Node;

use super::tree::{self, Work};

/// Calls whose result is safe to insert: quoting, escaping, numbers. In small letters, as they end.
const SAFE_CALLS: [&str; 11] = [
    "quote(",
    "escape(",
    "sanitize(",
    "encodeuricomponent(",
    "int(",
    "len(",
    "float(",
    "parseint(",
    "number(",
    "getpid(",
    "list2cmdline(",
];

/// Whether `node` is text with at least one hole that is not known to be harmless.
pub(crate) fn from_parts(node: Node<'_>, source: &[u8], work: &mut Work) -> bool {
    // An author who escapes one hole has thought about the others.
    if makes_safe(node, source) {
        return false;
    }
    let mut open = vec![node];
    let (mut literal, mut hole) = (false, false);
    while let Some(node) = open.pop() {
        if !work.take(1) {
            return false;
        }
        match node.kind() {
            "parenthesized_expression" | "reference_expression" | "concatenated_string" => {
                open.extend(tree::parts(node).into_iter().filter(Node::is_named));
            }
            "binary_operator" | "binary_expression" => match operator(node, source) {
                b"+" => open.extend(sides(node)),
                b"%" => {
                    literal |= sides(node).first().is_some_and(|left| is_literal(*left));
                    hole |= sides(node).last().is_some_and(|right| risky(*right, source, work));
                }
                _ => return false,
            },
            "string" | "template_string" | "string_literal" | "raw_string_literal" => {
                literal = true;
                hole |= tree::parts(node).into_iter().any(|part| is_risky_hole(part, source, work));
            }
            "macro_invocation" => {
                literal |= is_format(node, source);
                hole |= literal && format_is_risky(node, source, work);
            }
            "call" if formats_literal(node, source) => {
                literal = true;
                let arguments = node.child_by_field_name("arguments");
                hole |= arguments.is_some_and(|arguments| risky(arguments, source, work));
            }
            _ => hole |= risky(node, source, work),
        }
    }
    literal && hole
}

fn operator<'s>(node: Node<'_>, source: &'s [u8]) -> &'s [u8] {
    node.child_by_field_name("operator").map_or(b"", |operator| &source[operator.byte_range()])
}

fn sides(node: Node<'_>) -> Vec<Node<'_>> {
    ["left", "right"].iter().filter_map(|side| node.child_by_field_name(side)).collect()
}

fn is_literal(node: Node<'_>) -> bool {
    matches!(node.kind(), "string" | "concatenated_string" | "parenthesized_expression")
}

/// `{x}` of an f-string and `${x}` of a template.
fn is_risky_hole(part: Node<'_>, source: &[u8], work: &mut Work) -> bool {
    matches!(part.kind(), "interpolation" | "template_substitution") && risky(part, source, work)
}

/// `"…".format(…)`.
fn formats_literal(call: Node<'_>, source: &[u8]) -> bool {
    let Some(callee) = call.child_by_field_name("function") else { return false };
    let object = callee.child_by_field_name("object");
    tree::last_name(callee, source) == b"format" && object.is_some_and(is_literal)
}

/// `format!(…)`.
fn is_format(node: Node<'_>, source: &[u8]) -> bool {
    let name = node.child_by_field_name("macro");
    name.is_some_and(|name| &source[name.byte_range()] == b"format")
}

/// Whether `format!` is given anything: an argument after the text, or a name inside of braces.
fn format_is_risky(node: Node<'_>, source: &[u8], work: &mut Work) -> bool {
    let nodes = tree::below(node, work, |_| true);
    let inline = |node: &Node<'_>| {
        let text = &source[node.byte_range()];
        text.windows(2)
            .any(|pair| pair[0] == b'{' && (pair[1].is_ascii_lowercase() || pair[1] == b'_'))
    };
    let tokens = nodes.iter().filter(|node| node.kind() == "token_tree");
    let names = tokens.flat_map(|tree| tree::parts(*tree)).any(|part| {
        let text = &source[part.byte_range()];
        matches!(part.kind(), "identifier" | "self") && !is_constant_name(text)
    });
    names || nodes.iter().any(|node| node.kind() == "string_content" && inline(node))
}

/// Whether an inserted expression holds a name that is not a constant and that no call has made
/// safe.
fn risky(node: Node<'_>, source: &[u8], work: &mut Work) -> bool {
    if makes_safe(node, source) {
        return false;
    }
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if !work.take(1) {
            return false;
        }
        // The last name decides: `settings.SHELL` is a constant, `options.shell` is not.
        let last =
            ["attribute", "property", "field"].iter().find_map(|f| node.child_by_field_name(f));
        match node.kind() {
            "attribute" | "member_expression" | "field_expression" => open.extend(last),
            "identifier" | "property_identifier" | "field_identifier" | "self" | "this" => {
                let name = &source[node.byte_range()];
                if !is_constant_name(name) && !is_number_name(name) {
                    return true;
                }
            }
            _ => open.extend(tree::parts(node)),
        }
    }
    false
}

/// Whether a call in the expression makes what it is given safe to insert.
fn makes_safe(node: Node<'_>, source: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&source[node.byte_range()]).to_ascii_lowercase();
    SAFE_CALLS.iter().any(|name| text.contains(name)) || text.contains("sys.executable")
}

/// Names that hold numbers in every program: a number cannot leave its place.
fn is_number_name(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(|byte| *byte == b'_').next().unwrap_or(&lower);
    [&b"pid"[..], b"ppid", b"pgid", b"uid", b"gid", b"port", b"count", b"timeout", b"seconds"]
        .contains(&last)
}

/// `LIKE_THIS`.
fn is_constant_name(name: &[u8]) -> bool {
    name.len() > 1
        && name
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    fn python(text: &str) -> bool {
        let tree = Language::Python.parse(text.as_bytes()).unwrap();
        let statement = tree.root_node().child(0).and_then(|s| s.child(0)).unwrap();
        from_parts(statement, text.as_bytes(), &mut Work::new())
    }

    #[test]
    fn holes_that_somebody_fills_are_seen() {
        for text in [
            "f'ls {x}'",
            "'ls %s' % x",
            "'ls {}'.format(x.y)",
            "'ls ' + x",
            "'a' 'b' + x.y",
            "f'{a.b()}' 'c'",
        ] {
            assert!(python(text), "{text}");
        }
    }

    #[test]
    fn harmless_text_is_not() {
        for text in [
            "x",
            "'ls'",
            "'a' + 'b'",
            "f'{TOOL}'",
            "'%s' % settings.SHELL",
            "f'{shlex.quote(x)}'",
            "a + b",
            "'%d' % int(x)",
            "'a' * n",
        ] {
            assert!(!python(text), "{text}");
        }
    }
}
