//! One call of the model: its turn, its place in the budget, and then the call, recorded.
//!
//! A call waits for the rate of its model without a slot, so that neither the slot nor the working
//! time of its run pays for it. Whatever it waited for, and however often the call is made again,
//! the budget is looked at last before it is sent.

use super::conversation::Conversation;
use super::{Inner, aloud};
use crate::llm::price::Price;
use crate::llm::rate::{Need, Place};
use kernel::{Cost, FailureKind};
use runtime::api::{Context, Failure, OnUnknown};
use runtime::llm::{Message, Reply, Request, Usage};
use runtime::port::observer::Level;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;

/// So long a call waits with its slot: to give it back and to get one again is not worth less.
const HELD: Duration = Duration::from_secs(1);

/// After so long an attempt that waits looks itself whether it has its turn.
const LOOKS: Duration = Duration::from_secs(600);

/// By which it is told.
const TURN: &str = "turn";

/// What an answer may take where nobody says how long it may be, tokens.
const ANSWER_MAX_TOKENS: u64 = 8_192;

/// What most answers do not take, tokens.
const ANSWER_TOKENS: u64 = 1_000;

/// What a call will take, tokens.
#[derive(Clone, Copy)]
struct Size {
    input: u64,
    /// The longest answer.
    output_max: u64,
}

impl Inner {
    /// One call of the model, recorded. Whoever was killed within it asks again, under the same key
    /// for the other side: nobody knows how it went, and nothing but its price hangs on it.
    pub(super) async fn ask_model(
        &self,
        cx: &Context,
        step: &str,
        talk: &Conversation,
    ) -> Result<Reply, Failure> {
        let recorded = async { Err(Failure::error("it is recorded")) };
        if cx.is_done(step) {
            return cx.once(step, recorded).await;
        }
        let request = Arc::new(self.request(cx, step, talk));
        let size = Size::of(&request);
        let turn = self.turn(cx, step, size.likely()).await?;
        let aside = cx.set_aside(self.costs(cx, &size.most())).await?;
        let (llm, payer) = (self.llm.clone(), cx.clone());
        let (price, streams) = (self.spec.price, self.spec.streams);
        let call = async move {
            turn.sent();
            let result = aloud::complete(&*llm, request, &payer, streams).await;
            turn.done(&result);
            let reply = result?;
            let paid = payer.spend(cost_of(price, &reply.usage)).await;
            drop(aside);
            match paid {
                Err(lost) if lost.kind == FailureKind::Lost => Err(lost),
                // That nothing is left is said to whatever is asked for next: this is paid.
                Ok(()) | Err(_) => Ok(reply),
            }
        };
        cx.once(step, call).on_unknown(OnUnknown::Retry).await
    }

    fn request(&self, cx: &Context, step: &str, talk: &Conversation) -> Request {
        Request {
            model: self.spec.model.clone(),
            messages: talk.messages(),
            tools: self.tools.told(),
            schema: self.spec.schema.clone(),
            temperature: self.spec.temperature,
            output_tokens_max: self.spec.output_tokens_max,
            key: Some(cx.key_of(step)),
            token: Some(cx.attempt().token.to_string()),
        }
    }

    /// What a use costs. That there is no price for it is said once.
    fn costs(&self, cx: &Context, usage: &Usage) -> Cost {
        let model = &self.spec.model;
        if self.spec.price.is_none() && !self.has_said_no_price.swap(true, Ordering::Relaxed) {
            cx.log(
                Level::Warn,
                format!(
                    "no price is known for {model}: its calls are counted in tokens and not in \
                     money; say what it costs in [models.\"{model}\"]"
                ),
            );
        }
        cost_of(self.spec.price, usage)
    }

    /// Waits until the rate of the model allows one more call: for a moment with its slot, and
    /// without it from then on.
    async fn turn(&self, cx: &Context, step: &str, tokens: u64) -> Result<Place, Failure> {
        let model = &self.spec.model;
        let need = Need { class: cx.class(), tenant: cx.tenant().clone(), tokens };
        let place = self.governor.enter(model, need)?;
        if place.is_granted() {
            return Ok(place);
        }
        in_time(cx, model, place.waits())?;
        if tokio::time::timeout(HELD, place.granted()).await.is_ok() {
            return Ok(place);
        }
        let waits = place.waits();
        in_time(cx, model, waits)?;
        let said = match waits.as_secs() {
            0 => format!("waits for the rate of {model}"),
            seconds => format!("waits for the rate of {model}, {seconds} s"),
        };
        cx.progress(None, said.as_str());
        cx.log(Level::Info, said);
        without_slot(cx, step, place).await
    }
}

fn cost_of(price: Option<Price>, usage: &Usage) -> Cost {
    let money_micros = price.map_or(0, |price| price.of_use(usage));
    Cost { money_micros, tokens: usage.total_tokens() }
}

/// Waits beside the attempt, which is not polled meanwhile, and signals it. Each attempt waits for
/// steps of its own: that another had its turn once says nothing.
async fn without_slot(cx: &Context, step: &str, place: Place) -> Result<Place, Failure> {
    struct Beside(JoinHandle<Place>);
    impl Drop for Beside {
        fn drop(&mut self) {
            self.0.abort(); // Whoever gives up waiting gives up the place.
        }
    }
    let own = cx.branch(&format!("{step}/rate/{}", cx.attempt().token));
    let signals = own.clone();
    let mut beside = Beside(tokio::spawn(async move {
        place.granted().await;
        let _ = signals.signal(TURN).await; // Where it is not heard, the attempt looks itself.
        place
    }));
    let mut is_told = false;
    while !is_told && !beside.0.is_finished() {
        let comes = async {
            tokio::select! {
                biased;
                () = own.signalled(TURN) => Ok(true),
                slept = own.sleep(LOOKS) => slept.map(|()| false),
            }
        };
        is_told = cx.parked(comes).await?;
    }
    Ok((&mut beside.0).await?)
}

/// Refuses a wait that the task has no time for.
fn in_time(cx: &Context, model: &str, waits: Duration) -> Result<(), Failure> {
    let Some(left) = cx.time_left().filter(|left| *left < waits) else { return Ok(()) };
    let why = format!(
        "the rate of {model} allows this call in {} s at the earliest, and the task has {} s left: \
         give it more time, fewer tasks at once, or another model",
        waits.as_secs(),
        left.as_secs()
    );
    Err(Failure::new(FailureKind::Deadline, why))
}

impl Size {
    /// As far as can be told before: what is said is estimated.
    fn of(request: &Request) -> Size {
        let calls = |message: &Message| match message {
            Message::Assistant { calls, .. } => calls.iter().map(|it| it.arguments.len()).sum(),
            Message::System { .. } | Message::User { .. } | Message::Tool { .. } => 0_usize,
        };
        let json = |value: &Value| value.to_string().len();
        let said: usize = request.messages.iter().map(|it| it.text().len() + calls(it)).sum();
        let tools = request.tools.iter().map(|it| it.description.len() + json(&it.schema));
        let bytes = said + tools.sum::<usize>() + request.schema.as_ref().map_or(0, json);
        let output_max = request.output_tokens_max.unwrap_or(ANSWER_MAX_TOKENS);
        Size { input: Usage::estimated(bytes, 0).input_tokens, output_max }
    }

    /// What its answer is counted as until it is here, when it comes to the rate.
    fn likely(&self) -> u64 {
        self.input + self.output_max.min(ANSWER_TOKENS)
    }

    /// The most, when it comes to what it costs.
    fn most(&self) -> Usage {
        Usage {
            input_tokens: self.input,
            output_tokens: self.output_max,
            cached_tokens: 0,
            is_estimated: true,
        }
    }
}
