//! The shape of a team file: values against the schema → every unknown field, missing field and
//! wrong type at once.
//!
//! serde stops at the first mistake, so this walk comes first; what passes it can be read into the
//! structs. It knows only the keywords that our own schema uses, and a test says that it passes
//! what serde takes.

use serde_json::{Map, Value as Json};

use super::document::{Document, join};
use super::problem::{Code, Problem, Problems};
use super::quantity::{self, Duration, Size};
use super::suggest;

/// Everything about the shape of `document` that the schema does not allow.
pub fn check(document: &Document, schema: &Json, problems: &mut Problems) {
    Walk { document, problems }.value("", document.json(), schema);
}

struct Walk<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
}

impl Walk<'_> {
    fn value(&mut self, path: &str, value: &Json, schema: &Json) {
        // TOML has no null: it stands where a number was already found not to fit.
        if self.problems.are_enough() || value.is_null() {
            return;
        }
        if let Some(Json::Array(forms)) = schema.get("anyOf") {
            return self.one_of_several_forms(path, value, forms);
        }
        if let Some(Json::Array(branches)) = schema.get("oneOf") {
            let constants: Option<Vec<_>> =
                branches.iter().map(|each| each["const"].as_str()).collect();
            match constants {
                Some(constants) => self.choice(path, value, &constants),
                None => self.tagged(path, value, branches),
            }
            return;
        }
        let wanted = schema.get("type").and_then(Json::as_str);
        if wanted.is_some_and(|wanted| !is_a(value, wanted)) {
            self.wrong_type(path, value, schema);
            return;
        }
        match value {
            Json::Object(table) => self.table(path, table, schema, None),
            Json::Array(items) => self.array(path, items, schema),
            Json::String(text) => self.quantity(path, text, schema),
            Json::Number(number) => self.range(path, number, schema),
            Json::Bool(_) | Json::Null => {}
        }
    }

    /// What may be written in several ways, which differ in their types.
    fn one_of_several_forms(&mut self, path: &str, value: &Json, forms: &[Json]) {
        let kind = |form: &Json| {
            let said = form.get("type").or_else(|| form.pointer("/oneOf/0/type"));
            said.and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        if let Some(form) = forms.iter().find(|form| is_a(value, &kind(form))) {
            return self.value(path, value, form);
        }
        let at = self.document.value_at(path);
        let kinds: Vec<String> = forms.iter().map(|form| named(&kind(form)).to_owned()).collect();
        let (last_kind, others) = kinds.split_last().map_or(("", &[][..]), |(a, b)| (a, b));
        let expected = format!("{} or {last_kind}", others.join(", "));
        let message =
            format!("`{}` takes {expected}; this is {}", last(path), named(type_of(value)));
        self.problems.push(Problem::error(Code::BadType, at, message));
    }

    /// A table of which one field says which others it has.
    fn tagged(&mut self, path: &str, value: &Json, branches: &[Json]) {
        let Json::Object(table) = value else {
            return self.wrong_type(path, value, &serde_json::json!({ "type": "object" }));
        };
        let Some(tag) = branches.first().and_then(Tag::of) else { return };
        let kinds: Vec<&str> = branches.iter().filter_map(|branch| tag.value(branch)).collect();
        let Some(kind) = table.get(tag.field) else {
            let message = format!("{}`{}` has no `{}`", tag.owner(), last(path), tag.field);
            let help = format!("add `{}`, one of {}", tag.field, suggest::list(kinds, 10));
            let at = self.document.key_at(path);
            return self.problems.push(Problem::error(Code::MissingField, at, message).help(help));
        };
        let branch = branches.iter().find(|branch| tag.value(branch) == kind.as_str());
        if let Some(branch) = branch {
            return self.table(path, table, branch, Some((&tag, branches)));
        }
        let at = self.document.value_at(&join(path, tag.field));
        let Some(kind) = kind.as_str() else {
            let help = format!("write one of {}", suggest::list(kinds, 10));
            let message = format!("`{}` takes a text in quotes", tag.field);
            return self.problems.push(Problem::error(Code::BadType, at, message).help(help));
        };
        let (code, message) = if tag.field == "kind" {
            (Code::UnknownKind, format!("there is no kind of agent `{kind}`"))
        } else {
            (Code::BadChoice, format!("`{}` cannot be `{kind}`", tag.field))
        };
        let problem = Problem::error(code, at.clone(), message);
        self.problems.push(match suggest::nearest(kind, kinds.iter().copied()) {
            Some(meant) => problem.replace(format!("did you mean `{meant}`?"), at, quoted(meant)),
            None if tag.field == "kind" => {
                problem.help(format!("the kinds are {}", suggest::list(kinds, 10)))
            }
            None => problem.help(format!("write {}", suggest::list(kinds, 10))),
        });
    }

    fn table(
        &mut self,
        path: &str,
        table: &Map<String, Json>,
        schema: &Json,
        kin: Option<(&Tag<'_>, &[Json])>,
    ) {
        let fields = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in table {
            let field = fields.and_then(|fields| fields.get(key));
            match (field, others) {
                (Some(field), _) => self.value(&join(path, key), value, field),
                (None, Some(Json::Bool(false))) => self.unknown_field(path, key, schema, kin),
                (None, Some(other)) => self.value(&join(path, key), value, other),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Json::as_array);
        for field in required.into_iter().flatten().filter_map(Json::as_str) {
            if !table.contains_key(field) {
                let owner = if path.is_empty() {
                    "the file".to_owned()
                } else {
                    format!("`{}`", last(path))
                };
                let about = fields.and_then(|fields| fields[field]["description"].as_str());
                let message = format!("{owner} has no `{field}`");
                let problem =
                    Problem::error(Code::MissingField, self.document.key_at(path), message);
                self.problems.push(match about {
                    Some(about) => problem.help(format!("add `{field}`: {}", lowered(about))),
                    None => problem,
                });
            }
        }
    }

    fn unknown_field(
        &mut self,
        path: &str,
        key: &str,
        schema: &Json,
        kin: Option<(&Tag<'_>, &[Json])>,
    ) {
        let at = self.document.key_at(&join(path, key));
        let problem = Problem::error(
            Code::UnknownField,
            at.clone(),
            format!("there is no field `{key}` here"),
        );
        let known = schema["properties"].as_object();
        let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let owner = kin.map_or("", |(tag, _)| tag.owner_of_kind());
        let owners = kin.into_iter().flat_map(|(tag, branches)| {
            let with = branches.iter().filter(|branch| branch["properties"].get(key).is_some());
            with.filter_map(|branch| tag.value(branch))
        });
        let owners: Vec<&str> = owners.collect();
        self.problems.push(if !owners.is_empty() {
            problem.help(format!("`{key}` is for {owner} {}", suggest::list(owners, 3)))
        } else if let Some(meant) = suggest::nearest(key, known.iter().copied()) {
            problem.replace(format!("did you mean `{meant}`?"), at, meant)
        } else {
            problem.help(format!("the fields here are {}", suggest::list(known, 20)))
        });
    }

    fn array(&mut self, path: &str, items: &[Json], schema: &Json) {
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let message = format!("`{}` is empty", last(path));
            let at = self.document.value_at(path);
            self.problems.push(Problem::error(Code::Empty, at, message).help("write at least one"));
        }
        let Some(each) = schema.get("items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.value(&join(path, &index.to_string()), item, each);
        }
    }

    fn choice(&mut self, path: &str, value: &Json, constants: &[&str]) {
        let at = self.document.value_at(path);
        let Some(word) = value.as_str() else {
            return self.wrong_type(path, value, &serde_json::json!({ "type": "string" }));
        };
        if constants.contains(&word) {
            return;
        }
        let message = format!("`{}` cannot be `{word}`", last(path));
        let problem = Problem::error(Code::BadChoice, at.clone(), message);
        self.problems.push(match suggest::nearest(word, constants.iter().copied()) {
            Some(meant) => problem.replace(format!("did you mean `{meant}`?"), at, quoted(meant)),
            None => problem.help(format!("write {}", suggest::list(constants.iter().copied(), 10))),
        });
    }

    fn quantity(&mut self, path: &str, text: &str, schema: &Json) {
        let (code, found) = match schema.get(quantity::SCHEMA_KEYWORD).and_then(Json::as_str) {
            Some("duration") => (Code::BadDuration, Duration::parse(text).err()),
            Some("size") => (Code::BadSize, Size::parse(text).err()),
            _ => return,
        };
        if let Some(error) = found {
            let at = self.document.value_at(path);
            self.problems.push(Problem::error(code, at, error.to_string()));
        }
    }

    fn range(&mut self, path: &str, number: &serde_json::Number, schema: &Json) {
        let value = number.as_f64().unwrap_or(f64::INFINITY);
        let least = schema.get("minimum").and_then(Json::as_f64).unwrap_or(f64::NEG_INFINITY);
        let most = schema.get("maximum").and_then(Json::as_f64).unwrap_or(f64::INFINITY);
        if (least..=most).contains(&value) {
            return;
        }
        let message = if value < least {
            format!("`{}` is {number}; it must be at least {least}", last(path))
        } else {
            format!("`{}` is {number}; it may be at most {most}", last(path))
        };
        let at = self.document.value_at(path);
        self.problems.push(Problem::error(Code::OutOfRange, at, message));
    }

    fn wrong_type(&mut self, path: &str, value: &Json, schema: &Json) {
        let at = self.document.value_at(path);
        let wanted = schema["type"].as_str().unwrap_or("value");
        let quantity = schema.get(quantity::SCHEMA_KEYWORD).and_then(Json::as_str);
        let expected = quantity.map_or_else(
            || named(wanted).to_owned(),
            |what| format!("a {what}, a text with a unit"),
        );
        let name = if path.is_empty() { "the file" } else { last(path) };
        let message = format!("`{name}` takes {expected}; this is {}", named(type_of(value)));
        let problem = Problem::error(Code::BadType, at.clone(), message);
        self.problems.push(match (wanted, quantity, value) {
            ("array", _, Json::String(text)) => {
                problem.replace("put it in brackets", at, format!("[{}]", quoted(text)))
            }
            ("string", Some("duration"), Json::Number(number)) => {
                problem.replace("say of what, seconds perhaps", at, format!("\"{number}s\""))
            }
            ("string", Some(_), Json::Number(number)) => {
                problem.replace("say of what, mebibytes perhaps", at, format!("\"{number}MiB\""))
            }
            ("string", None, Json::Number(number)) => {
                problem.replace("put it in quotes", at, quoted(&number.to_string()))
            }
            _ => problem,
        });
    }
}

fn is_a(value: &Json, wanted: &str) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => type_of(value) == wanted,
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// The words of TOML for the words of JSON schema.
fn named(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a text in quotes",
        "array" => "an array",
        "object" => "a table",
        _ => "nothing",
    }
}

/// The field that says which table it is: `kind` of an agent, `policy` of a routing.
struct Tag<'a> {
    field: &'a str,
}

impl<'a> Tag<'a> {
    /// That of tables of which `branch` describes one.
    fn of(branch: &'a Json) -> Option<Self> {
        let fields = branch["properties"].as_object()?;
        let field = fields.iter().find(|(_, field)| field["const"].is_string())?.0;
        Some(Self { field })
    }

    fn value<'b>(&self, branch: &'b Json) -> Option<&'b str> {
        branch["properties"][self.field]["const"].as_str()
    }

    fn owner(&self) -> &'static str {
        if self.field == "kind" { "agent " } else { "" }
    }

    fn owner_of_kind(&self) -> &'static str {
        if self.field == "kind" { "agents of kind" } else { "policy" }
    }
}

/// The name of what stands there; an item has that of its list.
fn last(path: &str) -> &str {
    let mut names = path.rsplit('/');
    let name = names.next().unwrap_or(path);
    let is_item = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    names.next().filter(|list| is_item && !list.is_empty()).unwrap_or(name)
}

fn lowered(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect::<String>().trim_end_matches('.').to_owned()
}

/// A TOML string, which is a JSON string for all that we propose.
pub(super) fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
