//! The model's last words → the task's output, or why they are none.

use super::schema::Schema;
use runtime::api::Failure;
use runtime::llm::{Finish, Reply};
use serde_json::Value;

/// Why a reply is not the answer.
pub(super) enum NoAnswer {
    /// Another one may be, once the model knows what is wrong.
    Unfit(String),
    /// Asking again does not help.
    Final(Failure),
}

/// The output that a reply without calls gives.
pub(super) fn read(reply: &Reply, schema: Option<&Schema>) -> Result<Value, NoAnswer> {
    if reply.finish == Finish::Refused {
        let said = crate::agent::cut(reply.text.clone(), 500);
        let why = format!("the model would not answer this: {said:?}");
        return Err(NoAnswer::Final(Failure::rejected(why)));
    }
    let text = reply.text.trim();
    if text.is_empty() {
        return Err(NoAnswer::Unfit("it is empty".to_owned()));
    }
    if reply.finish == Finish::Length {
        return Err(NoAnswer::Unfit("it was cut off, as it is too long: be shorter".to_owned()));
    }
    let Some(schema) = schema else { return Ok(Value::from(reply.text.as_str())) };
    let value: Value = serde_json::from_str(without_fence(text))
        .map_err(|why| NoAnswer::Unfit(format!("it is no JSON ({why})")))?;
    schema.check(&value).map_err(NoAnswer::Unfit)?;
    Ok(value)
}

/// Models like to put JSON between fences, whatever they are told.
fn without_fence(text: &str) -> &str {
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some(inner) = inner else { return text };
    let word = inner.split(['\n', '{', '[']).next().unwrap_or_default();
    inner[word.len()..].trim()
}

/// What the model is told of an answer that does not fit.
pub(super) fn repair(why: &str, wants_json: bool) -> String {
    let form = if wants_json { ", as JSON that fits the schema and nothing else" } else { "" };
    format!("Your answer cannot be used: {why}. Answer again{form}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_taken_off() {
        for text in ["{\"a\":1}", "```json\n{\"a\":1}\n```", "```{\"a\":1}```", "```\n{\"a\":1}```"]
        {
            assert_eq!(without_fence(text), "{\"a\":1}");
        }
        assert_eq!(without_fence("```json {"), "```json {");
    }
}
