//! Where the expressions of a text are, and which names stand in an expression → ranges to point
//! at.
//!
//! ```text
//! "Hello {{ survey.root | upper }}!"   pieces: text, expression, text
//!           ^^^^^^        ^^^^^        names:  a variable, a filter
//! ```
//! minijinja reads the expressions themselves. It tells the names of an expression too, but not
//! where they stand, and it overlooks those in front of a slice (`files[:3]`); a mistake needs a
//! place, and an overlooked name would be a step not waited for.

use std::ops::Range;

use super::problem::Code;

/// A part of a text with expressions in it; byte ranges of that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Passed as it is.
    Text(Range<usize>),
    /// What stands between `{{` and `}}`.
    Expression(Range<usize>),
}

/// A mistake inside a text; `at` is a byte range of that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which mistake.
    pub code: Code,
    /// Where.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a name in an expression is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A value that must be in scope.
    Variable,
    /// What stands after `|`.
    Filter,
    /// What stands after `is`.
    Test,
    /// What is called.
    Function,
}

/// A name in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Where it stands.
    pub at: Range<usize>,
    /// What it is used as.
    pub used_as: Use,
}

/// Splits `text` into what is passed as it is and what is an expression.
pub fn pieces(text: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while let Some(open) = text[done..].find(['{']).map(|at| done + at) {
        let next = text.as_bytes().get(open + 1);
        match next {
            Some(b'{') => {}
            Some(b'%' | b'#') => return Err(statement(open)),
            _ => {
                push_text(&mut pieces, done..open + 1);
                done = open + 1;
                continue;
            }
        }
        push_text(&mut pieces, done..open);
        let start = open + 2;
        if let Some(b'-' | b'+') = text.as_bytes().get(start) {
            let message = "white space is not trimmed here";
            return Err(Fault::new(Code::Statement, open..start + 1, message)
                .help("write `{{ x }}`; for the negative of x write `{{ -x }}` with a space"));
        }
        let end = start
            + closing(&text[start..]).ok_or_else(|| {
                Fault::new(Code::Expression, open..open + 2, "this `{{` is never closed")
                    .help("close it with `}}`; to mean two braces write `{{ \"{{\" }}`")
            })?;
        pieces.push(Piece::Expression(start..end));
        done = end + 2;
    }
    push_text(&mut pieces, done..text.len());
    Ok(pieces)
}

fn statement(open: usize) -> Fault {
    Fault::new(
        Code::Statement,
        open..open + 2,
        "only `{{ … }}` is allowed here, no statements and no comments",
    )
    .help("filters do most of it: `{{ files | map(attribute=\"path\") | join(\", \") }}`")
}

fn push_text(pieces: &mut Vec<Piece>, range: Range<usize>) {
    match pieces.last_mut() {
        _ if range.is_empty() => {}
        Some(Piece::Text(last)) if last.end == range.start => last.end = range.end,
        _ => pieces.push(Piece::Text(range)),
    }
}

/// The offset of the `}}` that closes an expression: not one in a string, and not that of a table.
fn closing(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut tokens = Tokens { text: rest, at: 0 };
    while let Some((token, at)) = tokens.next() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') if depth > 0 => depth -= 1,
            Token::Sign('}') if rest[at.end..].starts_with('}') => return Some(at.start),
            _ => {}
        }
    }
    None
}

/// The names of an expression, in their order, and the places of `*`, which is not allowed.
pub fn names(expression: &str) -> (Vec<Name>, Vec<Range<usize>>) {
    let (mut names, mut stars) = (Vec::new(), Vec::new());
    let mut before = Before::Other;
    let mut tokens = Tokens { text: expression, at: 0 };
    while let Some((token, at)) = tokens.next() {
        before = match token {
            Token::Word(word) => {
                let used_as = used_as(word, before, expression[at.end..].trim_start());
                if let Some(used_as) = used_as {
                    names.push(Name { at, used_as });
                }
                match (word, before) {
                    ("is", Before::Dot | Before::Pipe) => Before::Other,
                    ("is", _) => Before::Is,
                    ("not", Before::Is) => Before::Is,
                    _ => Before::Other,
                }
            }
            Token::Sign('.') => Before::Dot,
            Token::Sign('|') => Before::Pipe,
            Token::Sign('*') => {
                stars.push(at);
                Before::Other
            }
            Token::Sign(_) | Token::Other => Before::Other,
        };
    }
    (names, stars)
}

/// What stands before a word, as far as that says what the word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Dot,
    Pipe,
    Is,
    Other,
}

const KEYWORDS: &[&str] = &[
    "true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else",
];

fn used_as(word: &str, before: Before, after: &str) -> Option<Use> {
    match before {
        Before::Dot => None,
        Before::Pipe => Some(Use::Filter),
        Before::Is if word == "not" => None,
        Before::Is => Some(Use::Test),
        Before::Other if KEYWORDS.contains(&word) => None,
        // `name=value` in a call names a parameter of the callee, not a value of ours.
        Before::Other if after.starts_with('=') && !after.starts_with("==") => None,
        Before::Other if after.starts_with('(') => Some(Use::Function),
        Before::Other => Some(Use::Variable),
    }
}

enum Token<'a> {
    Word(&'a str),
    Sign(char),
    Other,
}

/// The rough tokens of an expression: enough to know words from strings.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<(Token<'a>, Range<usize>)> {
        let rest = &self.text[self.at..];
        let skipped = rest.len() - rest.trim_start().len();
        let start = self.at + skipped;
        let rest = &self.text[start..];
        let first = rest.chars().next()?;
        let (token, length) = match first {
            '"' | '\'' => (Token::Other, string_length(rest, first)),
            c if c.is_ascii_digit() => (Token::Other, number_length(rest)),
            c if c == '_' || c.is_alphabetic() => {
                let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
                let word = &rest[..end.unwrap_or(rest.len())];
                (Token::Word(word), word.len())
            }
            c => (Token::Sign(c), c.len_utf8()),
        };
        self.at = start + length;
        Some((token, start..self.at))
    }
}

fn string_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Digits, and a point only when a digit follows: `files[0].path` has no number `0.`.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let point = *byte == b'.' && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !byte.is_ascii_alphanumeric() && *byte != b'_' && !point {
            break;
        }
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let found = pieces(text).unwrap();
        let show = |piece: &Piece| match piece {
            Piece::Text(at) => format!("t:{}", &text[at.clone()]),
            Piece::Expression(at) => format!("x:{}", text[at.clone()].trim()),
        };
        found.iter().map(show).collect()
    }

    #[test]
    fn texts_are_split_at_expressions() {
        for (text, wanted) in [
            ("", &[][..]),
            ("plain { } text", &["t:plain { } text"]),
            ("{{ x }}", &["x:x"]),
            ("a {{ x }}{{ y }} b", &["t:a ", "x:x", "x:y", "t: b"]),
            ("{{ '}}' }}", &["x:'}}'"]),
            ("{{ \"\\\"}}\" }}!", &["x:\"\\\"}}\"", "t:!"]),
            ("{{ {'a': {'b': 1}} }}", &["x:{'a': {'b': 1}}"]),
            ("{{ {'a': {'b': 1}}}}", &["x:{'a': {'b': 1}}"]),
            ("{{ \"{{\" }}", &["x:\"{{\""]),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for (text, code, at) in [
            ("a {{ x", Code::Expression, 2..4),
            ("{% if x %}", Code::Statement, 0..2),
            ("a {# b #}", Code::Statement, 2..4),
            ("{{- x }}", Code::Statement, 0..3),
        ] {
            let fault = pieces(text).unwrap_err();
            assert_eq!((fault.code, fault.at), (code, at), "{text}");
        }
    }

    #[test]
    fn names_are_found_with_their_use() {
        for (expression, wanted) in [
            ("survey.files[0].path", "v:survey"),
            ("survey.files[:limit]", "v:survey v:limit"),
            ("a if b is not none else c", "v:a v:b t:none v:c"),
            ("x is divisibleby 3 and not y", "v:x t:divisibleby v:y"),
            ("files | map(attribute=\"path\") | join(sep)", "v:files f:map f:join v:sep"),
            ("f(x == y, 'name')", "c:f v:x v:y"),
            ("{'key': value, other: 1.5}", "v:value v:other"),
            ("item.is.not", "v:item"),
            ("1.5 + index", "v:index"),
        ] {
            let (names, _) = names(expression);
            let show = |name: &Name| {
                let letter = match name.used_as {
                    Use::Variable => 'v',
                    Use::Filter => 'f',
                    Use::Test => 't',
                    Use::Function => 'c',
                };
                format!("{letter}:{}", &expression[name.at.clone()])
            };
            let shown: Vec<String> = names.iter().map(show).collect();
            assert_eq!(shown.join(" "), wanted, "{expression}");
        }
        assert_eq!(names("a * b ** 'x*y'").1, [2..3, 6..7, 7..8]);
    }
}
