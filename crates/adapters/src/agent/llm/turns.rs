//! The loop: model, calls, model, …, answer.
//!
//! Steps are named by agent, round and turn. A round is one conversation from its beginning to its
//! answer. When a model has failed to give a fitting answer, that is recorded, and the next attempt
//! begins the next round: it would else only hear the same answers from the record again. A crash
//! ends no round.

use super::answer::{NoAnswer, read, repair};
use super::conversation::Conversation;
use super::{Inner, Spec};
use kernel::{Cost, FailureKind};
use runtime::api::{Context, Failure, OnUnknown};
use runtime::llm::{Message, Reply, Request};
use serde_json::Value;
use std::sync::Arc;

/// Works on one task.
pub(super) async fn run(inner: Arc<Inner>, cx: Context) -> Result<Value, Failure> {
    let Spec { name, limits, .. } = &inner.spec;
    let mut round = 0_u32;
    while cx.recalled(&gave_up(name, round)).is_some() {
        round += 1;
    }
    let mut talk = Conversation::begin(&inner.spec, cx.capability(), cx.input())?;
    let mut repairs = 0;
    for turn in 0..limits.turns {
        let step = format!("{name}/{round}/{turn}");
        let reply = inner.ask_model(&cx, &step, &talk).await?;
        talk.say(reply.to_message())?;
        if !reply.calls.is_empty() {
            for result in inner.make_calls(&cx, &step, &reply.calls).await? {
                talk.say(result)?;
            }
            continue;
        }
        match read(&reply, inner.schema.as_ref()) {
            Ok(output) => return Ok(output),
            Err(NoAnswer::Final(failure)) => return Err(failure),
            Err(NoAnswer::Unfit(why)) if repairs < limits.repairs => {
                repairs += 1;
                talk.say(Message::User { text: repair(&why, inner.schema.is_some()) })?;
            }
            Err(NoAnswer::Unfit(why)) => {
                cx.once(&gave_up(name, round), async { Ok(()) })
                    .on_unknown(OnUnknown::Retry)
                    .await?;
                let model = &inner.spec.model;
                let asked = 1 + repairs;
                let why = format!("{model}: asked {asked} times, its answer does not fit: {why}");
                return Err(Failure::new(FailureKind::Garbage, why));
            }
        }
    }
    let (model, turns) = (&inner.spec.model, limits.turns);
    let why = format!(
        "{model} has had its {turns} turns and gave no answer; raise `turns`, or ask for less"
    );
    Err(Failure::new(FailureKind::Limit, why))
}

fn gave_up(name: &str, round: u32) -> String {
    format!("{name}/{round}/gave-up")
}

impl Inner {
    /// One call of the model, recorded. Whoever was killed within it asks again, under the same key
    /// for the other side: nobody knows how it went, and nothing but its price hangs on it.
    async fn ask_model(
        &self,
        cx: &Context,
        step: &str,
        talk: &Conversation,
    ) -> Result<Reply, Failure> {
        let request = Arc::new(Request {
            model: self.spec.model.clone(),
            messages: talk.messages(),
            tools: self.tools.told(),
            schema: self.spec.schema.clone(),
            temperature: self.spec.temperature,
            output_tokens_max: self.spec.output_tokens_max,
            key: Some(cx.key_of(step)),
            token: Some(cx.attempt().token.to_string()),
        });
        if cx.recalled(step).is_none() {
            // Of how much it will take nothing is known; the last call may go beyond what is left.
            cx.affords(Cost { tokens: 1, ..Cost::default() })?;
        }
        let (llm, payer) = (self.llm.clone(), cx.clone());
        let call = async move {
            let reply = llm.complete(request).await?;
            let cost = Cost { tokens: reply.usage.total_tokens(), ..Cost::default() };
            match payer.spend(cost).await {
                Err(lost) if lost.kind == FailureKind::Lost => Err(lost),
                // That nothing is left is said to whatever is asked for next: this is paid.
                Ok(()) | Err(_) => Ok(reply),
            }
        };
        cx.once(step, call).on_unknown(OnUnknown::Retry).await
    }
}
