//! A value with expressions in its texts: `{ path = "{{ args[0] }}/src" }` → the same value with
//! the texts filled in.
//!
//! A text that is one expression and nothing else passes the expression's *value*; any other text
//! is rendered. Keys of tables are never templates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::document::join;
use super::expr::{Error, Expression};
use super::scan::{self, Fault, Piece};
use super::scope::Scope;

/// A value to be filled in.
#[derive(Clone, Debug)]
pub enum Template {
    /// Nothing to fill in.
    Plain(Json),
    /// The value of one expression.
    Whole(Expression),
    /// A text with expressions in it.
    Text(Vec<Part>),
    /// A list of templates.
    List(Vec<Template>),
    /// A table of templates.
    Table(BTreeMap<String, Template>),
}

/// A part of a text.
#[derive(Clone, Debug)]
pub enum Part {
    /// As it is.
    Text(String),
    /// What the expression gives: texts as they are, everything else as JSON.
    Expression(Expression),
}

impl Template {
    /// Compiles every text in `value`, which stands at `path`; `found` hears of each fault with the
    /// path of the text it is in.
    pub fn compile(value: &Json, path: &str, found: &mut dyn FnMut(&str, Fault)) -> Self {
        match value {
            Json::String(text) => Self::text(text, path, found),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                Self::List(
                    items
                        .map(|(index, item)| {
                            Self::compile(item, &join(path, &index.to_string()), found)
                        })
                        .collect(),
                )
            }
            Json::Object(table) => {
                let fields = table.iter();
                Self::Table(
                    fields
                        .map(|(key, item)| {
                            (key.clone(), Self::compile(item, &join(path, key), found))
                        })
                        .collect(),
                )
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => Self::Plain(value.clone()),
        }
    }

    fn text(text: &str, path: &str, found: &mut dyn FnMut(&str, Fault)) -> Self {
        let pieces = match scan::pieces(text) {
            Ok(pieces) => pieces,
            Err(fault) => {
                found(path, fault);
                return Self::Plain(Json::from(text));
            }
        };
        let mut parts = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Text(at) => parts.push(Part::Text(text[at.clone()].to_owned())),
                Piece::Expression(at) => match Expression::compile(&text[at.clone()]) {
                    Ok(expression) => parts.push(Part::Expression(expression)),
                    Err(faults) => {
                        for mut fault in faults {
                            fault.at = fault.at.start + at.start..fault.at.end + at.start;
                            found(path, fault);
                        }
                    }
                },
            }
        }
        match parts.as_slice() {
            [] | [Part::Text(_)] => Self::Plain(Json::from(text)),
            [Part::Expression(expression)] => Self::Whole(expression.clone()),
            _ => Self::Text(parts),
        }
    }

    /// The value with everything filled in.
    ///
    /// # Errors
    /// The first expression that has no value.
    pub fn fill(&self, scope: &Scope) -> Result<Json, Error> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::Whole(expression) => expression.value(scope),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Expression(expression) => text.push_str(&expression.text(scope)?),
                    }
                }
                Ok(Json::String(text))
            }
            Self::List(items) => {
                items.iter().map(|item| item.fill(scope)).collect::<Result<_, _>>().map(Json::Array)
            }
            Self::Table(fields) => {
                let fields = fields.iter();
                let filled = fields.map(|(key, item)| Ok((key.clone(), item.fill(scope)?)));
                filled.collect::<Result<_, _>>().map(Json::Object)
            }
        }
    }

    /// The names it takes from its scope.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.collect_variables(&mut names);
        names
    }

    fn collect_variables(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) => {}
            Self::Whole(expression) => names.extend(expression.variables().iter().cloned()),
            Self::Text(parts) => {
                for part in parts {
                    if let Part::Expression(expression) = part {
                        names.extend(expression.variables().iter().cloned());
                    }
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.collect_variables(names)),
            Self::Table(fields) => fields.values().for_each(|item| item.collect_variables(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_expression_alone_passes_its_value_and_mixed_text_is_rendered() {
        let mut scope = Scope::new(&json!(["src"]), &json!({ "name": "t" }));
        scope.set("survey", &json!({ "files": [1, 2], "name": "é" }));
        for (written, wanted) in [
            (json!("{{ survey.files }}"), json!([1, 2])),
            (json!("{{ survey.files }} "), json!("[1,2] ")),
            (json!("{{ survey.name }}-{{ 1 + 1 }}"), json!("é-2")),
            (json!("no braces"), json!("no braces")),
            (json!("{{ \"{{\" }}"), json!("{{")),
            (
                json!(["{{ args[0] }}", { "a": "{{ args }}", "{{ k }}": 1 }]),
                json!(["src", { "a": ["src"], "{{ k }}": 1 }]),
            ),
            (
                json!({ "n": 1, "b": true, "none": "{{ none }}" }),
                json!({ "n": 1, "b": true, "none": null }),
            ),
        ] {
            let mut fault = |path: &str, fault: Fault| panic!("{path}: {fault:?}");
            let template = Template::compile(&written, "", &mut fault);
            assert_eq!(template.fill(&scope).unwrap(), wanted, "{written}");
        }
    }

    #[test]
    fn faults_name_the_text_they_are_in() {
        let mut faults = Vec::new();
        let written = json!({ "a": ["x", "b {{ y | nope }}"], "c": "{{ z" });
        let template = Template::compile(&written, "/input", &mut |path, fault| {
            faults.push((path.to_owned(), fault.at))
        });
        assert_eq!(faults, [("/input/a/1".to_owned(), 9..13), ("/input/c".to_owned(), 0..2)]);
        assert!(template.variables().is_empty());
    }
}
