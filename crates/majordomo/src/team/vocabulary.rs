//! The words an expression may use: filters, tests and functions → one environment without
//! includes, files or clocks.
//!
//! A closed list, not minijinja's whole set: what makes much out of little (`format`, `indent`, `*`
//! on texts) is not here, and the two filters that can grow a text without bound, `replace` and
//! `join`, are ours and stop at [`TEXT_MAX_BYTES`].
//!
//! Why a meter of our own beside minijinja's fuel? Fuel counts instructions, and without loops an
//! expression has few; the work is inside of filters: `range(9999) | select('in', range(9999))` is
//! a hundred million comparisons in seven instructions. So each call of a filter or test, those
//! made by `map` and `select` included, pays for what it is given, and an expression ends soon.

use std::cell::Cell;
use std::sync::OnceLock;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters, tests};
use serde_json::Value as Json;

/// What one expression may do: a unit for each call of a filter or test, one for each item of a
/// list it is given, and one for each 64 bytes of text. Enough for some filters over 100,000 files.
pub const FUEL: u64 = 5_000_000;

/// The longest text that `replace` and `join` make.
pub const TEXT_MAX_BYTES: usize = 16 << 20;

/// The longest list that `range` makes.
const RANGE_MAX: i64 = 10_000;

macro_rules! words {
    (
        $(#[$doc:meta])*
        $names:ident, $add:ident, $method:ident:
        $($name:literal => $function:expr,)*
    ) => {
        $(#[$doc])*
        pub const $names: &[&str] = &[$($name),*];

        fn $add(environment: &mut Environment<'static>) {
            $(environment.$method($name, metered(Value::from_function($function)));)*
        }
    };
}

words! {
    /// What may stand after `|`.
    FILTERS, add_filters, add_filter:
    "abs" => filters::abs,
    "attr" => filters::attr,
    "bool" => filters::bool,
    "capitalize" => filters::capitalize,
    "count" => filters::length,
    "d" => filters::default,
    "default" => filters::default,
    "dictsort" => filters::dictsort,
    "first" => filters::first,
    "float" => filters::float,
    "groupby" => filters::groupby,
    "int" => filters::int,
    "items" => filters::items,
    "join" => join,
    "last" => filters::last,
    "length" => filters::length,
    "lines" => filters::lines,
    "list" => filters::list,
    "lower" => filters::lower,
    "map" => filters::map,
    "max" => filters::max,
    "min" => filters::min,
    "reject" => filters::reject,
    "rejectattr" => filters::rejectattr,
    "replace" => replace,
    "reverse" => filters::reverse,
    "round" => filters::round,
    "select" => filters::select,
    "selectattr" => filters::selectattr,
    "sort" => filters::sort,
    "split" => filters::split,
    "string" => filters::string,
    "sum" => filters::sum,
    "times" => times,
    "title" => filters::title,
    "tojson" => to_json,
    "trim" => filters::trim,
    "unique" => filters::unique,
    "upper" => filters::upper,
}

words! {
    /// What may stand after `is`.
    TESTS, add_tests, add_test:
    "boolean" => tests::is_boolean,
    "defined" => tests::is_defined,
    "divisibleby" => tests::is_divisibleby,
    "endingwith" => tests::is_endingwith,
    "eq" => tests::is_eq,
    "equalto" => tests::is_eq,
    "even" => tests::is_even,
    "false" => tests::is_false,
    "float" => tests::is_float,
    "ge" => tests::is_ge,
    "greaterthan" => tests::is_gt,
    "gt" => tests::is_gt,
    "in" => tests::is_in,
    "integer" => tests::is_integer,
    "iterable" => tests::is_iterable,
    "le" => tests::is_le,
    "lessthan" => tests::is_lt,
    "lt" => tests::is_lt,
    "mapping" => tests::is_mapping,
    "ne" => tests::is_ne,
    "none" => tests::is_none,
    "number" => tests::is_number,
    "odd" => tests::is_odd,
    "sequence" => tests::is_sequence,
    "startingwith" => tests::is_startingwith,
    "string" => tests::is_string,
    "true" => tests::is_true,
    "undefined" => tests::is_undefined,
}

words! {
    /// What may be called.
    FUNCTIONS, add_functions, add_function:
    "range" => range,
}

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
        add_functions(&mut environment);
        environment
    })
}

thread_local! {
    /// What the expression that runs on this thread may still do.
    static FUEL_LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Fills the meter; whoever evaluates an expression does it first.
pub(super) fn refuel() {
    FUEL_LEFT.set(FUEL);
}

/// The function, paying for each call.
fn metered(
    function: Value,
) -> impl Fn(&mut State, Rest<ValueOrKwargs>) -> Result<Value, Error> + Send + Sync + 'static {
    move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        let price = |argument: &Value| match argument.kind() {
            ValueKind::String => argument.as_str().map_or(0, str::len) / 64,
            _ => argument.len().unwrap_or(0),
        };
        let price = 1 + arguments.iter().map(price).sum::<usize>() as u64;
        let left = FUEL_LEFT.get();
        if price > left {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        FUEL_LEFT.set(left - price);
        function.call(state, &arguments)
    }
}

/// `range(end)`, `range(start, end)`, `range(start, end, step)`.
fn range(first: i64, end: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    let (start, end) = end.map_or((0, first), |end| (first, end));
    let step = step.unwrap_or(1);
    let refused = |why: &'static str| Error::new(ErrorKind::InvalidOperation, why);
    if step == 0 {
        return Err(refused("range cannot count in steps of 0"));
    }
    let mut list = Vec::new();
    let mut next = Some(start);
    while let Some(number) =
        next.filter(|number| if step > 0 { *number < end } else { *number > end })
    {
        if list.len() as i64 == RANGE_MAX {
            return Err(refused("range makes at most 10000 numbers"));
        }
        list.push(number);
        next = number.checked_add(step);
    }
    Ok(list)
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

    /// The lists are what the check knows, the environment what runs; nothing else may slip in.
    #[test]
    fn every_word_listed_is_there_and_no_other() {
        let environment = environment();
        refuel();
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
