//! One call of the model: its turn, its place in the budget, and then the call, recorded.
//!
//! A call waits for the rate of its model without a slot, so that neither the slot nor the working
//! time of its run pays for it. Whatever it waited for, and however often the call is made again,
//! the budget is looked at last before it is sent.

use super::Inner;
use super::chain::Chosen;
use super::conversation::{ANSWER_MAX_TOKENS, Conversation, bytes_of};
use super::spec::Model;
use crate::llm::rate::{Need, Place};
use kernel::{Cost, Digest, FailureKind};
use runtime::api::{Context, Failure, OnUnknown, SetAside};
use runtime::llm::{self, Reply, Request, Usage};
use runtime::port::observer::Level;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;

/// So long a call waits with its slot: to give it back and to get one again is not worth less.
pub(super) const HELD: Duration = Duration::from_secs(1);

/// After so long an attempt that waits looks itself whether it has its turn.
const LOOKS: Duration = Duration::from_secs(600);

/// By which it is told.
const TURN: &str = "turn";

/// What most answers do not take, tokens.
const ANSWER_TOKENS: u64 = 1_000;

/// A call that was answered, as it is recorded.
#[derive(Serialize, Deserialize)]
struct Answered {
    #[serde(flatten)]
    reply: Reply,
    /// Names what was asked, so that a replay can tell whether the same would be asked again;
    /// absent where an older version recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Digest>,
}

/// What a call will take, tokens.
#[derive(Clone, Copy)]
pub(super) struct Size {
    input: u64,
    /// The longest answer.
    output_max: u64,
}

/// One call: who asks what, whichever model is asked.
pub(super) struct Asking {
    pub(super) inner: Arc<Inner>,
    pub(super) cx: Context,
    pub(super) need: Need,
    request: Request,
    size: Size,
}

impl Inner {
    /// One call of the model, recorded. Whoever was killed within it asks again, under the same key
    /// for the other side: nobody knows how it went, and nothing but its price hangs on it.
    pub(super) async fn ask_model(
        self: &Arc<Self>,
        cx: &Context,
        step: &str,
        talk: &Conversation,
    ) -> Result<Reply, Failure> {
        let recorded = async { Err(Failure::error("it is recorded")) };
        if cx.is_done(step) {
            let Answered { reply, asked } = cx.once(step, recorded).await?;
            cx.hold_against(step, asked, || self.asking(cx, step, talk).said());
            return Ok(reply);
        }
        let asking = self.asking(cx, step, talk);
        let asked = Some(asking.said().digest());
        let chosen = asking.turn(step).await?;
        let aside = asking.aside(chosen.at).await?;
        let call = async move {
            let reply = asking.ask(chosen, aside).await?;
            Ok(Answered { reply, asked })
        };
        let answered = cx.once(step, call).on_unknown(OnUnknown::Retry).await?;
        Ok(answered.reply)
    }

    fn asking(self: &Arc<Self>, cx: &Context, step: &str, talk: &Conversation) -> Asking {
        let key = cx.key_of(step);
        let call = number_of(&key);
        let request = Request {
            model: String::new(), // Whichever is asked.
            messages: talk.messages(),
            tools: self.tools.told(cx),
            schema: self.spec.schema.clone(),
            temperature: self.spec.temperature,
            output_tokens_max: self.spec.output_tokens_max,
            key: Some(key),
            token: Some(cx.attempt().token.to_string()),
        };
        let size = Size::of(&request);
        let (class, tenant, tokens) = (cx.class(), cx.tenant().clone(), size.likely());
        let need = Need { class, tenant, tokens, call };
        Asking { inner: self.clone(), cx: cx.clone(), need, request, size }
    }
}

/// Which call it is, whoever makes it and when.
fn number_of(key: &str) -> u64 {
    let digest = blake3::hash(key.as_bytes());
    u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

impl Asking {
    /// What is asked as far as the agent says it: whichever of its models is asked, and whoever
    /// serves its tools meanwhile. A replay says the same.
    fn said(&self) -> Request {
        let (model, tools) = (self.inner.spec.who(), self.inner.tools.said());
        Request { model, tools, ..self.request.clone() }
    }

    /// As one model is asked. Two of one provider must not take their calls for the same one.
    pub(super) fn request_of(&self, at: usize) -> Request {
        let model = self.inner.spec.models[at].name.clone();
        let key = self.request.key.clone();
        let key = if at == 0 { key } else { key.map(|it| format!("{it}/{model}")) };
        Request { model, key, ..self.request.clone() }
    }

    /// Sets aside the most that one model may cost.
    pub(super) async fn aside(&self, at: usize) -> Result<SetAside, Failure> {
        self.cx.set_aside(self.costs(at, &self.size.most())).await
    }

    /// One model has answered: it is paid for.
    pub(super) async fn paid(
        &self,
        at: usize,
        reply: Reply,
        aside: SetAside,
    ) -> Result<Reply, Failure> {
        let model = &self.inner.spec.models[at].name;
        let paid = self.cx.spend_on(model, self.costs(at, &reply.usage)).await;
        drop(aside);
        match paid {
            Err(lost) if lost.kind == FailureKind::Lost => Err(lost),
            // That nothing is left is said to whatever is asked for next: this is paid.
            Ok(()) | Err(_) => Ok(reply),
        }
    }

    /// What a use costs. That there is no price for it is said once.
    fn costs(&self, at: usize, usage: &Usage) -> Cost {
        let Model { name, price, .. } = &self.inner.spec.models[at];
        if price.is_none() && !self.inner.has_said_no_price[at].swap(true, Ordering::Relaxed) {
            self.cx.log(
                Level::Warn,
                format!(
                    "no price is known for {name}: its calls are counted in tokens and not in \
                     money; say what it costs in [models.\"{name}\"]"
                ),
            );
        }
        let money_micros = price.map_or(0, |price| price.of_use(usage));
        Cost { money_micros, tokens: usage.total_tokens(), calls: 1 }
    }

    /// Waits until the rate of the chosen model allows one more call: for a moment with its slot,
    /// and without it from then on.
    async fn turn(&self, step: &str) -> Result<Chosen, Failure> {
        let mut chosen = self.inner.choose(&self.need)?;
        let model = &self.inner.spec.models[chosen.at].name;
        chosen.place = self.granted(step, model, chosen.place, 0).await?;
        // It may have waited for a slot since, and others may have been refused meanwhile.
        let mut times = 1;
        while !chosen.place.may_still_go() {
            chosen.place = self.granted(step, model, chosen.place, times).await?;
            times += 1;
        }
        Ok(chosen)
    }

    async fn granted(
        &self,
        step: &str,
        model: &str,
        place: Place,
        times: u32,
    ) -> Result<Place, Failure> {
        let cx = &self.cx;
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
        without_slot(cx, step, place, times).await
    }
}

/// Waits beside the attempt, which is not polled meanwhile, and signals it. Each attempt waits for
/// steps of its own: that another had its turn once says nothing.
async fn without_slot(
    cx: &Context,
    step: &str,
    place: Place,
    times: u32,
) -> Result<Place, Failure> {
    struct Beside(JoinHandle<Place>);
    impl Drop for Beside {
        fn drop(&mut self) {
            self.0.abort(); // Whoever gives up waiting gives up the place.
        }
    }
    let own = cx.branch(&format!("{step}/rate/{}", cx.attempt().token));
    let own = if times == 0 { own } else { own.branch(&times.to_string()) };
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

/// What goes with every call beside the conversation, bytes.
pub(super) fn beside(tools: &[llm::Tool], schema: Option<&Value>) -> usize {
    let json = |value: &Value| value.to_string().len();
    let tools = tools.iter().map(|it| it.description.len() + json(&it.schema));
    tools.sum::<usize>() + schema.map_or(0, json)
}

impl Size {
    /// As far as can be told before: what is said is estimated.
    fn of(request: &Request) -> Size {
        let said: usize = request.messages.iter().map(bytes_of).sum();
        let bytes = said + beside(&request.tools, request.schema.as_ref());
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
