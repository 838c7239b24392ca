//! Agents that do what a script says: for tests of code that asks them.

use crate::api::{AgentEntry, Capability, Context, Contract, Failure};
use crate::canonical;
use crate::port::{Agent, BoxFuture};
use crate::secret::Given;
use crate::turn::lock;
use crate::vitals::Vitals;
use kernel::{AgentSpec, Exit, Serves};
use serde_json::Value;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many tasks a scripted agent works on at once.
const SLOTS: u32 = 64;

/// What an agent does when it is asked for `C`: one line for each attempt, in their order. Cheap to
/// clone; clones are the same script.
///
/// ```text
/// Script::<count>::new().crash().answer(6).after(minute)   first it dies, then it is slow
/// ```
pub struct Script<C: Capability> {
    inner: Arc<Inner<C>>,
}

struct Inner<C: Capability> {
    lines: Mutex<VecDeque<Line<C>>>,
    always: Mutex<Option<Always<C>>>,
    asked: Mutex<Vec<Value>>,
    vitals: Mutex<Option<Vitals>>,
}

type Always<C> = Arc<
    dyn Fn(<C as Capability>::Input) -> Result<<C as Capability>::Output, Failure> + Send + Sync,
>;

struct Line<C: Capability> {
    after: Duration,
    act: Act<C>,
}

enum Act<C: Capability> {
    Answer(C::Output),
    Fail(Failure),
    Panic,
    Crash,
    Hang,
    Lose,
    Twice(C::Output),
}

impl<C: Capability> Clone for Script<C> {
    fn clone(&self) -> Script<C> {
        Script { inner: self.inner.clone() }
    }
}

impl<C: Capability> Default for Script<C> {
    fn default() -> Script<C> {
        Script::new()
    }
}

impl<C: Capability> Script<C> {
    /// An empty script.
    #[must_use]
    pub fn new() -> Script<C> {
        let (lines, always, asked, vitals) = Default::default();
        Script { inner: Arc::new(Inner { lines, always, asked, vitals }) }
    }

    /// It answers with this.
    #[must_use]
    pub fn answer(self, output: C::Output) -> Script<C> {
        self.line(Act::Answer(output))
    }

    /// It fails.
    #[must_use]
    pub fn fail(self, failure: Failure) -> Script<C> {
        self.line(Act::Fail(failure))
    }

    /// Its code panics; the agent lives on.
    #[must_use]
    pub fn panic(self) -> Script<C> {
        self.line(Act::Panic)
    }

    /// The agent dies with the task in its hands; its supervisor decides whether it comes back.
    #[must_use]
    pub fn crash(self) -> Script<C> {
        self.line(Act::Crash)
    }

    /// It never ends, and gives signs of life: only a timeout helps.
    #[must_use]
    pub fn hang(self) -> Script<C> {
        self.line(Act::Hang)
    }

    /// It does the work, and its report is lost with all signs of life: the lease runs out.
    #[must_use]
    pub fn lose(self) -> Script<C> {
        self.line(Act::Lose)
    }

    /// It reports the same answer twice; the second time is too late.
    #[must_use]
    pub fn twice(self, output: C::Output) -> Script<C> {
        self.line(Act::Twice(output))
    }

    /// The last line so far happens only after this time.
    ///
    /// # Panics
    /// There is no line yet.
    #[must_use]
    pub fn after(self, time: Duration) -> Script<C> {
        lock(&self.inner.lines).back_mut().expect("say first what happens, then when").after = time;
        self
    }

    /// When the lines are used up, it answers by this; without, it fails for good and says so.
    #[must_use]
    pub fn then(
        self,
        code: impl Fn(C::Input) -> Result<C::Output, Failure> + Send + Sync + 'static,
    ) -> Script<C> {
        *lock(&self.inner.always) = Some(Arc::new(code));
        self
    }

    /// The agent that plays this, under this name.
    #[must_use]
    pub fn joins(&self, name: &str) -> AgentEntry {
        let serves = Serves { capability: C::NAME.into(), version: C::VERSION };
        let contracts = vec![(serves.clone(), Contract::of::<C>())];
        let spec = AgentSpec::new(name, "script", vec![serves], SLOTS);
        let (agent, secrets) = (Arc::new(self.clone()), Given::default());
        AgentEntry { spec, agent, contracts, secrets }
    }

    /// What it was asked, one for each attempt, in their order.
    ///
    /// # Panics
    /// An input was not of the capability's type, which the types of a team exclude.
    #[must_use]
    pub fn asked(&self) -> Vec<C::Input> {
        let asked = lock(&self.inner.asked);
        let typed = asked.iter().map(|input| {
            serde_json::from_value(input.clone()).expect("inputs of a capability have its type")
        });
        typed.collect()
    }

    /// Lines that nobody asked for.
    #[must_use]
    pub fn left(&self) -> usize {
        lock(&self.inner.lines).len()
    }

    fn line(self, act: Act<C>) -> Script<C> {
        lock(&self.inner.lines).push_back(Line { after: Duration::ZERO, act });
        self
    }

    fn improvise(&self, cx: &Context) -> Result<Value, Failure> {
        // Not under the lock: code that panics or takes long holds nobody else up.
        let always = lock(&self.inner.always).clone();
        let Some(always) = always else {
            let (capability, times) = (C::NAME, lock(&self.inner.asked).len());
            return Err(Failure::rejected(format!(
                "the script for {capability} is at its end and was asked {times} times: add a \
                 line, or say what happens `then`"
            )));
        };
        Ok(serde_json::to_value(always(canonical::from_bytes(cx.input_bytes())?)?)?)
    }
}

impl<C: Capability> Agent for Script<C> {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let script = self.clone();
        lock(&script.inner.asked).push(cx.input().clone());
        let line = lock(&script.inner.lines).pop_front();
        Box::pin(async move {
            let Some(Line { after, act }) = line else { return script.improvise(&cx) };
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            script.act(&cx, act).await
        })
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        *lock(&self.inner.vitals) = Some(vitals);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl<C: Capability> Script<C> {
    async fn act(&self, cx: &Context, act: Act<C>) -> Result<Value, Failure> {
        match act {
            Act::Answer(output) => Ok(serde_json::to_value(output)?),
            Act::Fail(failure) => Err(failure),
            Act::Panic => panic!("the script says so"),
            Act::Crash => {
                let vitals = lock(&self.inner.vitals).clone();
                let died = Exit::Abnormal("the script says so".into());
                vitals.into_iter().for_each(|it| it.exited(died.clone()));
                pending().await
            }
            // Of code that nothing can wake no lease is renewed; a timer may wake this one.
            Act::Hang => loop {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            },
            Act::Lose => {
                cx.silent();
                pending().await
            }
            Act::Twice(output) => {
                let output = serde_json::to_value(output)?;
                cx.answer_late(output.clone()).await;
                Ok(output)
            }
        }
    }
}
