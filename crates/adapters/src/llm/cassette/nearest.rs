//! A call that is not recorded: which recorded one is most like it, and what of it differs.

use super::file::{Ending, Line};
use runtime::llm::{Message, Request};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What is shown of a difference: so much before it, and so much from it on; characters.
const BEFORE: usize = 24;
const AFTER: usize = 60;

/// Differences that are shown; of the rest only the number is told.
const SHOWN_MAX: usize = 3;

/// In words for people, what is recorded instead of `request`, of which `given` answers were given.
pub(super) fn told(path: &Path, lines: &[Line], request: &Request, given: usize) -> String {
    let path = path.display();
    let anew = format!("record it anew with --record {path}, or mend what has changed");
    let Some((at, differences)) = nearest(lines, request) else {
        return format!("this call is not on the cassette {path}, which has none; {anew}");
    };
    let line = place(at, &lines[at]);
    if !differences.is_empty() {
        let shown = differences.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>();
        let more = match differences.len().saturating_sub(SHOWN_MAX) {
            0 => String::new(),
            more => format!("; {more} more differ"),
        };
        return format!(
            "this call is not on the cassette {path}; the nearest is {line}: {}{more}; {anew}",
            shown.join("; ")
        );
    }
    match (&lines[at].ending, given) {
        (Ending::GivenUp(_), 0) => format!(
            "{line} of the cassette {path} is this call, and whoever made it went away before \
             there was an answer; {anew}"
        ),
        _ => format!(
            "{line} of the cassette {path} is this call; its answers, {given} of them, were all \
             given before; {anew}"
        ),
    }
}

/// A line for people to look at.
fn place(at: usize, line: &Line) -> String {
    let number = at + 2; // The first has the version.
    match &*line.step {
        "" => format!("line {number}"),
        step => format!("line {number} (step {step})"),
    }
}

/// The line with the fewest differences, the first of several, and what they are.
fn nearest(lines: &[Line], request: &Request) -> Option<(usize, Vec<String>)> {
    let (digest, now) = (request.digest(), parts(request));
    let counted = lines.iter().map(|line| match line.request.digest() == digest {
        true => 0,
        false => paired(&parts(&line.request), &now).filter(|(_, was, is)| was != is).count(),
    });
    let (at, _) = counted.enumerate().min_by_key(|(_, count)| *count)?;
    let told = differences(&lines[at].request, request).into_iter().map(|it| it.to_string());
    Some((at, told.collect()))
}

/// A part of a request that is not what it was, at the length of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub name: String,
    /// What it was, around the first character that differs; `None`: it was not there.
    pub was: Option<String>,
    /// What it is.
    pub is: Option<String>,
}

/// What differs between two requests, in their order.
#[must_use]
pub fn differences(was: &Request, is: &Request) -> Vec<Difference> {
    let (was, is) = (parts(was), parts(is));
    let differing = paired(&was, &is).filter(|(_, was, is)| was != is);
    differing.map(|(name, was, is)| Difference::of(name, was, is)).collect()
}

impl Difference {
    fn of(name: &str, was: Option<&str>, is: Option<&str>) -> Difference {
        let same = match (was, is) {
            (Some(was), Some(is)) => {
                was.chars().zip(is.chars()).take_while(|(a, b)| a == b).count()
            }
            (Some(_), None) | (None, _) => 0,
        };
        let shown = |text: Option<&str>| text.map(|text| excerpt(text, same));
        Difference { name: name.to_owned(), was: shown(was), is: shown(is) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { name, was, is } = self;
        match (was, is) {
            (Some(was), Some(is)) => write!(f, "{name} was {was:?}, is now {is:?}"),
            (Some(was), None) => write!(f, "{name} was {was:?}, is now not there"),
            (None, is) => write!(f, "{name} is new: {:?}", is.as_deref().unwrap_or_default()),
        }
    }
}

/// The parts of a request, each by its name.
type Parts = Vec<(String, String)>;

fn parts(request: &Request) -> Parts {
    let mut parts = vec![("model".to_owned(), request.model.clone())];
    for (number, message) in (1..).zip(&request.messages) {
        let (role, text) = match message {
            Message::System { text } => ("instructions", text.clone()),
            Message::User { text } => ("user", text.clone()),
            Message::Assistant { text, calls } if calls.is_empty() => ("assistant", text.clone()),
            Message::Assistant { text, calls } => ("assistant", format!("{text}{}", json(calls))),
            Message::Tool { text, name, is_error, .. } => {
                ("tool", format!("{name}{}: {text}", if *is_error { " failed" } else { "" }))
            }
        };
        parts.push((format!("message {number} ({role})"), text));
    }
    let mut said = |name: &str, value: Option<String>| {
        parts.extend(value.map(|value| (name.to_owned(), value)));
    };
    said("tools", (!request.tools.is_empty()).then(|| json(&request.tools)));
    said("schema", request.schema.as_ref().map(json));
    said("temperature", request.temperature.map(|it| it.to_string()));
    said("output_tokens_max", request.output_tokens_max.map(|it| it.to_string()));
    parts
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What either has, in order: the name, and the text in each.
fn paired<'a>(
    was: &'a Parts,
    is: &'a Parts,
) -> impl Iterator<Item = (&'a str, Option<&'a str>, Option<&'a str>)> {
    let find = |parts: &'a Parts, name: &str| {
        parts.iter().find(|(it, _)| it == name).map(|(_, text)| text.as_str())
    };
    let old = was.iter().map(move |(name, text)| (name.as_str(), Some(&**text), find(is, name)));
    let new = is.iter().filter(move |(name, _)| find(was, name).is_none());
    old.chain(new.map(|(name, text)| (name.as_str(), None, Some(text.as_str()))))
}

/// A text around the character where another one begins.
fn excerpt(text: &str, at: usize) -> String {
    let from = at.saturating_sub(BEFORE);
    let mut shown: String = text.chars().skip(from).take(at - from + AFTER).collect();
    if from > 0 {
        shown.insert(0, '…');
    }
    if text.chars().nth(at + AFTER).is_some() {
        shown.push('…');
    }
    shown
}
