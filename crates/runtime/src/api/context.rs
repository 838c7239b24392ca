//! What an agent's code has in its hands while it works on one attempt.

use super::ask::{Ask, AskOptions};
use super::once::{OnUnknown, Once};
use super::scope::Scope;
use super::{Capability, Failure};
use crate::attempt::{Cancelled, Delivery, Live};
use crate::canonical;
use kernel::{Answer, AttemptId, Digest, Outcome, Parent, Report, StepKind, TaskId, Text, Time};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// The context of one attempt. Cheap to clone; clones share the branch they are on.
#[derive(Clone)]
pub struct Context {
    pub(super) live: Arc<Live>,
    pub(super) scope: Arc<Scope>,
}

/// Keeps the attempt's slot occupied for as long as it exists, also when its future is gone: held
/// by work that cannot be dropped, such as a process that is still being ended.
pub struct Hold(#[allow(dead_code)] tokio::sync::mpsc::Sender<()>);

/// While it exists, the attempt keeps its slot.
pub(super) struct Occupied(Arc<Live>);

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.set_occupied(-1);
    }
}

impl Context {
    /// Keeps the slot while the code only waits, until this is dropped.
    pub(super) fn occupied(&self) -> Occupied {
        self.live.set_occupied(1);
        Occupied(self.live.clone())
    }

    /// The versions of the capability that will do for whoever asked.
    #[must_use]
    pub fn versions(&self) -> kernel::Versions {
        self.live.dispatch.terms.versions
    }

    /// Whether it is asked for a bid, and not for the work.
    pub(crate) fn is_bid(&self) -> bool {
        self.live.dispatch.bids_for.is_some()
    }

    /// The attempt behind it.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub(crate) fn of(live: Arc<Live>) -> Context {
        let scope = Arc::new(Scope::of(live.redactor()));
        Context { live, scope }
    }

    /// The capability that is asked for.
    #[must_use]
    pub fn capability(&self) -> &str {
        &self.live.dispatch.terms.capability
    }

    /// The input, whatever its type.
    #[must_use]
    pub fn input(&self) -> &Value {
        let read = || canonical::from_bytes(self.input_bytes()).unwrap_or_default();
        match self.live.opened.get() {
            Some((value, _)) => value,
            None => self.live.value.get_or_init(read),
        }
    }

    /// The input as canonical JSON.
    #[must_use]
    pub fn input_bytes(&self) -> &[u8] {
        if let Some((_, bytes)) = self.live.opened.get() {
            return bytes;
        }
        let inline = self.live.dispatch.input.inline.as_ref();
        self.live.input.get().or(inline).map_or(b"null", |bytes| bytes)
    }

    /// This attempt: task and token.
    #[must_use]
    pub fn attempt(&self) -> AttemptId {
        self.live.attempt()
    }

    /// 1 for the first attempt.
    #[must_use]
    pub fn attempt_no(&self) -> u32 {
        self.live.dispatch.number
    }

    /// The root of this task's tree.
    #[must_use]
    pub fn run_id(&self) -> TaskId {
        self.live.dispatch.run
    }

    /// The definition that this run follows, if it was started with one.
    #[must_use]
    pub fn definition(&self) -> Option<Digest> {
        let run = self.run_id();
        self.live.runtime.look(|kernel, _| kernel.state().pins.get(&run).map(|it| it.definition))
    }

    /// How urgent the task is.
    #[must_use]
    pub fn class(&self) -> kernel::Class {
        self.live.dispatch.terms.class
    }

    /// Whose task it is; nobody's if nothing was said.
    #[must_use]
    pub fn tenant(&self) -> &Text {
        &self.live.dispatch.terms.tenant
    }

    /// How long the task has until it, or one above it, must have ended; `None` if that may take as
    /// long as it does.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.live.runtime.look(|kernel, now| {
            let state = kernel.state();
            let open = state.task(self.attempt().task).into_iter();
            let deadlines = open.flat_map(|it| state.upwards(it)).map(|it| it.deadline);
            let deadline = deadlines.min().filter(|it| *it != Time::NEVER)?;
            Some(Duration::from_millis(deadline.since(now)))
        })
    }

    /// Whose step this task is, and which.
    #[must_use]
    pub fn parent(&self) -> Option<&Parent> {
        self.live.dispatch.parent.as_ref()
    }

    /// The step key of this task under its parent.
    #[must_use]
    pub fn step_key(&self) -> Option<&str> {
        self.parent().map(|parent| &*parent.step)
    }

    /// A key for outside systems: the same on every attempt at this task. The token, which rises
    /// with every attempt, travels beside it.
    /// Journals have names, so that the tasks of two of them never share a key.
    #[must_use]
    pub fn key(&self) -> String {
        let task = self.attempt().task;
        match self.live.runtime.look(|kernel, _| kernel.state().journal) {
            Some(journal) => format!("majordomo-{journal:016x}-{task}"),
            None => format!("majordomo-{task}"),
        }
    }

    /// The key of one step of this task, for outside systems.
    #[must_use]
    pub fn key_of(&self, step: &str) -> String {
        format!("{}/{step}", self.key())
    }

    /// Asks for a capability by type. The step key is taken now; nothing happens until it is
    /// awaited.
    pub fn ask<C: Capability>(&self, input: C::Input) -> Ask<C::Output> {
        let options = AskOptions { version: Some(C::VERSION), ..AskOptions::default() };
        Ask::new(self, self.scope.next(C::NAME), C::NAME, value_of(input), options).typed::<C>()
    }

    /// The same under a step key of your own.
    pub fn ask_as<C: Capability>(&self, step: &str, input: C::Input) -> Ask<C::Output> {
        let options = AskOptions { version: Some(C::VERSION), ..AskOptions::default() };
        Ask::new(self, self.scope.named(step), C::NAME, value_of(input), options).typed::<C>()
    }

    /// Asks for a capability by name: `text.count` is any version, `text.count@1` that one, and
    /// `text.count@>=1, <3` one of several; see [`super::asked`].
    pub fn ask_value(&self, capability: &str, input: Value) -> Ask<Value> {
        let step = self.scope.next(capability);
        Ask::new(self, step, capability, Ok(input), AskOptions::default())
    }

    /// The same under a step key of your own.
    pub fn ask_value_as(&self, step: &str, capability: &str, input: Value) -> Ask<Value> {
        let step = self.scope.named(step);
        Ask::new(self, step, capability, Ok(input), AskOptions::default())
    }

    /// The same under a step key that has its branch in it already.
    pub(super) fn ask_exactly(&self, step: String, capability: &str, input: Value) -> Ask<Value> {
        Ask::new(self, step.into(), capability, Ok(input), AskOptions::default())
    }

    /// Asks one agent by its name, and nobody else: it waits while that one is busy, paused or
    /// away. Refused if no agent of this name has joined, or it does not serve the capability.
    pub fn ask_to<C: Capability>(&self, agent: &str, input: C::Input) -> Ask<C::Output> {
        let to = Some(agent.to_owned());
        let options = AskOptions { version: Some(C::VERSION), to, ..AskOptions::default() };
        Ask::new(self, self.scope.next(C::NAME), C::NAME, value_of(input), options).typed::<C>()
    }

    /// A branch with step keys of its own, for work that runs beside other work.
    #[must_use]
    pub fn branch(&self, name: &str) -> Context {
        Context { live: self.live.clone(), scope: Arc::new(self.scope.branch(name)) }
    }

    /// Works on many items, at most `concurrency` at once, each on a branch named by its key. The
    /// results come in the order of the items; the first failure ends the map. Two items with one
    /// key are refused: their steps could not be told apart.
    pub async fn map<I, T, F>(
        &self,
        items: impl IntoIterator<Item = I>,
        key: impl Fn(&I) -> String,
        concurrency: usize,
        work: impl Fn(Context, I) -> F,
    ) -> Result<Vec<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut keys = HashSet::new();
        let mut branches = Vec::new();
        for item in items {
            let key = key(&item);
            let branch = self.branch(&key);
            if let Some(twice) = keys.replace(key) {
                let message =
                    format!("two items of a map have the key {twice:?}; make them differ");
                return Err(Failure::rejected(message));
            }
            branches.push(work(branch, item));
        }
        super::map(branches, concurrency).await
    }

    /// A side effect that must not be repeated unknowingly: recorded before and after. In a later
    /// life a recorded result is given back without performing anything.
    pub fn once<T, F>(&self, step: &str, work: F) -> Once<T, F>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        Once::new(self.clone(), self.scope.named(step), work)
    }

    /// Waits, without a slot, and over restarts: the time counts from the first call, to the
    /// millisecond.
    ///
    /// # Errors
    /// `Lost` when this attempt is no longer the one; `Limit` when the task has too many steps.
    pub fn sleep(
        &self,
        time: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (live, step) = (self.live.clone(), self.scope.next("sleep"));
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        async move {
            if live.recorded(&step).is_none() {
                let answer = live.report(Report::Sleep { step: step.clone(), ms }).await?;
                let outcome = match answer {
                    Answer::Recorded(outcome) => Some(outcome),
                    _ => None,
                };
                live.record(&step, StepKind::Timer { due: Time::NEVER }, outcome);
            }
            Delivery::of(&live, step).await;
            Ok(())
        }
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

    /// Lets [`Context::signalled`] go on, in this life of the task and in every later one; durable
    /// on return. For code beside the attempt's own, such as a door that takes an answer.
    ///
    /// # Errors
    /// `Lost` when this attempt is no longer the one.
    pub async fn signal(&self, name: &str) -> Result<(), Failure> {
        let step = self.scope.named(&format!("{name}#signal"));
        self.live.report(Report::Sleep { step, ms: 0 }).await.map(|_| ())
    }

    /// Waits, without a slot, for [`Context::signal`].
    pub async fn signalled(&self, name: &str) {
        Delivery::of(&self.live, self.scope.named(&format!("{name}#signal"))).await;
    }

    /// How long this task sleeps on, if it does.
    #[must_use]
    pub fn sleeps_for(&self) -> Option<Duration> {
        self.live.runtime.look(|kernel, now| {
            let past = kernel.state().task(self.attempt().task)?.past.as_ref()?;
            let due = past.steps.values().filter_map(|step| match step.kind {
                StepKind::Timer { due } if step.outcome.is_none() => Some(due),
                StepKind::Timer { .. } | StepKind::Child { .. } | StepKind::Once { .. } => None,
            });
            due.min().map(|due| Duration::from_millis(due.since(now)))
        })
    }

    /// Says that the work has really begun; for agents that must start something first.
    pub fn started(&self) {
        self.live.tell(Report::Started);
    }

    /// Resolves when the attempt is to end. Code that awaits it gets a few seconds to clean up;
    /// code that does not is dropped at once.
    pub async fn cancelled(&self) {
        Cancelled::of(&self.live).await;
    }

    /// Runs a future during which nothing but the context's own operations matters, whatever wakers
    /// it keeps: the slot is given back while they wait.
    pub async fn parked<T>(&self, work: impl Future<Output = T>) -> T {
        struct Parking<'a>(&'a Live);
        impl Drop for Parking<'_> {
            fn drop(&mut self) {
                self.0.set_parking(-1);
            }
        }
        self.live.set_parking(1);
        let _parking = Parking(&self.live);
        work.await
    }

    /// Keeps the slot occupied until the hold is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold(self.live.hold())
    }

    /// Runs blocking code on a thread of its own. If the attempt ends before, the slot stays
    /// occupied until the code has really returned.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let hold = self.hold();
        let done = tokio::task::spawn_blocking(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            drop(hold);
            result
        });
        match done.await? {
            Ok(value) => Ok(value),
            // A panic like any other of the agent's.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// The first half of a `once` in protocol form; see [`Context::once`].
    pub async fn once_begin(
        &self,
        step: &str,
        on_unknown: OnUnknown,
    ) -> Result<super::once::Begun, Failure> {
        super::once::begin_underway(self, &self.scope.named(step), on_unknown).await
    }

    /// The second half: what the side effect gave, durable on return.
    pub async fn once_end(
        &self,
        step: &str,
        result: Result<Value, Failure>,
    ) -> Result<(), Failure> {
        super::once::end_underway(&self.live, &self.scope.named(step), result).await
    }

    /// Waits for a recorded or running step.
    pub(super) async fn delivered(live: &Live, step: Text) -> Arc<Outcome> {
        Delivery::of(live, step).await
    }
}

fn value_of(input: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(input)
        .map_err(|why| Failure::rejected(format!("the input cannot be written as JSON: {why}")))
}
