//! `human` agents: a question waits in an inbox until a person answers it.
//!
//! ```text
//!   task ─▶ attempt ─▶ inbox ─▶ a person        yes, or any JSON ─▶ the task's output
//!              │ waits without a slot           no, or silence   ─▶ the task fails, for good
//! ```
//!
//! Approval fails closed: a no, an error and the end of the deadline all fail the task in a way
//! that is not tried again, so that nothing which needs the approval can begin. The deadline is a
//! timer of the task and the answer is one of its steps, both in the journal: a process that dies
//! in between takes neither away, and each process asks the same question again until it has an
//! answer.

mod inbox;

pub use inbox::{Answer, Inbox, Waiting};

use inbox::ANSWER;
use kernel::Text;
use runtime::api::{Context, Failure};
use runtime::port::{Agent, BoxFuture};
use serde_json::{Value, json};
use std::time::Duration;

/// A person behind an inbox.
pub struct Human {
    name: Text,
    deadline: Duration,
    inbox: Inbox,
}

impl Human {
    /// Asks the person `name` through this inbox; whoever says nothing for `deadline` says no.
    #[must_use]
    pub fn new(name: &str, deadline: Duration, inbox: Inbox) -> Human {
        Human { name: name.into(), deadline, inbox }
    }
}

impl Agent for Human {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let Human { name, deadline, inbox } = self;
        let (name, deadline, inbox) = (name.clone(), *deadline, inbox.clone());
        Box::pin(async move {
            if let Some(answer) = cx.recalled(ANSWER) {
                return judge(answer?);
            }
            let asked = inbox.ask(&cx, name);
            let late = tokio::select! {
                biased;
                () = cx.signalled(ANSWER) => false,
                slept = cx.sleep(deadline) => slept.map(|()| true)?,
            };
            if late {
                asked.close().await; // An answer that is being recorded now still counts.
            }
            match cx.recalled(ANSWER) {
                Some(answer) => judge(answer?),
                None => Err(Failure::rejected(format!(
                    "nobody answered within {deadline:?}, which means no"
                ))),
            }
        })
    }
}

/// What an answer, as it was recorded, means for the task.
fn judge(recorded: Value) -> Result<Value, Failure> {
    let said = |name: &str| recorded.get(name).and_then(Value::as_str).unwrap_or_default();
    let (by, note) = (said("by"), said("note"));
    let answer = recorded.get("answer").unwrap_or(&Value::Null);
    match answer {
        Value::Bool(true) => Ok(json!({ "approved": true, "by": by, "note": note })),
        answer if is_no(answer) => {
            let why = if note.is_empty() { String::new() } else { format!(": {note}") };
            Err(Failure::rejected(format!("{by} said no{why}")))
        }
        answer => Ok(answer.clone()),
    }
}

/// A person who says no says it in one of these ways.
fn is_no(answer: &Value) -> bool {
    match answer {
        Value::Null | Value::Bool(false) => true,
        Value::Object(fields) => fields.get("approved").is_some_and(|it| *it != json!(true)),
        Value::Bool(true) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answer: Value) -> Result<Value, String> {
        let recorded = json!({ "answer": answer, "by": "ada", "note": "not on a Friday" });
        judge(recorded).map_err(|failure| {
            assert_eq!(failure.kind, kernel::FailureKind::Rejected, "it must not be tried again");
            failure.message
        })
    }

    #[test]
    fn whatever_is_not_a_yes_in_an_approval_is_a_no() {
        let yes = json!({ "approved": true, "by": "ada", "note": "not on a Friday" });
        assert_eq!(judged(json!(true)), Ok(yes));
        let no = Err("ada said no: not on a Friday".to_owned());
        for answer in [
            json!(false),
            json!(null),
            json!({ "approved": false }),
            json!({ "approved": "yes" }),
            json!({ "approved": null }),
        ] {
            assert_eq!(judged(answer), no);
        }
        assert!(judge(json!("nonsense")).is_err(), "a record that is not one of ours");
    }

    #[test]
    fn other_answers_are_the_output_as_they_are() {
        for answer in [json!("retry"), json!(7), json!({ "choice": "value", "value": 3 })] {
            assert_eq!(judged(answer.clone()), Ok(answer));
        }
    }
}
