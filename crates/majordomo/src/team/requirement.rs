//! What a task requires of an agent's labels: text → the kernel's closed constraint, with places.
//!
//! ```text
//!   gpu and region in ["eu", "uk"] and context_tokens >= 100000
//! ```
//!
//! Why no expression of minijinja? What comes out must be data that the kernel can hold against
//! agents one by one, without a scope and without fuel; of a whole language all but six forms would
//! have to be refused again.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use kernel::{Comparison, Constraint, Label, Limits};

/// A longer one is a mistake.
const TEXT_MAX_BYTES: usize = 1_000;

/// How deep brackets and `not` may nest; what the kernel takes is shallower.
const DEPTH_MAX: usize = 16;

/// A requirement that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// What the kernel holds against labels.
    pub constraint: Constraint,
    /// The labels it names, and where each stands first.
    pub labels: BTreeMap<String, Range<usize>>,
}

/// Why it was not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
    /// In bytes of the text.
    pub at: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for Error {
    /// The message, the text, a mark under what is wrong, and the cure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text[..self.at.start].chars().count();
        let width = self.text[self.at.clone()].chars().count().max(1);
        let (space, mark) = (" ".repeat(before), "^".repeat(width));
        write!(f, "{}\n  {}\n  {space}{mark}\n{}", self.message, self.text, self.help)
    }
}

impl std::error::Error for Error {}

/// Reads a requirement.
///
/// ```
/// use majordomo::team::requirement::parse;
///
/// let it = parse("gpu and region in ['eu']").unwrap();
/// assert_eq!(it.constraint.to_string(), r#"gpu and region in ["eu"]"#);
/// assert_eq!(parse("region = 'eu'").unwrap_err().at, 7..8);
/// ```
///
/// # Errors
/// What is wrong, and where.
pub fn parse(text: &str) -> Result<Requirement, Error> {
    if text.len() > TEXT_MAX_BYTES {
        let message = format!("it has {} bytes; at most {TEXT_MAX_BYTES}", text.len());
        let help = "say less, or give agents one label for what they have in common".to_owned();
        return Err(Error { text: String::new(), at: 0..0, message, help });
    }
    let mut reading = Reading { text, tokens: tokens(text)?, at: 0, labels: BTreeMap::new() };
    let constraint = reading.any(0)?;
    if let Some((token, at)) = reading.peek() {
        let message = format!("{} cannot stand here", token.name(&text[at.clone()]));
        return Err(reading.wrong(at, message, "put `and` or `or` between two conditions"));
    }
    if !constraint.is_within(&Limits::default()) {
        let message = "it has more parts, or nests deeper, than a requirement may";
        let help = "at most 64 parts, 8 deep: give agents one label for what they have in common";
        return Err(reading.wrong(0..text.len(), message, help));
    }
    Ok(Requirement { constraint, labels: reading.labels })
}

/// A word or sign of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word,
    Text(String),
    Number(i64),
    Compare(Comparison),
    Sign(char),
}

impl Token {
    fn name(&self, written: &str) -> String {
        match self {
            Token::Text(_) => "a text".to_owned(),
            Token::Number(_) => "a number".to_owned(),
            Token::Word | Token::Compare(_) | Token::Sign(_) => format!("`{written}`"),
        }
    }
}

struct Reading<'a> {
    text: &'a str,
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    labels: BTreeMap<String, Range<usize>>,
}

impl<'a> Reading<'a> {
    fn any(&mut self, depth: usize) -> Result<Constraint, Error> {
        self.joined("or", depth, Reading::all, Constraint::Any)
    }

    fn all(&mut self, depth: usize) -> Result<Constraint, Error> {
        self.joined("and", depth, Reading::not, Constraint::All)
    }

    fn joined(
        &mut self,
        word: &str,
        depth: usize,
        part: fn(&mut Self, usize) -> Result<Constraint, Error>,
        join: fn(Vec<Constraint>) -> Constraint,
    ) -> Result<Constraint, Error> {
        let first = part(self, depth)?;
        let mut parts = vec![first];
        while self.takes(word) {
            parts.push(part(self, depth)?);
        }
        Ok(if parts.len() > 1 { join(parts) } else { parts.remove(0) })
    }

    fn not(&mut self, depth: usize) -> Result<Constraint, Error> {
        if depth > DEPTH_MAX {
            let at = self.here();
            return Err(self.wrong(at, "this nests too deep", "take some brackets away"));
        }
        if self.takes("not") {
            return Ok(Constraint::Not(Box::new(self.not(depth + 1)?)));
        }
        if !self.takes_sign('(') {
            return self.condition();
        }
        let inner = self.any(depth + 1)?;
        if self.takes_sign(')') {
            return Ok(inner);
        }
        let at = self.here();
        Err(self.wrong(at, "a bracket is not closed before here", "write `)`"))
    }

    /// A label, perhaps held against something.
    fn condition(&mut self) -> Result<Constraint, Error> {
        let label = self.label()?;
        if let Some((Token::Compare(comparison), _)) = self.peek() {
            self.at += 1;
            return Ok(Constraint::Is(label.as_str().into(), comparison, self.value()?));
        }
        if self.takes("in") {
            return Ok(Constraint::In(label.as_str().into(), self.list()?));
        }
        if self.word_at(self.at) == Some("not") && self.word_at(self.at + 1) == Some("in") {
            self.at += 2;
            let within = Constraint::In(label.as_str().into(), self.list()?);
            return Ok(Constraint::Not(Box::new(within)));
        }
        if self.word_at(self.at) == Some("is") {
            let at = self.here();
            return Err(self.wrong(at, "`is` is not known here", "write `==` or `!=`"));
        }
        Ok(Constraint::Has(label.as_str().into()))
    }

    fn label(&mut self) -> Result<String, Error> {
        let at = self.here();
        let help = "a condition begins with a label, as in `gpu`, `region == \"eu\"`, \
                    `tokens >= 1000` or `region in [\"eu\", \"uk\"]`";
        let Some((token, _)) = self.peek() else {
            return Err(self.wrong(at, "a condition is missing here", help));
        };
        let written = &self.text[at.clone()];
        if token != Token::Word || KEYWORDS.contains(&written) {
            let message = format!("{} is no label", token.name(written));
            return Err(self.wrong(at, message, help));
        }
        self.at += 1;
        self.labels.entry(written.to_owned()).or_insert(at);
        Ok(written.to_owned())
    }

    fn value(&mut self) -> Result<Label, Error> {
        let at = self.here();
        let help = "write a text in quotes, a whole number, `true` or `false`";
        let value = match self.peek() {
            Some((Token::Text(text), _)) => Label::Text(text.as_str().into()),
            Some((Token::Number(number), _)) => Label::Integer(number),
            Some((Token::Word, _)) => match &self.text[at.clone()] {
                "true" | "True" => Label::Flag(true),
                "false" | "False" => Label::Flag(false),
                word => {
                    let message = format!("`{word}` stands for nothing here");
                    let help = format!("a text needs quotes: `'{word}'`");
                    return Err(self.wrong(at, message, help));
                }
            },
            Some((Token::Compare(_) | Token::Sign(_), _)) => {
                let message = format!("`{}` is no value", &self.text[at.clone()]);
                return Err(self.wrong(at, message, help));
            }
            None => return Err(self.wrong(at, "a value is missing here", help)),
        };
        self.at += 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Vec<Label>, Error> {
        if !self.takes_sign('[') {
            let at = self.here();
            let help = "write what will do in square brackets, as in `region in [\"eu\", \"uk\"]`";
            return Err(self.wrong(at, "a list is missing here", help));
        }
        let mut values = Vec::new();
        while !self.takes_sign(']') {
            values.push(self.value()?);
            if !self.takes_sign(',') && !matches!(self.peek(), Some((Token::Sign(']'), _))) {
                let at = self.here();
                return Err(self.wrong(at, "the list does not end here", "write `,` or `]`"));
            }
        }
        Ok(values)
    }

    fn peek(&self) -> Option<(Token, Range<usize>)> {
        self.tokens.get(self.at).cloned()
    }

    fn word_at(&self, at: usize) -> Option<&'a str> {
        match self.tokens.get(at)? {
            (Token::Word, at) => Some(&self.text[at.clone()]),
            (Token::Text(_) | Token::Number(_) | Token::Compare(_) | Token::Sign(_), _) => None,
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.word_at(self.at) == Some(word);
        self.at += usize::from(there);
        there
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let there = matches!(self.tokens.get(self.at), Some((Token::Sign(it), _)) if *it == sign);
        self.at += usize::from(there);
        there
    }

    /// Where the next token stands, or the end.
    fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.tokens.get(self.at).map_or(end..end, |(_, at)| at.clone())
    }

    fn wrong(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        wrong(self.text, at, message, help)
    }
}

const KEYWORDS: &[&str] =
    &["and", "or", "not", "in", "is", "true", "false", "True", "False", "none", "None"];

fn wrong(
    text: &str,
    at: Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Error {
    Error { text: text.to_owned(), at, message: message.into(), help: help.into() }
}

fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, Error> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].trim_start().chars().next() {
        at += text[at..].len() - text[at..].trim_start().len();
        let (token, length) = match first {
            '"' | '\'' => quoted(text, at, first)?,
            '-' | '0'..='9' => number(text, at)?,
            '(' | ')' | '[' | ']' | ',' => (Token::Sign(first), 1),
            c if c == '_' || c.is_alphabetic() => {
                let part = |c: char| c == '_' || c == '-' || c == '.' || c.is_alphanumeric();
                let length = text[at..].find(|c| !part(c)).unwrap_or(text.len() - at);
                (Token::Word, length)
            }
            _ => comparison(text, at, first)?,
        };
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

fn comparison(text: &str, at: usize, first: char) -> Result<(Token, usize), Error> {
    const SIGNS: &[(&str, Comparison)] = &[
        ("==", Comparison::Equal),
        ("!=", Comparison::Unequal),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let sign = SIGNS.iter().find(|(sign, _)| text[at..].starts_with(sign));
    if let Some((sign, comparison)) = sign {
        return Ok((Token::Compare(*comparison), sign.len()));
    }
    let help = match first {
        '=' => "two are compared with `==`",
        '&' => "write `and`",
        '|' => "write `or`",
        '!' => "write `not`",
        '{' => "a requirement is about labels alone, and cannot refer to steps",
        _ => "labels are compared with == != < <= > >=, `in`, `and`, `or` and `not`",
    };
    let message = format!("`{first}` means nothing here");
    Err(wrong(text, at..at + first.len_utf8(), message, help))
}

fn quoted(text: &str, start: usize, quote: char) -> Result<(Token, usize), Error> {
    let (mut inner, mut escaped) = (String::new(), false);
    for (at, c) in text[start..].char_indices().skip(1) {
        match c {
            _ if escaped => {
                inner.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Ok((Token::Text(inner), at + 1)),
            c => inner.push(c),
        }
    }
    Err(wrong(
        text,
        start..text.len(),
        "this text does not end",
        format!("close it with `{quote}`"),
    ))
}

fn number(text: &str, start: usize) -> Result<(Token, usize), Error> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let digits = &text[start + 1..];
    let length = 1 + digits.find(|c| !part(c)).unwrap_or(digits.len());
    let written = text[start..start + length].replace('_', "");
    match written.parse() {
        Ok(number) => Ok((Token::Number(number), length)),
        Err(_) => {
            let at = start..start + length;
            let help = "numbers of labels are whole, and have 64 bits";
            Err(wrong(text, at, "this is no whole number", help))
        }
    }
}

#[cfg(test)]
mod tests;
