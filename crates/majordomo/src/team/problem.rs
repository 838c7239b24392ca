//! One mistake in a team file: a stable code, what is wrong, where, and what to do → text as rustc
//! prints it, or JSON.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde::Serialize;

pub use super::code::Code;
use super::document::Document;

/// A mistake, or a doubt, about one place of the file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which mistake; `docs/errors/<code>.md` explains it.
    pub code: Code,
    /// Whether the team can still be run.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where, in bytes of the text.
    pub at: Range<usize>,
    /// What to say beside the caret; may be empty.
    pub label: String,
    /// Other places that matter, each with its words.
    pub also: Vec<(Range<usize>, String)>,
    /// What to do.
    pub suggestion: Option<Suggestion>,
}

/// What to do about a mistake.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// In words.
    pub text: String,
    /// The text to put in place of a byte range, if the cure is that plain.
    pub replace: Option<(Range<usize>, String)>,
}

/// Whether the team can still be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but perhaps something else was meant.
    Warning,
}

impl Problem {
    /// A mistake at `at`.
    pub fn error(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            at,
            label: String::new(),
            also: Vec::new(),
            suggestion: None,
        }
    }

    /// A doubt at `at`.
    pub fn warning(code: Code, at: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// Says `label` beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place too.
    pub fn also(mut self, at: Range<usize>, label: impl Into<String>) -> Self {
        self.also.push((at, label.into()));
        self
    }

    /// Says what to do, in words.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.suggestion = Some(Suggestion { text: text.into(), replace: None });
        self
    }

    /// Says what to do, and shows the line as it would be.
    pub fn replace(
        mut self,
        text: impl Into<String>,
        at: Range<usize>,
        with: impl Into<String>,
    ) -> Self {
        self.suggestion = Some(Suggestion { text: text.into(), replace: Some((at, with.into())) });
        self
    }

    /// As one line of `majordomo check --json`.
    pub fn to_line(&self, document: &Document) -> Line {
        let (line, column) = document.line_column(self.at.start);
        Line {
            code: self.code.as_str(),
            severity: self.severity,
            message: visible(&self.message),
            file: document.name().to_owned(),
            line,
            column,
            suggestion: self.suggestion.as_ref().map(|suggestion| visible(&suggestion.text)),
        }
    }
}

/// A mistake for machines; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The stable code.
    pub code: &'static str,
    /// `error` or `warning`.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What to do, if there is something to say.
    pub suggestion: Option<String>,
}

/// The problems of one file, in the order they are found; at most [`PROBLEMS_MAX`] are kept,
/// because nobody reads more and a hostile file could make millions.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
}

/// How many problems of one file are told.
pub const PROBLEMS_MAX: usize = 100;

impl Problems {
    /// Keeps `problem` unless there are enough.
    pub fn push(&mut self, problem: Problem) {
        if !self.are_enough() {
            self.list.push(problem);
        }
    }

    /// Whether looking for more is no use.
    pub fn are_enough(&self) -> bool {
        self.list.len() >= PROBLEMS_MAX
    }

    /// All of them, by their place in the file.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|problem| (problem.at.start, problem.code));
        self.list
    }
}

/// All problems as rustc prints them, and a line that counts them. Empty if there are none.
pub fn render(document: &Document, problems: &[Problem], coloured: bool) -> String {
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for problem in problems {
        let report = groups(document, problem);
        let _ = writeln!(text, "{}\n", renderer.render(&report).trim_end());
    }
    let errors = problems.iter().filter(|each| each.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    match (errors, warnings) {
        (0, 0) => {}
        (0, warnings) => {
            let _ = writeln!(text, "{}: {}", document.name(), count(warnings, "warning"));
        }
        (errors, 0) => {
            let _ = writeln!(text, "{}: {}", document.name(), count(errors, "mistake"));
        }
        (errors, warnings) => {
            let (errors, warnings) = (count(errors, "mistake"), count(warnings, "warning"));
            let _ = writeln!(text, "{}: {errors}, {warnings}", document.name());
        }
    }
    text
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn groups<'a>(document: &'a Document, problem: &'a Problem) -> Vec<Group<'a>> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(visible(&problem.message)).id(problem.code.as_str());
    let places = problem.also.iter().map(|(at, _)| at).chain([&problem.at]);
    let window = Window::around(document, places);
    let caret = AnnotationKind::Primary.span(window.part(&problem.at));
    let caret = caret.label((!problem.label.is_empty()).then(|| visible(&problem.label)));
    let also = problem
        .also
        .iter()
        .map(|(at, label)| AnnotationKind::Context.span(window.part(at)).label(visible(label)));
    let mut group = title.element(window.snippet().annotation(caret).annotations(also));
    let Some(suggestion) = &problem.suggestion else { return vec![group] };
    let cure = suggestion.replace.as_ref();
    let cure = cure.map(|(at, with)| (at, with, Window::around(document, [at])));
    match cure.filter(|(_, _, window)| window.end - window.start <= CURED_LINE_MAX_BYTES) {
        None => {
            group = group.element(Level::HELP.message(visible(&suggestion.text)));
            vec![group]
        }
        Some((at, with, window)) => {
            let patch = Patch::new(window.part(at), visible(with));
            let help = Level::HELP.secondary_title(visible(&suggestion.text));
            vec![group, help.element(window.snippet().patch(patch))]
        }
    }
}

/// A longer line is not shown a second time, with the cure in it.
const CURED_LINE_MAX_BYTES: usize = 400;

/// The lines of a file that a message shows; the renderer need not see the others.
struct Window<'a> {
    document: &'a Document,
    start: usize,
    end: usize,
}

impl<'a> Window<'a> {
    fn around<'b>(
        document: &'a Document,
        places: impl IntoIterator<Item = &'b Range<usize>>,
    ) -> Self {
        let text = document.text();
        let (mut start, mut end) = (text.len(), 0);
        for place in places {
            let place = clipped(text, place);
            start = start.min(text[..place.start].rfind('\n').map_or(0, |newline| newline + 1));
            end = end.max(text[place.end..].find('\n').map_or(text.len(), |more| place.end + more));
        }
        Self { document, start, end: end.max(start) }
    }

    fn part(&self, at: &Range<usize>) -> Range<usize> {
        let at = clipped(self.document.text(), at);
        at.start - self.start..at.end - self.start
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        let (line, _) = self.document.line_column(self.start);
        let lines = Snippet::source(&self.document.text()[self.start..self.end]);
        lines.line_start(line).path(self.document.name()).fold(true)
    }
}

/// The range, moved onto characters of the text and cut at its first line's end: a table's span is
/// its whole body, and a caret under forty lines points at nothing.
fn clipped(text: &str, at: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(at.start.min(text.len()));
    let end = text.ceil_char_boundary(at.end.min(text.len())).max(start);
    let line_end = text[start..end].find(['\n', '\r']).map_or(end, |newline| start + newline);
    start..line_end
}

/// Text from a file may hold control characters; a terminal must not obey them.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() || is_direction(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Marks that turn the direction of the text around them can hide what is written.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
