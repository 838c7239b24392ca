//! The steps of a team at work: a plan, run over a context.
//!
//! ```text
//! ready steps ─▶ tasks ─▶ asks ─▶ answers ─▶ outputs ─▶ ready steps ─▶ … ─▶ the answer
//! ```
//!
//! The agent keeps nothing that the journal does not: after a crash it is dispatched again, starts
//! from the first step, and finds every task that was done answered. Which answer comes first
//! decides nothing: a step starts when all it needs is done, with an input made from their outputs,
//! under keys that the plan gives. So each life asks the same questions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Digest, FailureKind};
use runtime::api::{Asks, Context, Failure};
use runtime::port::{Agent, BoxFuture};
use serde_json::Value as Json;

use super::definitions::{Definition, Definitions};
use super::plan::{self, Settings, Start, Task};
use super::scope::Scope;

/// How often the progress of one step is told.
const TELLINGS_MAX: usize = 100;

/// The agent that runs the steps of a team. Its input is what expressions know as `args`.
pub struct Workflow {
    definitions: Arc<Definitions>,
    /// For a run that is pinned to none.
    fallback: Arc<Fallback>,
}

/// What runs follow that are pinned to nothing; another, when the team file is read anew.
pub struct Fallback(Mutex<Digest>);

impl Fallback {
    /// This definition, until another is said.
    pub fn new(definition: Digest) -> Fallback {
        Fallback(Mutex::new(definition))
    }

    /// From now on this definition.
    pub fn set(&self, definition: Digest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = definition;
    }

    fn get(&self) -> Digest {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workflow {
    /// Runs each run's own definition, and this one for a run without.
    pub fn new(definitions: Arc<Definitions>, fallback: Arc<Fallback>) -> Workflow {
        Workflow { definitions, fallback }
    }
}

impl Agent for Workflow {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Json, Failure>> {
        let definitions = self.definitions.clone();
        let digest = cx.definition().unwrap_or_else(|| self.fallback.get());
        Box::pin(async move {
            let definition = cx.blocking(move || definitions.get(digest)).await?;
            let definition = definition.map_err(|why| Failure::rejected(why.to_string()))?;
            Run::new(cx, definition).work().await
        })
    }
}

/// One attempt at all steps.
struct Run {
    cx: Context,
    definition: Arc<Definition>,
    scope: Scope,
    asks: Asks,
    /// The step of each open question, and its task's place in it.
    open: HashMap<usize, (String, usize)>,
    asked: usize,
    active: HashMap<String, Active>,
    started: BTreeSet<String>,
    done: BTreeSet<String>,
    /// Outputs that the answer is made from; all others are in the scope alone.
    outputs: BTreeMap<String, Json>,
}

/// A step under way.
struct Active {
    is_list: bool,
    settings: Settings,
    /// Tasks that wait for their turn.
    tasks: std::iter::Enumerate<std::vec::IntoIter<Task>>,
    outputs: Vec<Json>,
    done: usize,
}

impl Run {
    fn new(cx: Context, definition: Arc<Definition>) -> Run {
        let scope = definition.plan.scope(cx.input());
        let asks = cx.asks();
        let (open, active) = Default::default();
        let (started, done, outputs) = Default::default();
        Run { cx, definition, scope, asks, open, asked: 0, active, started, done, outputs }
    }

    async fn work(mut self) -> Result<Json, Failure> {
        self.start_what_is_ready().await?;
        while let Some((number, answer)) = self.asks.next().await {
            let Some((step, place)) = self.open.remove(&number) else { continue };
            let output = match answer {
                Err(failure) if self.can_do_without(&step, &failure) => {
                    serde_json::json!({ "failed": failure.message })
                }
                answer => answer.map_err(|failure| named(&step, failure))?,
            };
            if self.take_in(&step, place, output) {
                self.start_what_is_ready().await?;
            }
        }
        let Run { cx, definition, scope, outputs, .. } = self;
        let answer = cx.blocking(move || definition.plan.output(&scope, &outputs)).await?;
        answer.map_err(rejected)
    }

    /// Starts steps until none is ready: a skipped one makes others ready at once.
    async fn start_what_is_ready(&mut self) -> Result<(), Failure> {
        loop {
            let ready = self.definition.plan.ready(&self.done, &self.started);
            let ready: Vec<String> = ready.into_iter().map(str::to_owned).collect();
            if ready.is_empty() {
                return Ok(());
            }
            for step in ready {
                self.start(&step).await?;
            }
        }
    }

    async fn start(&mut self, step: &str) -> Result<(), Failure> {
        self.started.insert(step.to_owned());
        let (is_list, tasks) = match self.tasks_of(step).await?.map_err(rejected)? {
            Start::Skip => {
                self.finish(step, Json::Null);
                return Ok(());
            }
            Start::One(task) => (false, vec![task]),
            Start::Each(tasks) if tasks.is_empty() => {
                self.finish(step, Json::Array(Vec::new()));
                return Ok(());
            }
            Start::Each(tasks) => (true, tasks),
        };
        let settings = self.definition.plan.settings(step).expect("the plan named the step");
        let (settings, outputs) = (settings.clone(), vec![Json::Null; tasks.len()]);
        let tasks = tasks.into_iter().enumerate();
        let window = if is_list { settings.concurrency as usize } else { 1 };
        let active = Active { is_list, settings, tasks, outputs, done: 0 };
        self.active.insert(step.to_owned(), active);
        for _ in 0..window {
            if !self.ask_next(step) {
                break;
            }
        }
        Ok(())
    }

    /// What the step starts as. Long lists are made off the async threads.
    async fn tasks_of(&mut self, step: &str) -> Result<Result<Start, plan::Error>, Failure> {
        let plan = &self.definition.plan;
        let tasks_max = self.definition.file.limits.tasks;
        if !plan.is_wide(step) {
            return Ok(plan.start(step, &self.scope, tasks_max));
        }
        let (definition, scope) = (self.definition.clone(), self.scope.clone());
        let step = step.to_owned();
        self.cx.blocking(move || definition.plan.start(&step, &scope, tasks_max)).await
    }

    /// Asks for the step's next task; false if there is none left.
    fn ask_next(&mut self, step: &str) -> bool {
        let Some(active) = self.active.get_mut(step) else { return false };
        let Some((place, task)) = active.tasks.next() else { return false };
        let Task { key, capability, input, affinity } = task;
        let options = active.settings.options(affinity);
        let ask = self.cx.ask_value_as(&key, &capability.to_string(), input).with(options);
        self.asked += 1;
        self.open.insert(self.asked, (step.to_owned(), place));
        self.asks.add(self.asked, ask);
        true
    }

    /// Whether the run goes on without this answer. A step that is asked otherwise than before, or
    /// a budget that is used up, concerns all steps.
    fn can_do_without(&self, step: &str, failure: &Failure) -> bool {
        let is_its_own = !matches!(failure.kind, FailureKind::Drift | FailureKind::OverBudget);
        is_its_own && self.active.get(step).is_some_and(|active| active.settings.optional)
    }

    /// Keeps an output; true if the step is done with it.
    fn take_in(&mut self, step: &str, place: usize, output: Json) -> bool {
        let Some(active) = self.active.get_mut(step) else { return false };
        active.outputs[place] = output;
        active.done += 1;
        let (done, all) = (active.done, active.outputs.len());
        if done.is_multiple_of(all.div_ceil(TELLINGS_MAX)) || done == all {
            let fraction = done as f32 / all as f32;
            self.cx.progress(Some(fraction), format!("{step} {done}/{all}"));
        }
        if done < all {
            self.ask_next(step);
            return false;
        }
        let Some(mut active) = self.active.remove(step) else { return false };
        let only = if active.is_list { None } else { active.outputs.pop() };
        self.finish(step, only.unwrap_or(Json::Array(active.outputs)));
        true
    }

    /// The step has its output: others may refer to it.
    fn finish(&mut self, step: &str, output: Json) {
        self.scope.set(step, &output);
        if self.definition.plan.is_answer(step) {
            self.outputs.insert(step.to_owned(), output);
        }
        self.done.insert(step.to_owned());
    }
}

/// The failure of a task says which step it was; one of the asking itself does not yet.
fn named(step: &str, failure: Failure) -> Failure {
    if failure.message.starts_with("step ") {
        return failure;
    }
    Failure { message: format!("step {step}: {}", failure.message), ..failure }
}

/// The same expressions over the same outputs fail again.
fn rejected(why: plan::Error) -> Failure {
    Failure::rejected(why.to_string())
}
