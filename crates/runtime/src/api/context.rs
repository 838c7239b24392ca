//! What an agent's code has in its hands while it works on one attempt.

use super::ask::{Ask, AskOptions};
use super::scope::Scope;
use super::{Capability, Failure, IntoInput};
use crate::attempt::Live;
use crate::canonical;
use kernel::{AttemptId, Digest, Parent, TaskId, Text, Time};
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

impl Context {
    /// The versions of the capability that will do for whoever asked.
    #[must_use]
    pub fn versions(&self) -> kernel::Versions {
        self.live.dispatch.terms.versions
    }

    /// Whether a capability at this version is what is asked for; of several that are, whoever
    /// serves them takes the newest.
    #[must_use]
    pub fn asks_for(&self, capability: &str, version: u32) -> bool {
        capability == self.capability() && self.versions().contains(version)
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
    ///
    /// ```
    /// # use majordomo_runtime::api::{Capability, Context, Result};
    /// # #[allow(non_camel_case_types)]
    /// # struct count;
    /// # impl Capability for count {
    /// #     type Input = String;
    /// #     type Output = usize;
    /// #     const NAME: &'static str = "text.count";
    /// #     const VERSION: u32 = 1;
    /// # }
    /// async fn report(cx: Context, text: String) -> Result<String> {
    ///     Ok(format!("{} words", cx.ask::<count>(text).await?))
    /// }
    /// ```
    pub fn ask<C: Capability>(&self, input: impl IntoInput<C::Input>) -> Ask<C::Output> {
        self.ask_in::<C>(self.scope.next(C::NAME), None, input)
    }

    /// The same under a step key of your own.
    pub fn ask_as<C: Capability>(
        &self,
        step: &str,
        input: impl IntoInput<C::Input>,
    ) -> Ask<C::Output> {
        self.ask_in::<C>(self.scope.named(step), None, input)
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
    pub fn ask_to<C: Capability>(
        &self,
        agent: &str,
        input: impl IntoInput<C::Input>,
    ) -> Ask<C::Output> {
        self.ask_in::<C>(self.scope.next(C::NAME), Some(agent.to_owned()), input)
    }

    fn ask_in<C: Capability>(
        &self,
        step: Text,
        to: Option<String>,
        input: impl IntoInput<C::Input>,
    ) -> Ask<C::Output> {
        let options = AskOptions { version: Some(C::VERSION), to, ..AskOptions::default() };
        Ask::new(self, step, C::NAME, value_of(input.into_input()), options).typed::<C>()
    }

    /// A branch with step keys of its own, for work that runs beside other work.
    #[must_use]
    pub fn branch(&self, name: &str) -> Context {
        Context { live: self.live.clone(), scope: Arc::new(self.scope.branch(name)) }
    }

    /// Works on many items, at most `concurrency` at once, each on a branch named by its key. The
    /// results come in the order of the items; the first failure ends the map. Two items with one
    /// key are refused: their steps could not be told apart.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Capability, Context, Result};
    /// # #[allow(non_camel_case_types)]
    /// # struct count;
    /// # impl Capability for count {
    /// #     type Input = String;
    /// #     type Output = usize;
    /// #     const NAME: &'static str = "text.count";
    /// #     const VERSION: u32 = 1;
    /// # }
    /// async fn count_all(cx: Context, pages: Vec<(String, String)>) -> Result<usize> {
    ///     let name = |(name, _): &(String, String)| name.clone();
    ///     let each = |cx: Context, (_, page)| async move { cx.ask::<count>(page).await };
    ///     Ok(cx.map(pages, name, 16, each).await?.into_iter().sum())
    /// }
    /// ```
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
}

fn value_of(input: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(input)
        .map_err(|why| Failure::rejected(format!("the input cannot be written as JSON: {why}")))
}
