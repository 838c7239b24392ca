//! The text of a team file: TOML → JSON, and for every value the place where it stands.
//!
//! The checks work on JSON and speak of places by *path* (a JSON pointer such as
//! `/steps/review/key`); this is the only file that knows what a path is in bytes. Strings are
//! special: a mistake inside a template is at an offset of the *decoded* string, which escapes and
//! quotes move in the text.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Code, Problem, Problems};

/// A team file is written by people; beyond this it is not one.
pub const TEXT_MAX_BYTES: usize = 1 << 20;

/// How many faults of syntax are told at once: later ones are mostly echoes of the first.
const SYNTAX_PROBLEMS_MAX: usize = 8;

/// A parsed file, its values and their places.
#[derive(Debug)]
pub struct Document {
    name: String,
    text: String,
    json: Json,
    places: BTreeMap<String, Place>,
    readable: bool,
}

/// Where a value stands: its key, if it has one, and itself. Byte ranges of the text.
#[derive(Clone, Debug)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Document {
    /// Parses `text`; `name` is the file's name as it is shown to people. What is wrong with the
    /// text itself is returned beside an empty document that still can show it.
    pub fn parse(name: &str, text: &str) -> (Self, Problems) {
        let mut problems = Problems::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut this = Self {
            name: name.to_owned(),
            text: String::new(),
            json: Json::Object(serde_json::Map::new()),
            places: BTreeMap::from([(String::new(), Place { key: None, value: 0..0 })]),
            readable: false,
        };
        if text.len() > TEXT_MAX_BYTES {
            let message = format!("the file has {} bytes; at most {TEXT_MAX_BYTES}", text.len());
            problems.push(Problem::error(Code::TooLarge, 0..0, message));
            return (this, problems);
        }
        text.clone_into(&mut this.text);
        let (tree, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            tell_syntax(text, &errors, &mut problems);
            return (this, problems);
        }
        this.readable = true;
        let mut reading = Reading { places: BTreeMap::new(), problems: &mut problems };
        this.json = reading.table(tree.get_ref(), &mut String::new());
        this.places.append(&mut reading.places);
        (this, problems)
    }

    /// The file's name as it is shown to people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Shows stars from now on where a secret stands in the text.
    pub fn cover(&mut self, secret: Range<usize>) {
        let Some(said) = self.text.get(secret.clone()) else { return };
        // As many bytes as before, so that every place stays where it is.
        let stars =
            said.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect::<String>();
        self.text.replace_range(secret, &stars);
    }

    /// Whether the text is TOML at all; if not, there are no values to check.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// The values.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Where the value at `path` stands, or the nearest thing around it that is there.
    pub fn value_at(&self, path: &str) -> Range<usize> {
        self.place(path).value.clone()
    }

    /// Where the key that ends `path` stands; an array's element has no key and stands for itself.
    pub fn key_at(&self, path: &str) -> Range<usize> {
        let place = self.place(path);
        place.key.clone().unwrap_or_else(|| place.value.clone())
    }

    /// Where `part`, a byte range of the decoded string at `path`, stands in the text.
    pub fn part_at(&self, path: &str, part: Range<usize>) -> Range<usize> {
        let whole = self.value_at(path);
        let Some(raw) = self.text.get(whole.clone()) else { return whole };
        let (open, inner, escapes) = unquoted(raw);
        let start = whole.start + open + raw_offset(inner, part.start, escapes);
        let end = whole.start + open + raw_offset(inner, part.end, escapes);
        start..end.max(start)
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(at.min(self.text.len()))];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    fn place(&self, mut path: &str) -> &Place {
        loop {
            if let Some(place) = self.places.get(path) {
                return place;
            }
            path = &path[..path.rfind('/').unwrap_or(0)];
        }
    }
}

/// `path` and one step further down.
pub fn join(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    push(&mut path, key);
    path
}

fn push(path: &mut String, key: &str) {
    path.push('/');
    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

fn tell_syntax(text: &str, errors: &[toml::de::Error], problems: &mut Problems) {
    let mut seen_lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = text[..text.floor_char_boundary(span.start)].matches('\n').count();
        if seen_lines.contains(&line) || seen_lines.len() == SYNTAX_PROBLEMS_MAX {
            continue;
        }
        seen_lines.push(line);
        problems.push(Problem::error(Code::Syntax, span, error.message().to_owned()));
    }
}

/// One walk over the tree; its depth is bounded by the TOML parser's own limit of 80.
struct Reading<'a> {
    places: BTreeMap<String, Place>,
    problems: &'a mut Problems,
}

impl Reading<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &mut String) -> Json {
        let mut object = serde_json::Map::new();
        for (key, value) in table.iter() {
            let length = path.len();
            push(path, key.get_ref());
            let read = self.value(value, Some(key.span()), path);
            object.insert(key.get_ref().to_string(), read);
            path.truncate(length);
        }
        Json::Object(object)
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: Option<Range<usize>>,
        path: &mut String,
    ) -> Json {
        let at = value.span();
        self.places.insert(path.clone(), Place { key, value: at.clone() });
        match value.get_ref() {
            DeValue::String(text) => Json::String(text.to_string()),
            DeValue::Boolean(flag) => Json::Bool(*flag),
            DeValue::Datetime(moment) => Json::String(moment.to_string()),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix());
                number.map_or_else(|_| self.no_number(at, "an integer of 64 bits"), Json::from)
            }
            DeValue::Float(digits) => {
                let number = digits.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                number.map_or_else(|| self.no_number(at, "a finite number"), Json::Number)
            }
            DeValue::Table(table) => self.table(table, path),
            DeValue::Array(items) => {
                let mut array = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let length = path.len();
                    push(path, &index.to_string());
                    array.push(self.value(item, None, path));
                    path.truncate(length);
                }
                Json::Array(array)
            }
        }
    }

    fn no_number(&mut self, at: Range<usize>, wanted: &str) -> Json {
        let message = format!("this number does not fit: write {wanted}");
        self.problems.push(Problem::error(Code::OutOfRange, at, message));
        Json::Null
    }
}

/// A raw TOML string → bytes before its contents, the contents, whether they have escapes.
fn unquoted(raw: &str) -> (usize, &str, bool) {
    for (quote, escapes) in [("\"\"\"", true), ("'''", false), ("\"", true), ("'", false)] {
        let Some(inner) = raw.strip_prefix(quote) else { continue };
        let inner = inner.strip_suffix(quote).unwrap_or(inner);
        if quote.len() == 1 {
            return (1, inner, escapes);
        }
        // A newline right after the opening quotes is not part of the string.
        let first = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n'));
        let contents = first.unwrap_or(inner);
        return (3 + inner.len() - contents.len(), contents, escapes);
    }
    (0, raw, false)
}

/// The offset in `raw` of the decoded string's byte `wanted`.
fn raw_offset(raw: &str, wanted: usize, escapes: bool) -> usize {
    if !escapes {
        return wanted.min(raw.len());
    }
    let mut decoded = 0;
    let mut rest = raw;
    while decoded < wanted && !rest.is_empty() {
        let (raw_len, decoded_len) = one_character(rest);
        decoded += decoded_len;
        rest = &rest[raw_len..];
    }
    raw.len() - rest.len()
}

/// Lengths, in the text and decoded, of the first character or escape of `rest`, which is not
/// empty.
fn one_character(rest: &str) -> (usize, usize) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if !rest.starts_with('\\') {
        return (first, first);
    }
    let code = rest[1..].chars().next().unwrap_or('\\');
    let digits = match code {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // A line that ends in a backslash joins the next one, white space and all.
        ' ' | '\t' | '\r' | '\n' => {
            return (1 + rest.len() - 1 - rest[1..].trim_start().len(), 0);
        }
        _ => return (1 + code.len_utf8(), 1),
    };
    let scalar = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let decoded = scalar.and_then(char::from_u32).map_or(1, char::len_utf8);
    ((2 + digits).min(rest.len()), decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to write a string leads back to the letter that is meant.
    #[test]
    fn a_part_of_a_string_is_found_behind_escapes_and_quotes() {
        for toml in [
            "x = \"ab {{ WRONG }}\"",
            "x = 'ab {{ WRONG }}'",
            "x = \"\\u00e9\\t\\\"\\U0001F600 \\x41 {{ WRONG }}\"",
            "x = \"é😀 {{ WRONG }}\"",
            "x = \"\"\"\nab\n {{ WRONG }}\"\"\"",
            "x = \"\"\"\r\nab \\\n    \n  c {{ WRONG }}\"\"\"",
            "x = '''\nab\\ {{ WRONG }}'''",
        ] {
            let (document, problems) = Document::parse("t.toml", toml);
            assert!(problems.sorted().is_empty(), "{toml}");
            let decoded = document.json()["x"].as_str().unwrap();
            let start = decoded.find("WRONG").unwrap();
            let part = document.part_at("/x", start..start + 5);
            assert_eq!(&toml[part], "WRONG", "{toml}");
        }
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let (document, _) = Document::parse("t.toml", "a = 1\né = 'x'\n");
        assert_eq!(document.line_column(0), (1, 1));
        assert_eq!(document.line_column(document.text().find('=').unwrap()), (1, 3));
        assert_eq!(document.line_column(document.text().rfind('=').unwrap()), (2, 3));
        assert_eq!(document.line_column(usize::MAX), (3, 1));
    }

    #[test]
    fn what_is_missing_is_shown_at_what_is_around_it() {
        let (document, _) = Document::parse("t.toml", "[steps.\"a/b\"]\nask = 'x'\n");
        let path = join("/steps", "a/b");
        assert_eq!(&document.text()[document.key_at(&path)], "\"a/b\"");
        assert_eq!(document.value_at(&join(&path, "input")), document.value_at(&path));
    }

    #[test]
    fn numbers_that_do_not_fit_are_told_and_dates_are_texts() {
        let text = "a = 99999999999999999999\nb = inf\nc = 2026-11-20\n";
        let (document, problems) = Document::parse("t.toml", text);
        assert_eq!(problems.sorted().len(), 2);
        assert_eq!(document.json()["c"], "2026-11-20");
    }
}
