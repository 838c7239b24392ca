//! Showing what others wrote: nothing from a reviewed file becomes markup, a link or a terminal
//! command.

/// Text in which every control, every bidirectional override and every invisible character is
/// spelled out (`\u{1b}`). Line feeds and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && c != '\n' && c != '\t' {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters that act on a terminal or on the order of what is read instead of being read.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// One line of plain text in Markdown: punctuation that could start markup, HTML or a link is
/// escaped, line breaks become spaces.
pub(crate) fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            // An entity, because not every renderer knows a backslash before these two.
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '>' | '#' | '!' | '|'
            | '~' | ':' | '@' | '$' => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    // `www.` alone becomes a link in some renderers.
    shown.trim().replace("www.", "www\\.")
}

/// One line of code in Markdown, also inside of a table.
pub(crate) fn code(text: &str) -> String {
    let line = visible(text).replace(['\n', '\t'], " ").replace('|', "\\|");
    let fence = "`".repeat(longest_run(&line) + 1);
    let pad =
        if line.starts_with('`') || line.ends_with('`') || line.is_empty() { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// A fenced block that its content cannot end. `language` is ours and never from a file.
pub(crate) fn block(language: &str, content: &str) -> String {
    let content = visible(content);
    let fence = "`".repeat(longest_run(&content).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", content.trim_end_matches('\n'))
}

/// The longest run of back-ticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_starts_no_markup() {
        assert_eq!(
            text("<img src=x> [a](b) **c**"),
            "&lt;img src=x\\> \\[a\\]\\(b\\) \\*\\*c\\*\\*"
        );
        assert_eq!(text("see https://evil.example\nnow"), "see https\\://evil.example now");
        assert_eq!(text("a\u{1b}[31mred"), "a\\\\u\\{1b\\}\\[31mred");
    }

    #[test]
    fn code_and_blocks_cannot_be_left() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a|b\nc"), "`a\\|b c`");
        assert_eq!(block("py", "x\n```\n# y\n"), "````py\nx\n```\n# y\n````\n");
        assert_eq!(block("", "a\u{202e}b"), "```\na\\u{202e}b\n```\n");
    }
}
