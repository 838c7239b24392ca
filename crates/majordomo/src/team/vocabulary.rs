//! The words an expression may use: filters, tests and functions → one environment without includes, files or clocks.
//!
//! A closed list, not minijinja's whole set: what makes much out of little (`format`, `indent`, `*`
//! on texts) is not here, and the two filters that can grow a text without bound, `replace` and
//! `join`, are ours and stop at [`TEXT_MAX_BYTES`]. So an expression ends soon and stays small.

use std::sync::OnceLock;

use minijinja::value::{Rest, ValueKind};
use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, functions, tests,
};
use serde_json::Value as Json;

/// What one expression may do, in minijinja's instructions; a long filter chain takes a few dozen.
pub const FUEL: u64 = 50_000;

/// The longest text that `replace` and `join` make.
pub const TEXT_MAX_BYTES: usize = 16 << 20;

/// What may stand after `|`.
pub const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "times",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];

/// What may stand after `is`.
pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
];

/// What may be called.
pub const FUNCTIONS: &[&str] = &["range"];

/// The environment every expression is compiled and run in.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        add_filters(&mut environment);
        add_tests(&mut environment);
        environment.add_function("range", functions::range);
        environment
    })
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("attr", filters::attr);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("dictsort", filters::dictsort);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("groupby", filters::groupby);
    environment.add_filter("int", filters::int);
    environment.add_filter("items", filters::items);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lines", filters::lines);
    environment.add_filter("list", filters::list);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("map", filters::map);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("select", filters::select);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("string", filters::string);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("times", times);
    environment.add_filter("title", filters::title);
    environment.add_filter("tojson", to_json);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
}

fn add_tests(environment: &mut Environment<'static>) {
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("equalto", tests::is_eq);
    environment.add_test("even", tests::is_even);
    environment.add_test("false", tests::is_false);
    environment.add_test("float", tests::is_float);
    environment.add_test("ge", tests::is_ge);
    environment.add_test("greaterthan", tests::is_gt);
    environment.add_test("gt", tests::is_gt);
    environment.add_test("in", tests::is_in);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("le", tests::is_le);
    environment.add_test("lessthan", tests::is_lt);
    environment.add_test("lt", tests::is_lt);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("ne", tests::is_ne);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("string", tests::is_string);
    environment.add_test("true", tests::is_true);
    environment.add_test("undefined", tests::is_undefined);
}

/// `text | replace("old", "new")`, refused before it makes more than [`TEXT_MAX_BYTES`].
fn replace(text: &str, old: &str, new: &str) -> Result<String, Error> {
    if new.len() > old.len() {
        let grown = text.matches(old).count().saturating_mul(new.len());
        bounded(grown.saturating_add(text.len()))?;
    }
    Ok(text.replace(old, new))
}

/// `list | join(", ")`; texts as they are, everything else as JSON.
fn join(list: Value, between: Option<&str>) -> Result<String, Error> {
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        let message = format!("join takes a list, this is {}", list.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    let mut text = String::new();
    for (index, item) in list.try_iter()?.enumerate() {
        if item.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, format!("item {index} of the list")));
        }
        if index > 0 {
            text.push_str(between.unwrap_or(""));
        }
        match item.as_str() {
            Some(item) => text.push_str(item),
            None => text.push_str(&as_json(&item)?.to_string()),
        }
        bounded(text.len())?;
    }
    Ok(text)
}

/// `value | tojson`: canonical, keys sorted, no white space.
fn to_json(value: &Value) -> Result<String, Error> {
    Ok(as_json(value)?.to_string())
}

/// `number | times(2)`: what `*` would do for numbers, and not for texts.
fn times(number: Value, factors: Rest<Value>) -> Result<Value, Error> {
    let not_a_number = || Error::new(ErrorKind::InvalidOperation, "times takes numbers");
    let mut whole = number.as_i64();
    let mut real = f64::try_from(number.clone()).map_err(|_| not_a_number())?;
    if !number.is_number() || factors.iter().any(|factor| !factor.is_number()) {
        return Err(not_a_number());
    }
    for factor in factors.iter() {
        let by = if factor.is_integer() { factor.as_i64() } else { None };
        whole = whole.filter(|_| number.is_integer()).zip(by).and_then(|(a, b)| a.checked_mul(b));
        real *= f64::try_from(factor.clone()).map_err(|_| not_a_number())?;
    }
    Ok(whole.filter(|_| number.is_integer()).map_or_else(|| Value::from(real), Value::from))
}

fn bounded(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_MAX_BYTES {
        let message = format!("the text would have {bytes} bytes; at most {TEXT_MAX_BYTES}");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok(())
}

fn as_json(value: &Value) -> Result<Json, Error> {
    super::scope::to_json(value)
        .map_err(|refusal| Error::new(ErrorKind::InvalidOperation, refusal.to_string()))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    /// The lists are what the check knows, the environment what runs: they must be the same words.
    #[test]
    fn every_word_listed_is_there() {
        let environment = environment();
        let known = |expression: String| {
            let compiled = environment.compile_expression_owned(expression).unwrap();
            compiled.eval(()).map_err(|error| error.kind()).err()
        };
        for filter in FILTERS {
            let error = known(format!("1 | {filter}"));
            assert_ne!(error, Some(ErrorKind::UnknownFilter), "{filter}");
        }
        for test in TESTS {
            let error = known(format!("1 is {test}"));
            assert_ne!(error, Some(ErrorKind::UnknownTest), "{test}");
        }
        assert_eq!(known("1 | indent".to_owned()), Some(ErrorKind::UnknownFilter));
        assert_eq!(known("1 is safe".to_owned()), Some(ErrorKind::UnknownTest));
        assert_eq!(known("debug()".to_owned()), Some(ErrorKind::UnknownFunction));
    }
}
