//! The loop: model, calls, model, …, answer.
//!
//! Steps are named by agent, round and turn. A round is one conversation from its beginning to its
//! answer. When a model has failed to give a fitting answer, that is recorded, and the next attempt
//! begins the next round: it would else only hear the same answers from the record again. A crash
//! ends no round.

use super::answer::{NoAnswer, read, repair};
use super::circle::{self, Circle};
use super::conversation::Conversation;
use super::{Inner, Spec};
use kernel::FailureKind;
use runtime::api::{Context, Failure, OnUnknown};
use runtime::llm::{Message, Reply};
use serde_json::Value;
use std::sync::Arc;

/// What is told of an answer that does not fit.
const SAID_MAX_BYTES: usize = 200;

/// Works on one task.
pub(super) async fn run(inner: Arc<Inner>, cx: Context) -> Result<Value, Failure> {
    let Spec { name, limits, .. } = &inner.spec;
    let mut round = 0_u32;
    while cx.recalled(&gave_up(name, round)).is_some() {
        round += 1;
    }
    let beside = inner.beside_bytes;
    let mut talk = Conversation::begin(&inner.spec, beside, cx.capability(), cx.input())?;
    let (mut repairs, mut circle) = (0, Circle::default());
    for turn in 0..limits.turns {
        let step = format!("{name}/{round}/{turn}");
        let fits = talk.fit();
        if !cx.is_done(&step) {
            fits?; // What was answered once did fit, whatever is known of models by now.
        }
        let reply = inner.ask_model(&cx, &step, &talk).await?;
        talk.answered(&reply);
        if circle.closes(&reply.calls) {
            return Err(round_and_round(&inner.spec.who(), &reply));
        }
        if !reply.calls.is_empty() {
            let results = inner.make_calls(&cx, &step, &reply.calls).await?;
            let is_to_be_told = circle.goes_on(&reply.calls, &results);
            results.into_iter().for_each(|it| talk.say(it));
            if is_to_be_told {
                talk.say(Message::User { text: circle::SAID.to_owned() });
            }
            continue;
        }
        match read(&reply, inner.schema.as_ref()) {
            Ok(output) => return Ok(output),
            Err(NoAnswer::Final(failure)) => return Err(failure),
            Err(NoAnswer::Unfit(why)) if repairs < limits.repairs => {
                repairs += 1;
                talk.say(Message::User { text: repair(&why, inner.schema.is_some()) });
            }
            Err(NoAnswer::Unfit(why)) => {
                cx.once(&gave_up(name, round), async { Ok(()) })
                    .on_unknown(OnUnknown::Retry)
                    .await?;
                let model = inner.spec.who();
                let asked = 1 + repairs;
                let said = crate::agent::cut(reply.text, SAID_MAX_BYTES);
                let why = format!(
                    "{model}: asked {asked} times, its answer does not fit: {why}; it said {said:?}"
                );
                return Err(Failure::new(FailureKind::Garbage, why));
            }
        }
    }
    let (model, turns) = (inner.spec.who(), limits.turns);
    let why = format!(
        "{model} has had its {turns} turns and gave no answer; raise `turns`, or ask for less"
    );
    Err(Failure::new(FailureKind::Limit, why))
}

fn round_and_round(model: &str, reply: &Reply) -> Failure {
    let names: Vec<&str> = reply.calls.iter().map(|it| it.name.as_str()).collect();
    let why = format!(
        "{model} goes round in a circle: it has called {} again and again with the same arguments, \
         is told the same each time, and does not stop when it is told so",
        names.join(", ")
    );
    Failure::new(FailureKind::Limit, why)
}

fn gave_up(name: &str, round: u32) -> String {
    format!("{name}/{round}/gave-up")
}
