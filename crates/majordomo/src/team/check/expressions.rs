//! Expressions: every one can be read, and every name in it stands for something; what refers,
//! waits.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use super::{Code, Member, Problem, Problems, Team};
use crate::team::document::join;
use crate::team::expr::Expression;
use crate::team::scan::{self, Fault, Piece, Use};
use crate::team::suggest;

/// Which step waits for which other, and where the file says so.
pub(super) type Waits<'a> = BTreeMap<(&'a str, &'a str), Range<usize>>;

/// Checks every expression of the file; returns who waits for whom.
pub(super) fn check<'a>(team: &Team<'a>, problems: &mut Problems) -> Waits<'a> {
    let mut reader = Reader { team, problems, waits: Waits::new(), step: None, items: false };
    for (name, step) in &team.steps {
        reader.step = Some(*name);
        reader.needs(name, step);
        reader.items = false;
        for field in ["when", "for_each"] {
            reader.field(step, field);
        }
        reader.items = step.has("for_each");
        // Without for_each, what is wrong with the key is that it is there.
        if reader.items {
            reader.field(step, "key");
        }
        if let Some(input) = step.fields.get("input") {
            reader.template(&step.field("input"), input);
        }
        if let Some(sticky) = step.fields.get("sticky") {
            reader.template(&step.field("sticky"), sticky);
        }
        reader.missing_key(step);
    }
    (reader.step, reader.items) = (None, false);
    if let Some(output) = team.document.json().get("output") {
        reader.template("/output", output);
    }
    reader.waits
}

struct Reader<'r, 'a> {
    team: &'r Team<'a>,
    problems: &'r mut Problems,
    waits: Waits<'a>,
    /// Whose expressions are read; `None` in the team's output.
    step: Option<&'a str>,
    /// Whether `item` and `index` stand for something.
    items: bool,
}

impl<'a> Reader<'_, 'a> {
    fn needs(&mut self, name: &'a str, step: &Member<'a>) {
        for (path, need) in step.texts("needs") {
            if let Some((need, _)) = self.team.steps.get_key_value(need) {
                let at = self.team.document.value_at(&path);
                self.waits.entry((name, need)).or_insert(at);
            }
        }
    }

    fn field(&mut self, step: &Member<'_>, field: &str) {
        if let Some(source) = step.text(field) {
            self.expression(&step.field(field), source, 0);
        }
    }

    fn template(&mut self, path: &str, value: &Json) {
        if self.problems.are_enough() {
            return;
        }
        match value {
            Json::String(text) => match scan::pieces(text) {
                Err(fault) => self.fault(path, 0, fault),
                Ok(pieces) => {
                    for piece in pieces {
                        if let Piece::Expression(at) = piece {
                            self.expression(path, &text[at.clone()], at.start);
                        }
                    }
                }
            },
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.template(&join(path, &index.to_string()), item);
                }
            }
            Json::Object(table) => {
                for (key, item) in table {
                    self.template(&join(path, key), item);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Reads `source`, which begins at byte `offset` of the text at `path`.
    fn expression(&mut self, path: &str, source: &str, offset: usize) {
        if let Err(faults) = Expression::compile(source) {
            for fault in faults {
                self.fault(path, offset, fault);
            }
        }
        let (names, _) = scan::names(source);
        for name in names.into_iter().filter(|name| name.used_as == Use::Variable) {
            if self.problems.are_enough() {
                return;
            }
            let word = &source[name.at.clone()];
            let part = name.at.start + offset..name.at.end + offset;
            let at = self.team.document.part_at(path, part);
            self.variable(word, at);
        }
    }

    fn variable(&mut self, word: &str, at: Range<usize>) {
        if let Some((needed, _)) = self.team.steps.get_key_value(word) {
            if let Some(step) = self.step {
                self.waits.entry((step, needed)).or_insert(at);
            }
            return;
        }
        match word {
            "args" | "team" => {}
            "item" | "index" if self.items => {}
            "item" | "index" => {
                let message = format!("`{word}` stands for nothing here");
                let help = "only `key`, `input` and `sticky` of a step with `for_each` see it";
                self.problems.push(Problem::error(Code::ItemOutside, at, message).help(help));
            }
            _ => self.unknown(word, at),
        }
    }

    fn unknown(&mut self, word: &str, at: Range<usize>) {
        let problem =
            Problem::error(Code::UnknownName, at.clone(), format!("`{word}` stands for nothing"));
        let own = self.step;
        let names = || {
            let steps = self.team.steps.keys().copied().filter(move |step| Some(*step) != own);
            let items: &[&str] = if self.items { &["item", "index"] } else { &[] };
            steps.chain(["args", "team"]).chain(items.iter().copied())
        };
        let problem = if self.team.agents.contains_key(word) {
            problem.help(format!(
                "`{word}` is an agent; an expression refers to steps, here {}",
                suggest::list(names(), 20)
            ))
        } else if let Some(meant) = suggest::nearest(word, names()) {
            problem.replace(format!("did you mean `{meant}`?"), at, meant)
        } else {
            let names = suggest::list(names(), 20);
            problem.help(format!("an expression here sees {names}; a text in it needs quotes"))
        };
        self.problems.push(problem);
    }

    /// Items that have fields are tables, and a table is no name.
    fn missing_key(&mut self, step: &Member<'_>) {
        if !step.has("for_each") || step.has("key") {
            return;
        }
        let Some(field) = step.fields.get("input").and_then(field_of_item) else { return };
        let at = self.team.document.key_at(&step.field("for_each"));
        let message = "the tasks of this `for_each` have no names: its items are tables";
        let problem = Problem::error(Code::MissingKey, at, message);
        self.problems.push(problem.help(format!(
            "add `key`, something that tells them apart and stays the same, as in \
             `key = \"item.{field}\"`"
        )));
    }

    fn fault(&mut self, path: &str, offset: usize, fault: Fault) {
        let part = fault.at.start + offset..fault.at.end + offset;
        let at = self.team.document.part_at(path, part);
        let problem = Problem::error(fault.code, at, fault.message);
        self.problems.push(match fault.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
}

/// The first `field` of an `item.field` in a template.
fn field_of_item(value: &Json) -> Option<&str> {
    match value {
        Json::String(text) => {
            let pieces = scan::pieces(text).ok()?;
            pieces.into_iter().find_map(|piece| match piece {
                Piece::Expression(at) => field_in(&text[at]),
                Piece::Text(_) => None,
            })
        }
        Json::Array(items) => items.iter().find_map(field_of_item),
        Json::Object(table) => table.values().find_map(field_of_item),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

fn field_in(source: &str) -> Option<&str> {
    let (names, _) = scan::names(source);
    names.into_iter().filter(|name| &source[name.at.clone()] == "item").find_map(|name| {
        let field = source[name.at.end..].strip_prefix('.')?;
        let end = field.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(field.len());
        (end > 0).then(|| &field[..end])
    })
}
