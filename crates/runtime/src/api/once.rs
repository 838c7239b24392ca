//! Side effects that must not be repeated unknowingly.
//!
//! "Started" is durable before the work begins, "done" with its result before the work is relied
//! on. A process that dies in between leaves a step that may or may not have happened; only whoever
//! wrote the step can know what to do then, so each says it.

use super::ask::fetch;
use super::{Context, Failure};
use crate::attempt::{Live, Underway};
use crate::canonical;
use kernel::{Answer, FailureKind, Outcome, Report, StepKind, Text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

/// What to do when an earlier attempt began a step and never said how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// Fail the task, saying so: the safe choice, and the default.
    #[default]
    Fail,
    /// Do it again: right for what is idempotent, or has the step's key to be made so.
    Retry,
    /// Ask a person, in a child task of the capability [`DECIDE`]: do it again, fail, or take a
    /// value that the person has found on the other side. Where nobody serves it the task waits.
    AskHuman,
}

/// What [`OnUnknown::AskHuman`] asks for.
pub const DECIDE: &str = "decide";

/// A side effect on its way. Await it, or say first what to do when its fate is unknown.
#[must_use = "nothing is done until this is awaited"]
pub struct Once<T, F> {
    cx: Context,
    step: Text,
    work: F,
    on_unknown: OnUnknown,
    output: PhantomData<fn() -> T>,
}

/// Where a step stands when it is about to be performed.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// Perform it; this is its key for outside systems, the same on every attempt.
    Run {
        /// The key.
        key: String,
    },
    /// It was done; this is what it gave.
    Recorded(Result<Value, Failure>),
    /// It was begun and nobody knows how it went.
    Unknown,
}

impl Context {
    /// A side effect that must not be repeated unknowingly: recorded before and after. In a later
    /// life a recorded result is given back without performing anything.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, OnUnknown, Result};
    /// # async fn charge(_: u64, _: String) -> Result<u64> { Ok(1) }
    /// async fn pay(cx: Context, cents: u64) -> Result<u64> {
    ///     // The service knows the key again: paying twice is paying once.
    ///     let key = cx.key_of("charge");
    ///     cx.once("charge", charge(cents, key)).on_unknown(OnUnknown::Retry).await
    /// }
    /// ```
    pub fn once<T, F>(&self, step: &str, work: F) -> Once<T, F>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        Once::new(self.clone(), self.scope.named(step), work)
    }

    /// What a [`Context::once`] of this name gave, if that is recorded: nothing is performed for
    /// it, and nothing is asked.
    #[must_use]
    pub fn recalled(&self, step: &str) -> Option<Result<Value, Failure>> {
        match &*self.live.recorded(&self.scope.named(step))?.1? {
            Outcome::Completed(output) => Some(match &output.inline {
                Some(bytes) => canonical::from_bytes(bytes),
                None => canonical::bytes_of(output, &*self.live.runtime.inner.blobs)
                    .and_then(|bytes| canonical::from_bytes(&bytes)),
            }),
            Outcome::Failed(failure) => Some(Err(Failure::recorded(failure))),
            Outcome::Cancelled(_) | Outcome::Dead(_) => None,
        }
    }

    /// The first half of a `once` in protocol form; see [`Context::once`].
    pub async fn once_begin(&self, step: &str, on_unknown: OnUnknown) -> Result<Begun, Failure> {
        begin_underway(self, &self.scope.named(step), on_unknown).await
    }

    /// The second half: what the side effect gave, durable on return.
    pub async fn once_end(
        &self,
        step: &str,
        result: Result<Value, Failure>,
    ) -> Result<(), Failure> {
        end_underway(&self.live, &self.scope.named(step), result).await
    }
}

impl<T, F> Once<T, F> {
    pub(super) fn new(cx: Context, step: Text, work: F) -> Once<T, F> {
        Once { cx, step, work, on_unknown: OnUnknown::default(), output: PhantomData }
    }

    /// What to do when an earlier attempt began it and never said how it went.
    pub fn on_unknown(mut self, on_unknown: OnUnknown) -> Once<T, F> {
        self.on_unknown = on_unknown;
        self
    }
}

impl<T, F> IntoFuture for Once<T, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    type Output = Result<T, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Once { cx, step, work, on_unknown, .. } = self;
        Box::pin(async move {
            let live = &cx.live;
            // Dropped with this future: whoever begins the step again then learns that its fate is
            // unknown.
            let _underway = Underway::begin(live, &step)?;
            match begin_or(&cx, &step, on_unknown).await? {
                Begun::Recorded(result) => Ok(serde_json::from_value(result?)?),
                Begun::Run { .. } => perform(live, &step, work).await,
                Begun::Unknown => Err(unknown(&step)),
            }
        })
    }
}

impl Context {
    /// Whether a [`Context::once`] of this name has nothing to perform: its result is recorded. A
    /// failure that may pass is none.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        result_of(&self.live, &self.scope.named(step)).is_some()
    }
}

/// Begins a step, and where its fate is unknown does what its author, or a person, says.
async fn begin_or(cx: &Context, step: &Text, on_unknown: OnUnknown) -> Result<Begun, Failure> {
    let begun = begin(cx, step, false).await?;
    match (&begun, on_unknown) {
        (Begun::Unknown, OnUnknown::Retry) => begin(cx, step, true).await,
        (Begun::Unknown, OnUnknown::AskHuman) => decided(cx, step).await,
        (Begun::Unknown, OnUnknown::Fail) | (Begun::Run { .. } | Begun::Recorded(_), _) => {
            Ok(begun)
        }
    }
}

/// Asks a person what to do. Each begin that came to nothing is a question of its own, named by the
/// token that it was made under: a "retry" holds for the one that was asked about, not for ever.
async fn decided(cx: &Context, step: &Text) -> Result<Begun, Failure> {
    let live = &cx.live;
    let begun_by = match live.recorded(step) {
        Some((StepKind::Once { token }, None)) => token,
        _ => live.attempt().token,
    };
    let question = json!({
        "step": step,
        "question": "this step was begun and nobody knows how it went: look at the other side",
        "key": cx.key_of(step),
        "choices": ["retry", "fail", "value"],
    });
    let asked = cx.ask_exactly(format!("{step}/{DECIDE}/{begun_by}"), DECIDE, question);
    match choice(asked.await?) {
        Choice::Retry => begin(cx, step, true).await,
        Choice::Value(value) => {
            // Its result is recorded by an attempt that has the right to say it.
            match begin(cx, step, true).await? {
                Begun::Run { .. } => Ok(Begun::Recorded(end(live, step, Ok(value)).await?)),
                known @ (Begun::Recorded(_) | Begun::Unknown) => Ok(known),
            }
        }
        Choice::Fail => Err(unknown(step)),
    }
}

enum Choice {
    Retry,
    Value(Value),
    Fail,
}

/// `"retry"`, or `{"choice": "value", "value": …}`. Whatever is neither is the careful choice.
fn choice(said: Value) -> Choice {
    let word = said.get("choice").unwrap_or(&said).as_str().map(str::to_owned);
    match word.as_deref() {
        Some("retry") => Choice::Retry,
        Some("value") => said.get("value").cloned().map_or(Choice::Fail, Choice::Value),
        _ => Choice::Fail,
    }
}

async fn perform<T, F>(live: &Arc<Live>, step: &Text, work: F) -> Result<T, Failure>
where
    T: Serialize + DeserializeOwned,
    F: Future<Output = Result<T, Failure>>,
{
    let result = match work.await {
        Ok(value) => serde_json::to_value(value).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let value = end(live, step, result).await??;
    Ok(serde_json::from_value(value)?)
}

fn unknown(step: &str) -> Failure {
    let message = format!(
        "an earlier attempt began step {step} and never said how it went: look at the other side, \
         then release the task, or let the step be retried with on_unknown"
    );
    Failure::new(FailureKind::Unknown, message)
}

/// The same in protocol form: the step is under way until [`end_underway`], or until the attempt
/// ends.
pub(super) async fn begin_underway(
    cx: &Context,
    step: &Text,
    on_unknown: OnUnknown,
) -> Result<Begun, Failure> {
    let underway = Underway::begin(&cx.live, step)?;
    let begun = begin_or(cx, step, on_unknown).await?;
    match begun {
        Begun::Run { .. } => underway.keep(),
        Begun::Recorded(_) | Begun::Unknown => drop(underway),
    }
    Ok(begun)
}

/// Its second half.
pub(super) async fn end_underway(
    live: &Arc<Live>,
    step: &Text,
    result: Result<Value, Failure>,
) -> Result<(), Failure> {
    let ended = end(live, step, result).await.map(|_| ());
    Underway::end(live, step);
    ended
}

/// Asks for leave to perform a step.
async fn begin(cx: &Context, step: &Text, again: bool) -> Result<Begun, Failure> {
    let live = &cx.live;
    let outcome = match result_of(live, step) {
        Some(outcome) => outcome,
        None => match live.report(Report::Once { step: step.clone(), again }).await? {
            Answer::Recorded(outcome) => outcome,
            Answer::Unknown => return Ok(Begun::Unknown),
            _ => return Ok(Begun::Run { key: cx.key_of(step) }),
        },
    };
    Ok(Begun::Recorded(value_of(live, step, &outcome).await))
}

/// Records what a step gave, and gives it back as it was recorded.
async fn end(
    live: &Arc<Live>,
    step: &Text,
    result: Result<Value, Failure>,
) -> Result<Result<Value, Failure>, Failure> {
    // Also for who performed it: a later life must not find something else than this one had.
    let result = result.map(|value| live.redactor().hide(value));
    let outcome = match &result {
        Ok(value) => Outcome::Completed(live.store(value).await?),
        Err(failure) => Outcome::Failed(live.to_kernel(failure.clone())),
    };
    let result = match &outcome {
        Outcome::Failed(recorded) => Err(Failure::recorded(recorded)),
        _ => result,
    };
    live.report(Report::OnceDone { step: step.clone(), outcome: outcome.clone() }).await?;
    let kind = StepKind::Once { token: live.attempt().token };
    if !may_repeat(&outcome) {
        live.record(step, kind, Some(Arc::new(outcome)));
    }
    Ok(result)
}

fn result_of(live: &Live, step: &str) -> Option<Arc<Outcome>> {
    match live.recorded(step) {
        Some((StepKind::Once { .. }, Some(outcome))) if !may_repeat(&outcome) => Some(outcome),
        _ => None,
    }
}

/// A failure that may pass is not a result: the step may be tried again.
fn may_repeat(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.kind.is_retryable())
}

async fn value_of(live: &Arc<Live>, step: &str, outcome: &Outcome) -> Result<Value, Failure> {
    match outcome {
        Outcome::Completed(output) => canonical::from_bytes(&fetch(live, output).await?),
        // The very words of the first life: code may act on them.
        Outcome::Failed(failure) => Err(Failure::recorded(failure)),
        other => Err(Failure::of_step(step, other)),
    }
}
