//! One expression of a team file: text → compiled, with the names it uses → a value, a truth or a
//! list.
//!
//! minijinja, strict: what is not there is an error, never an empty text. An expression sees
//! `args`, `team`, the outputs of steps by their names and, in a `for_each`, `item` and `index`; it
//! cannot include, read files, loop or bind, it runs on [`super::vocabulary::FUEL`], and what
//! it gives is at most [`VALUE_MAX_BYTES`] of JSON.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{ErrorKind, Value};
use serde_json::Value as Json;

use super::problem::Code;
use super::scan::{self, Fault, Name, Use};
use super::scope::{Refusal, Scope, VALUE_MAX_BYTES, to_json};
use super::suggest;
use super::vocabulary::{self, FILTERS, FUEL, FUNCTIONS, TESTS};

/// A longer expression belongs into an agent.
pub const SOURCE_MAX_BYTES: usize = 1_000;

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    compiled: Arc<minijinja::Expression<'static, 'static>>,
    variables: BTreeSet<String>,
}

/// Why an expression has no value. The plan adds which step and field it stands in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something it refers to is not there.
    #[error(
        "`{expression}`: {what} is not there; test it with `is defined` or give a `| default(…)`"
    )]
    Undefined {
        /// The expression.
        expression: String,
        /// What is not there.
        what: String,
    },
    /// It does too much.
    #[error("`{expression}` does more than {FUEL} units of work; let an agent compute it")]
    OutOfFuel {
        /// The expression.
        expression: String,
    },
    /// It gives something that cannot be used here.
    #[error("`{expression}` gives {found}; here is needed {wanted}")]
    WrongType {
        /// The expression.
        expression: String,
        /// What it gives.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
    /// It gives more than a task may carry.
    #[error("`{expression}` gives more than {VALUE_MAX_BYTES} bytes; pass a path, or part of it")]
    TooLarge {
        /// The expression.
        expression: String,
    },
    /// An operation in it failed.
    #[error("`{expression}`: {reason}")]
    Failed {
        /// The expression.
        expression: String,
        /// minijinja's words.
        reason: String,
    },
}

impl Error {
    /// The stable code, whose page explains the error.
    pub fn code(&self) -> Code {
        match self {
            Self::Undefined { .. } => Code::Undefined,
            Self::OutOfFuel { .. } => Code::OutOfFuel,
            Self::WrongType { .. } => Code::WrongType,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::Failed { .. } => Code::Expression,
        }
    }
}

impl Expression {
    /// Compiles `source`. Every word that cannot be meant is told, each with its place in `source`.
    pub fn compile(source: &str) -> Result<Self, Vec<Fault>> {
        let trimmed = source.trim();
        let before = source.len() - source.trim_start().len();
        Self::compile_trimmed(trimmed).map_err(|mut faults| {
            for fault in &mut faults {
                fault.at = fault.at.start + before..fault.at.end + before;
            }
            faults
        })
    }

    fn compile_trimmed(source: &str) -> Result<Self, Vec<Fault>> {
        let (names, stars) = scan::names(source);
        let faults = refusals(source, &names, &stars);
        if !faults.is_empty() {
            return Err(faults);
        }
        let compiled = vocabulary::environment().compile_expression_owned(source.to_owned());
        let compiled = compiled.map_err(|error| vec![syntax(source, &error)])?;
        let variables = names.iter().filter(|name| name.used_as == Use::Variable);
        let variables = variables.map(|name| source[name.at.clone()].to_owned()).collect();
        Ok(Self { source: source.into(), compiled: Arc::new(compiled), variables })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names it takes from its scope.
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Its value.
    pub fn value(&self, scope: &Scope) -> Result<Json, Error> {
        let value = self.evaluate(scope)?;
        to_json(&value).map_err(|refusal| self.refused(refusal))
    }

    /// Whether it holds: false, none, 0 and what is empty do not.
    pub fn truth(&self, scope: &Scope) -> Result<bool, Error> {
        Ok(self.evaluate(scope)?.is_true())
    }

    /// The items of the list it gives; none is an empty list.
    pub(super) fn items(&self, scope: &Scope) -> Result<Vec<Value>, Error> {
        let value = self.evaluate(scope)?;
        match value.kind() {
            ValueKind::None => Ok(Vec::new()),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter().map_err(|error| self.failed(&error))?;
                items.checked().map(|item| item.map_err(|error| self.failed(&error))).collect()
            }
            other => Err(self.wrong_type(&other.to_string(), "a list")),
        }
    }

    /// What it gives as a part of a text: texts as they are, everything else as JSON.
    pub(super) fn text(&self, scope: &Scope) -> Result<String, Error> {
        match self.value(scope)? {
            Json::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }

    /// An error that says what was needed instead.
    pub(super) fn wrong_type(&self, found: &str, wanted: &'static str) -> Error {
        Error::WrongType { expression: self.source.to_string(), found: found.to_owned(), wanted }
    }

    fn evaluate(&self, scope: &Scope) -> Result<Value, Error> {
        let context = Value::from_object(scope.clone());
        vocabulary::refuel();
        let value = self.compiled.eval(context).map_err(|error| self.failed(&error))?;
        if value.is_undefined() {
            return Err(self.refused(Refusal::Undefined));
        }
        Ok(value)
    }

    fn failed(&self, error: &minijinja::Error) -> Error {
        let expression = self.source.to_string();
        match error.kind() {
            ErrorKind::OutOfFuel => Error::OutOfFuel { expression },
            ErrorKind::UndefinedError => {
                let part = error.range().and_then(|range| self.source.get(range));
                let what =
                    part.map_or_else(|| "a part of it".to_owned(), |part| format!("`{part}`"));
                Error::Undefined { expression, what }
            }
            kind => {
                let reason = error.detail().map_or_else(|| kind.to_string(), str::to_owned);
                Error::Failed { expression, reason }
            }
        }
    }

    fn refused(&self, refusal: Refusal) -> Error {
        let expression = self.source.to_string();
        match refusal {
            Refusal::Undefined => Error::Undefined { expression, what: "its value".to_owned() },
            Refusal::TooLarge => Error::TooLarge { expression },
            Refusal::NotJson(found) => {
                Error::WrongType { expression, found, wanted: "a value that JSON can carry" }
            }
            Refusal::Failed(reason) => Error::Failed { expression, reason },
        }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{{ {} }}}}", self.source)
    }
}

/// Every reason to refuse the words of an expression before minijinja reads it.
fn refusals(source: &str, names: &[Name], stars: &[Range<usize>]) -> Vec<Fault> {
    if source.is_empty() {
        let fault = Fault::new(Code::Expression, 0..0, "there is no expression here");
        return vec![fault.help("write what to pass, as in `{{ survey.files }}`")];
    }
    if source.len() > SOURCE_MAX_BYTES {
        let message =
            format!("this expression has {} bytes; at most {SOURCE_MAX_BYTES}", source.len());
        return vec![Fault::new(Code::TooLarge, 0..source.len(), message)];
    }
    let mut faults: Vec<Fault> =
        names.iter().filter_map(|name| unknown_word(source, name)).collect();
    faults.extend(stars.iter().map(|star| {
        Fault::new(
            Code::Expression,
            star.clone(),
            "`*` is not allowed: it can make much out of little",
        )
        .help("for numbers write `x | times(2)`")
    }));
    faults.sort_by_key(|fault| fault.at.start);
    faults
}

fn unknown_word(source: &str, name: &Name) -> Option<Fault> {
    let (what, words) = match name.used_as {
        Use::Variable => return None,
        Use::Filter => ("filter", FILTERS),
        Use::Test => ("test", TESTS),
        Use::Function => ("function", FUNCTIONS),
    };
    let word = &source[name.at.clone()];
    if words.contains(&word) {
        return None;
    }
    let fault =
        Fault::new(Code::UnknownFilter, name.at.clone(), format!("there is no {what} `{word}`"));
    Some(match suggest::nearest(word, words.iter().copied()) {
        Some(meant) => fault.help(format!("did you mean `{meant}`?")),
        None => fault.help(format!("the {what}s are {}", suggest::list(words.iter().copied(), 50))),
    })
}

fn syntax(source: &str, error: &minijinja::Error) -> Fault {
    if source.starts_with("{{") {
        let message = "this field is an expression already";
        return Fault::new(Code::Expression, 0..2, message).help("leave the braces away");
    }
    let at = error.range().filter(|range| range.end <= source.len()).unwrap_or(0..source.len());
    let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Fault::new(Code::Expression, at, format!("this expression cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::new(&json!(["src"]), &json!({ "name": "t" }));
        scope.set(
            "survey",
            &json!({ "root": "/r", "files": [{ "path": "a.rs" }, { "path": "b.rs" }], "n": 3 }),
        );
        scope.set("skipped", &Json::Null);
        scope
    }

    #[test]
    fn values_pass_as_they_are() {
        for (source, wanted) in [
            ("args[0]", json!("src")),
            ("survey.n", json!(3)),
            ("survey.files[0]", json!({ "path": "a.rs" })),
            ("survey.files[:1]", json!([{ "path": "a.rs" }])),
            ("survey.files | map(attribute='path') | join(', ')", json!("a.rs, b.rs")),
            ("survey.files | length > 1", json!(true)),
            ("args[1] | default('.')", json!(".")),
            ("skipped", Json::Null),
            ("(skipped or survey).root", json!("/r")),
            ("{'a': [1, 2.5, none]}", json!({ "a": [1, 2.5, null] })),
            ("survey.n | times(2, 2)", json!(12)),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            let expression = Expression::compile(source).unwrap();
            assert_eq!(expression.value(&scope()), Ok(wanted), "{source}");
        }
    }

    #[test]
    fn errors_name_the_expression_and_say_what_is_wrong() {
        let long = "x".repeat(250);
        let bomb = format!(
            "range(9999) | map('string') | map('replace', '1', '{long}') \
             | map('replace', 'x', '{long}') | list"
        );
        for (source, wanted) in [
            ("survey.nothing", Code::Undefined),
            ("survey.nothing.deeper", Code::Undefined),
            ("[survey.nothing]", Code::Undefined),
            ("unheard_of", Code::Undefined),
            ("survey | abs", Code::Expression),
            ("1 / 0", Code::Expression),
            ("99999999999999999999999", Code::WrongType),
            ("range(10001)", Code::Expression),
            ("range(9999) | select('in', range(9999)) | list", Code::OutOfFuel),
            (&bomb, Code::TooLarge),
        ] {
            let error = Expression::compile(source).unwrap().value(&scope()).unwrap_err();
            assert_eq!(error.code(), wanted, "{source}: {error}");
            assert!(error.to_string().contains(source), "{error}");
        }
    }

    #[test]
    fn an_expression_that_repeats_itself_stays_small() {
        let mut source = "args[0]".to_owned();
        for _ in 0..20 {
            source.push_str("|replace('s','ssssssssss')");
        }
        let error = Expression::compile(&source).unwrap().value(&scope()).unwrap_err();
        assert!(error.to_string().contains("at most 16777216"), "{error}");
        let faults = Expression::compile("'x' * 100000000").unwrap_err();
        assert_eq!((faults[0].code, faults[0].at.clone()), (Code::Expression, 4..5));
    }

    #[test]
    fn faults_point_into_the_source() {
        for (source, at, code) in [
            ("  survey.files | lenght", 17..23, Code::UnknownFilter),
            ("x is evn", 5..8, Code::UnknownFilter),
            ("dict(a=1)", 0..4, Code::UnknownFilter),
            ("a b", 2..3, Code::Expression),
            ("{{ x }}", 0..2, Code::Expression),
        ] {
            let faults = Expression::compile(source).unwrap_err();
            assert_eq!((faults[0].at.clone(), faults[0].code), (at, code), "{source}: {faults:?}");
        }
    }

    /// The scanner finds at least the names that minijinja finds.
    #[test]
    fn no_name_is_overlooked() {
        for source in [
            "a.b[c] + d(e) if f else g",
            "[h, {'k': i}] | map('upper') | join(j)",
            "not l is divisibleby m and n in (o, p)",
            "q[r:s:t] ~ u.is.v | default(w)",
        ] {
            let compiled = vocabulary::environment().compile_expression(source).unwrap();
            let (names, _) = scan::names(source);
            let found: BTreeSet<_> =
                names.iter().map(|name| source[name.at.clone()].to_owned()).collect();
            let theirs: BTreeSet<_> = compiled.undeclared_variables(false).into_iter().collect();
            assert!(theirs.is_subset(&found), "{source}: {theirs:?} {found:?}");
        }
    }
}
