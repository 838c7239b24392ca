//! A model that says who should get a task: what it is asked, and what of its answer counts.
//!
//! It is an agent like every other that serves `route`, and what it says is advice: whom it names
//! is held against those who may have the task at the moment of the grant, by the kernel.

use super::spec::{Limits, Spec};
use crate::agent::cut;
use serde::Deserialize;
use serde_json::{Value, json};

/// The instructions of an adviser.
pub const PROMPT: &str = "\
You assign tasks to agents. You are given one task as JSON: its `capability`, its `input`, and the \
`candidates` that could do it now. Each candidate has a name (`agent`), what it is good at \
(`about`), what it `serves`, its `load` (0 idle, 1 full), whether it is preferred (`prefer`, \
higher is better), the share of its tasks that went well (`success`) and its usual working time \
(`work_ms`, 0 unknown). Choose the one candidate that will do this task best. If nothing speaks \
for one of them, choose the least loaded. Give its name as `agent`, exactly as it is written, the \
`reason` in one short sentence, and your `confidence` from 0 to 1 that it is a better choice than \
the least loaded one.";

/// What it sees of a task: its input may be large, and the choice is to be quick.
const INPUT_MAX_BYTES: usize = 16 << 10;

/// What of its reason is kept.
const REASON_MAX_BYTES: usize = 300;

/// A choice of which the model is less sure is none, unless said otherwise.
const CONFIDENCE_MIN: f64 = 0.5;

/// The schema of its answer.
#[must_use]
pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "agent": { "type": "string" },
            "reason": { "type": "string" },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
        },
        "required": ["agent", "reason", "confidence"],
        "additionalProperties": false,
    })
}

/// The answer of a model.
#[derive(Deserialize)]
struct Choice {
    agent: String,
    #[serde(default)]
    reason: String,
    confidence: f64,
}

impl Spec {
    /// A model that says who should get a task, in one answer. Join it as one that serves `route`,
    /// for all that the policy `External` holds for, or `route.` and the name of one capability.
    #[must_use]
    pub fn adviser(name: &str, model: &str) -> Spec {
        let mut spec = Spec::new(name, model, PROMPT).schema(schema()).repairs(1);
        spec.limits = Limits { turns: 2, input_max_bytes: INPUT_MAX_BYTES, ..spec.limits };
        spec.confidence_min = Some(CONFIDENCE_MIN);
        spec
    }

    /// A choice of which it is less sure, 0 to 1, is none: the lowest load decides.
    #[must_use]
    pub fn confidence_min(mut self, confidence: f64) -> Spec {
        self.confidence_min = Some(confidence);
        self
    }
}

/// What an adviser says with this answer: the choice, or that there is none and what was chosen.
/// Anything else passes as it is; whoever asked knows what to make of it.
pub(super) fn judged(answer: Value, spec: &Spec) -> Value {
    let Some(min) = spec.confidence_min else { return answer };
    let Ok(Choice { agent, reason, confidence }) = Choice::deserialize(&answer) else {
        return answer;
    };
    let (model, reason) = (spec.who(), cut(reason, REASON_MAX_BYTES));
    if confidence >= min {
        return json!({
            "agent": agent,
            "reason": format!("{model}: {reason}"),
            "confidence": confidence,
        });
    }
    let agent = cut(agent, 64);
    let why = format!("{model} chose {agent:?}, but is less sure than {min}: {reason}");
    json!({ "agent": null, "reason": why, "confidence": confidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(answer: Value) -> Value {
        judged(answer, &Spec::adviser("chooser", "ollama/qwen3").confidence_min(0.6))
    }

    #[test]
    fn a_sure_choice_is_one_and_an_unsure_one_is_told() {
        let sure = judge(json!({ "agent": "ann", "reason": "she reads SQL", "confidence": 0.6 }));
        assert_eq!(sure["agent"], "ann");
        assert_eq!(sure["reason"], "ollama/qwen3: she reads SQL");
        let unsure = judge(json!({ "agent": "ann", "reason": "who knows", "confidence": 0.59 }));
        assert_eq!(unsure["agent"], Value::Null);
        let why = r#"ollama/qwen3 chose "ann", but is less sure than 0.6: who knows"#;
        assert_eq!(unsure["reason"], why);
        assert_eq!(judge(json!("ann")), json!("ann"), "for whoever asked to refuse");
    }

    #[test]
    fn words_are_bounded() {
        let long = "ä".repeat(5_000);
        for confidence in [0.1, 0.9] {
            let said = json!({ "agent": long, "reason": long, "confidence": confidence });
            let said = judge(said)["reason"].as_str().map(str::len);
            assert!(said.is_some_and(|it| it < 600), "{said:?}");
        }
    }
}
