//! Delegation: a child task, its place in the journal, and its outcome.

use super::versions::asked;
use super::{Capability, Context, Failure};
use crate::attempt::{Live, Reading};
use crate::canonical;
use kernel::{
    Answer, Budget, Class, Constraint, Outcome, Payload, Report, RetryPolicy, StepKind, Submit,
    Terms, Text, Versions,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::TypeId;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// On which terms something is asked.
#[derive(Clone, Debug, Default)]
pub struct AskOptions {
    /// Only this version of the capability.
    pub version: Option<u32>,
    /// How long one attempt may work.
    pub timeout: Option<Duration>,
    /// How often and how fast to try again.
    pub retry: Option<RetryPolicy>,
    /// How urgent it is; the asking task's class by default.
    pub class: Option<Class>,
    /// Whether it may be stopped and begun again, to make room for more urgent work; as with the
    /// asking task by default.
    pub preemptible: Option<bool>,
    /// It must end within this time.
    pub deadline: Option<Duration>,
    /// It may not start before this time has passed.
    pub delay: Option<Duration>,
    /// A purse of its own, out of the asking task's.
    pub budget: Option<Budget>,
    /// Tasks with the same key go to the same agent, where the team's policy is sticky.
    pub affinity: Option<String>,
    /// Only the agent of this name; refused if none of that name has joined, or it does not serve
    /// the capability.
    pub to: Option<String>,
    /// All that it and everything below it may ask for.
    pub may: Option<BTreeSet<String>>,
    /// Only agents whose labels meet this.
    pub require: Option<Arc<Constraint>>,
    /// Agents whose labels meet this go before others.
    pub wish: Option<Arc<Constraint>>,
    /// How many of an agent's slots it takes; 1 if nothing is said.
    pub weight: Option<u32>,
}

/// A question on its way. Await it, or set its terms first.
#[must_use = "nothing is asked until this is awaited"]
pub struct Ask<T> {
    live: Arc<Live>,
    step: Text,
    capability: String,
    input: Result<Value, Failure>,
    options: AskOptions,
    /// The Rust capability whose input this is.
    of: Option<TypeId>,
    output: PhantomData<fn() -> T>,
}

impl<T> Ask<T> {
    pub(super) fn new(
        cx: &Context,
        step: Text,
        capability: &str,
        input: Result<Value, Failure>,
        options: AskOptions,
    ) -> Ask<T> {
        let (live, capability) = (cx.live.clone(), capability.to_owned());
        Ask { live, step, capability, input, options, of: None, output: PhantomData }
    }

    /// Its input was written from the type of this capability.
    pub(super) fn typed<C: Capability>(self) -> Ask<T> {
        Ask { of: Some(TypeId::of::<C>()), ..self }
    }

    /// Sets the terms.
    pub fn with(mut self, options: AskOptions) -> Ask<T> {
        let (version, to) = (self.options.version, self.options.to.take());
        self.options = options;
        self.options.version = self.options.version.or(version);
        self.options.to = self.options.to.or(to);
        self
    }

    /// Goes to the agent that had the tasks with this key before, where the policy is sticky.
    pub fn affinity(mut self, key: impl Into<String>) -> Ask<T> {
        self.options.affinity = Some(key.into());
        self
    }

    /// How long one attempt may work.
    pub fn timeout(mut self, timeout: Duration) -> Ask<T> {
        self.options.timeout = Some(timeout);
        self
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for Ask<T> {
    type Output = Result<T, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let live = self.live.clone();
            let step = self.record().await?;
            let outcome = Context::delivered(&live, step.clone()).await;
            read(&live, &step, &outcome).await
        })
    }
}

impl<T: DeserializeOwned> Ask<T> {
    /// The answer as one's own: a failure keeps its kind and its words.
    pub(super) async fn handed_off(self) -> Result<T, Failure> {
        let live = self.live.clone();
        let step = self.record().await?;
        match &*Context::delivered(&live, step.clone()).await {
            Outcome::Failed(failure) => Err(Failure::recorded(failure)),
            outcome => read(&live, &step, outcome).await,
        }
    }
}

impl<T> Ask<T> {
    /// The first half: it is asked, durably, under the step that this gives. The second is its
    /// delivery, the third to [`read`] what was delivered.
    pub(super) async fn record(self) -> Result<Text, Failure> {
        let Ask { live, step, capability, input, options, of, .. } = self;
        refuse_known(&live, &capability, &options)?;
        let (name, versions) = asked(&capability)?;
        let versions = options.version.map_or(versions, Versions::exactly);
        if live.is_occupied() && live.recorded(&step).is_none() {
            refuse_itself(&live, (name, versions), &options)?;
        }
        let input = hide(&live, (name, versions), input?);
        if live.recorded(&step).is_none() {
            check_input(&live, (name, versions), of, &input)?;
        }
        let bytes = canonical::value_to_bytes(&input)?;
        let input = match asked_before(&live, &step, &bytes) {
            Some(input) => input,
            None => live.runtime.payload_of(bytes).await?,
        };
        ask(&live, &step, submit(&live, (name, versions), input, options)).await?;
        Ok(step)
    }
}

impl Context {
    /// Whether anybody serves a capability for this task's team now, busy or not. Of the moment:
    /// code that goes another way by it records it, as by [`Context::once`].
    #[must_use]
    pub fn is_served(&self, capability: &str) -> bool {
        let Ok((name, versions)) = asked(capability) else { return false };
        let team = &self.live.dispatch.terms.team;
        let serves = |it: &kernel::Agent| {
            let ours = it.spec.team.is_empty() || it.spec.team == *team;
            let here = it.presence != kernel::Presence::Left;
            let fits =
                |it: &kernel::Serves| &*it.capability == name && versions.contains(it.version);
            ours && here && it.spec.serves.iter().any(fits)
        };
        self.live.runtime.look(|kernel, _| kernel.state().agents().iter().any(serves))
    }
}

/// Code that has the state of its agent alone would wait for ever for what only that agent serves.
fn refuse_itself(
    live: &Live,
    (name, versions): (&str, Versions),
    options: &AskOptions,
) -> Result<(), Failure> {
    let me = live.dispatch.agent;
    let own = live.runtime.look(|kernel, _| {
        let state = kernel.state();
        let serves = |it: &kernel::Agent| {
            let fits =
                |it: &kernel::Serves| &*it.capability == name && versions.contains(it.version);
            let meant = options.to.as_ref().is_none_or(|to| **to == *it.spec.name);
            meant && it.presence != kernel::Presence::Left && it.spec.serves.iter().any(fits)
        };
        let mut serving = state.agents().iter().filter(|it| serves(it)).peekable();
        let only_me = serving.peek().is_some() && serving.all(|it| it.id == me);
        only_me.then(|| state.agent(me).map(|it| it.spec.name.clone()).unwrap_or_default())
    });
    match own {
        None => Ok(()),
        Some(agent) => Err(Failure::rejected(format!(
            "agent {agent} works on this task alone and only {agent} serves {name}: it would wait \
             for itself; call the method, take `&self`, or let another agent serve {name} too"
        ))),
    }
}

/// Values that the asking agent was given are named again: as references where the asked capability
/// takes a secret, so that it can be handed on, and as marks anywhere else.
fn hide(live: &Live, (name, versions): (&str, Versions), mut input: Value) -> Value {
    let redactor = live.redactor();
    if !redactor.is_any() {
        return input;
    }
    let asked = (&live.dispatch.terms.team, name, versions);
    live.runtime.inner.desk.contracts.seal(asked, redactor, &mut input);
    redactor.hide(input)
}

/// What is asked for, and on which terms, is read by everybody and cannot be altered.
fn refuse_known(live: &Live, capability: &str, options: &AskOptions) -> Result<(), Failure> {
    let redactor = live.redactor();
    if redactor.is_any() && redactor.finds(format!("{capability} {options:?}").as_bytes()) {
        return Err(Failure::rejected(
            "what is asked for, or a term of it, holds the value of a secret; say it in the input, \
             in a field that takes one",
        ));
    }
    Ok(())
}

/// An input that is none is refused before anything of it is written down.
fn check_input(
    live: &Live,
    (name, versions): (&str, Versions),
    of: Option<TypeId>,
    input: &Value,
) -> Result<(), Failure> {
    let contracts = &live.runtime.inner.desk.contracts;
    let asked = (&live.dispatch.terms.team, name, versions);
    contracts.check_input(asked, of, || Ok(Cow::Borrowed(input)))
}

/// The output of a step that has ended, or how it failed.
pub(super) async fn read<T: DeserializeOwned>(
    live: &Arc<Live>,
    step: &Text,
    outcome: &Outcome,
) -> Result<T, Failure> {
    match outcome {
        Outcome::Completed(output) => canonical::from_bytes(&fetch(live, output).await?),
        other => Err(Failure::of_step(step, other)),
    }
}

fn submit(
    live: &Live,
    (name, versions): (&str, Versions),
    input: Payload,
    options: AskOptions,
) -> Box<Submit> {
    let above = &live.dispatch.terms;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let may = options.may.map(|all| Arc::new(all.into_iter().map(Text::from).collect()));
    let terms = Terms {
        versions,
        team: above.team.clone(),
        tenant: above.tenant.clone(),
        class: options.class.unwrap_or(above.class),
        preemptible: options.preemptible.unwrap_or(above.preemptible),
        retry: options.retry.unwrap_or_default(),
        timeout_ms: options.timeout.map(ms),
        may,
        require: options.require,
        wish: options.wish,
        weight: options.weight.unwrap_or(1),
        ..Terms::new(name)
    };
    Box::new(Submit {
        deadline_ms: options.deadline.map(ms),
        delay_ms: options.delay.map_or(0, ms),
        budget: options.budget,
        affinity: options.affinity.map(Text::from),
        to: options.to.map(Text::from),
        ..Submit::new(terms, input)
    })
}

/// Asks the kernel unless the journal has asked already.
async fn ask(live: &Live, step: &Text, submit: Box<Submit>) -> Result<(), Failure> {
    let same = |capability: &Text, input: &kernel::Digest| {
        *capability == submit.terms.capability && *input == submit.input.digest
    };
    match live.recorded(step) {
        Some((StepKind::Child { capability, input, .. }, _)) if same(&capability, &input) => {}
        // Not recorded, or recorded as something else: the kernel says which, in its own words.
        _ => {
            let (capability, input) = (submit.terms.capability.clone(), submit.input.digest);
            let answer = live.report(Report::Ask { step: step.clone(), submit }).await?;
            let outcome = match answer {
                Answer::Recorded(outcome) => Some(outcome),
                _ => None,
            };
            let kind = StepKind::Child { task: kernel::TaskId(0), capability, input };
            live.record(step, kind, outcome);
        }
    }
    Ok(())
}

/// The input under which a step is recorded, if it is this one: its blob need not be stored again,
/// and the code waits for the step's outcome from its first poll on, in every life alike.
fn asked_before(live: &Live, step: &Text, bytes: &[u8]) -> Option<Payload> {
    let (StepKind::Child { input, .. }, _) = live.recorded(step)? else { return None };
    let large = bytes.len() > crate::record::INLINE_MAX_BYTES;
    let same = large && input.0 == *blake3::hash(bytes).as_bytes();
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    same.then_some(Payload { digest: input, len, inline: None })
}

/// The bytes of an output; a large one is read off the async threads.
pub(super) async fn fetch(live: &Arc<Live>, output: &Payload) -> Result<Arc<[u8]>, Failure> {
    if let Some(bytes) = &output.inline {
        return Ok(bytes.clone());
    }
    let (output, blobs) = (output.clone(), live.runtime.inner.blobs.clone());
    let reading = Reading::of(live);
    let (done, bytes) = tokio::sync::oneshot::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let _ = done.send(canonical::bytes_of(&output, &*blobs)); // The code may be gone.
        drop(reading); // Only now may the next completion come.
    });
    match bytes.await {
        Ok(bytes) => bytes,
        Err(_) => Err(reader.await.err().map_or_else(|| Failure::error("not read"), Failure::from)),
    }
}
