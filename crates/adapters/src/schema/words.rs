//! What is wrong with a value, in words.
//!
//! Of what was given only its kind and size are told, and numbers: a text may be long, or private.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use runtime::port::schemas::{Mismatch, below};
use serde_json::Value;

/// So many forms or words of a choice are named, and no more.
const NAMED_MAX: usize = 8;

/// The first place where a value is not what is wanted.
pub(super) fn mismatch(why: &ValidationError<'_>) -> Mismatch {
    let path = why.instance_path().as_str();
    let given = || given(why.instance());
    match why.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            // The form that was meant is the one that fits deepest.
            let firsts = context.iter().filter_map(|branch| branch.first());
            let deepest = firsts.max_by_key(|it| depth(it));
            match deepest.filter(|it| depth(it) > path.matches('/').count()) {
                Some(inner) => mismatch(inner),
                None => Mismatch { path: path.into(), wanted: forms(context), given: given() },
            }
        }
        Kind::Required { property } => {
            let path = below(path, property.as_str().unwrap_or_default());
            Mismatch { path, wanted: "something".into(), given: "nothing".into() }
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let path = below(path, unexpected.first().map_or("", String::as_str));
            Mismatch { path, wanted: "no such field".into(), given: "one".into() }
        }
        _ => Mismatch { path: path.into(), wanted: wanted(why), given: given() },
    }
}

/// Why something is no schema: where, and what of it.
pub(super) fn unfit(why: &ValidationError<'_>) -> String {
    match why.kind() {
        Kind::Referencing(why) => why.to_string(),
        _ => mismatch(why).to_string(),
    }
}

/// How deep the place stands; what is missing stands one deeper.
fn depth(why: &ValidationError<'_>) -> usize {
    mismatch(why).path.matches('/').count()
}

fn wanted(why: &ValidationError<'_>) -> String {
    match why.kind() {
        Kind::Type { kind } => types(kind),
        Kind::Enum { options } => match &**options {
            Value::Array(options) => format!("one of {}", some(options.iter())),
            only => format!("{only}"),
        },
        Kind::Constant { expected_value } => format!("{expected_value}"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::MinItems { limit } => format!("at least {limit} items"),
        Kind::MaxItems { limit } => format!("at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("at most {limit} items"),
        Kind::MinProperties { limit } => format!("at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("at most {limit} fields"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::Pattern { pattern } => format!("a text that matches {pattern}"),
        Kind::Format { format } => format!("a text of the format {format}"),
        Kind::UniqueItems => "items that all differ".into(),
        Kind::Contains => "an item of another kind".into(),
        Kind::FalseSchema => "nothing".into(),
        Kind::Not { .. } => "something else".into(),
        Kind::OneOfMultipleValid { .. } => "something of one form, not of several".into(),
        Kind::PropertyNames { error } => format!("fields with other names: {}", wanted(error)),
        kind => format!("what `{}` asks for", kind.keyword()),
    }
}

/// What one of several forms would have wanted.
fn forms(context: &[Vec<ValidationError<'static>>]) -> String {
    let firsts = context.iter().filter_map(|branch| branch.first());
    let mut forms: Vec<String> = firsts.map(wanted).collect();
    forms.dedup();
    forms.truncate(NAMED_MAX);
    forms.join(", or ")
}

fn some<'a>(options: impl ExactSizeIterator<Item = &'a Value>) -> String {
    let more = options.len().saturating_sub(NAMED_MAX);
    let named: Vec<String> = options.take(NAMED_MAX).map(ToString::to_string).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn types(kind: &TypeKind) -> String {
    let word = |kind: JsonType| match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a text",
        JsonType::Array => "a list",
        JsonType::Object => "an object",
    };
    match kind {
        TypeKind::Single(kind) => word(*kind).to_owned(),
        TypeKind::Multiple(kinds) => {
            let words: Vec<&str> = kinds.iter().map(word).collect();
            words.join(" or ")
        }
    }
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}
