//! A source file as the checks see it: its lines, and the same lines with comments and literals
//! blanked.

/// One file of the tree.
pub(crate) struct Source {
    /// From the root of the workspace, with `/`.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// For Rust: the same number of lines, with comments, strings and characters as spaces.
    pub(crate) code: String,
}

/// A block of code that begins with a header, such as a function.
pub(crate) struct Block {
    /// What follows the keyword up to the first character that no name has.
    pub(crate) name: String,
    /// The number of its first line, counted from 1.
    pub(crate) line: usize,
    /// Lines from its header to its closing brace.
    pub(crate) length: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let code = if path.ends_with(".rs") { masked(&text) } else { String::new() };
        Self { path: path.to_owned(), text, code }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The blocks whose header has this keyword: `fn` or `trait`.
    ///
    /// Rustfmt ends a block with a `}` in the column where its header began, so the measure is
    /// exact for a formatted tree. A header without a body, as in a trait, is no block.
    pub(crate) fn blocks(&self, keyword: &str) -> Vec<Block> {
        let lines: Vec<&str> = self.code.lines().collect();
        let headers = lines.iter().enumerate().filter_map(|(at, line)| {
            let name = declared(line, keyword)?;
            let length = length_of_block(&lines[at..])?;
            Some(Block { name, line: at + 1, length })
        });
        headers.collect()
    }

    /// The numbers of the lines of code that contain this text, counted from 1.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<usize> {
        let with = self.code.lines().enumerate().filter(|(_, line)| line.contains(text));
        with.map(|(at, _)| at + 1).collect()
    }
}

/// The name that a line declares with this keyword, if it does.
fn declared(line: &str, keyword: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == keyword)?;
    let before = ["pub", "const", "async", "unsafe", "extern", "default"];
    let modifiers = |word: &&str| before.contains(word) || word.starts_with("pub(");
    if !words[..at].iter().all(modifiers) {
        return None;
    }
    let name = words.get(at + 1)?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// Lines from the header, which is the first line, to the closing brace in the header's column.
fn length_of_block(lines: &[&str]) -> Option<usize> {
    let column = indentation(lines[0]);
    for (at, line) in lines.iter().enumerate() {
        if indentation(line) > column || line.trim().is_empty() {
            continue;
        }
        let opened_here = at == 0 && line.contains('{');
        if line.trim_start().starts_with('}') || opened_here && line.trim_end().ends_with('}') {
            return Some(at + 1);
        }
        if line.trim_end().ends_with(';') {
            return None;
        }
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The text with the insides of comments, strings and character literals as spaces, lines kept.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word_before = out.chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_');
        match literal_length(rest, word_before) {
            Some(length) => {
                out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// The bytes of the comment or literal that begins here, if one does.
fn literal_length(rest: &str, word_before: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(nested_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest));
    }
    if let Some(body) = rest.strip_prefix('r')
        && !word_before
        && body.trim_start_matches('#').starts_with('"')
    {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let inside = hashes + 2;
        return Some(
            rest[inside..].find(&close).map_or(rest.len(), |at| inside + at + close.len()),
        );
    }
    rest.starts_with('\'').then(|| character(rest)).flatten()
}

/// The bytes of a string in double quotes, escapes skipped.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == '"' && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

/// The bytes of a block comment, which may hold others.
fn nested_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The bytes of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let mut inside = rest[1..].char_indices();
    let (_, first) = inside.next()?;
    if first == '\\' {
        inside.next()?;
        let (at, _) = inside.find(|(_, c)| *c == '\'')?;
        return Some(at + 2);
    }
    let (at, second) = inside.next()?;
    (second == '\'').then_some(at + 2)
}

#[test]
fn a_mask_hides_what_is_not_code_and_keeps_the_lines() {
    let text =
        "let a = \"fn x() {\"; // fn y() {\nlet b = r#\"a\"b\"#; /* { /* */ { */ let c = '\"';\n";
    let code = masked(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(!code.contains("fn") && !code.contains('{') && !code.contains('"'), "{code}");
    assert!(code.contains("let c =") && code.contains("let b ="), "{code}");
    assert!(masked("fn f<'a>(x: &'a str) { '{' }").contains("fn f<'a>(x: &'a str) {     }"));
    assert!(masked("let q = '\\''; let k = 1;").contains("let k = 1;"));
}

#[test]
fn blocks_are_measured_from_header_to_brace() {
    let text = "impl A {\n    pub(crate) async fn long(\n        a: u8,\n    ) -> u8 {\n        \
                a\n    }\n\n    fn none(&self);\n    fn one(&self) {}\n}\n";
    let source = Source::new("a.rs", text.to_owned());
    let found = source.blocks("fn");
    let seen: Vec<_> = found.iter().map(|b| (b.name.as_str(), b.line, b.length)).collect();
    assert_eq!(seen, [("long", 2, 5), ("one", 9, 1)]);
}
