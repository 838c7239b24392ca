//! Agents with a state: made anew for each life, shared by tasks or lent to one of them.

use super::handles::{NativeAgent, Served};
use super::{Context, Failure};
use crate::attempt::words_of;
use crate::life::settled;
use crate::port::{Agent, BoxFuture};
use crate::turn::lock;
use crate::vitals::Vitals;
use kernel::{Exit, FailureKind};
use serde_json::Value;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often an agent is asked how it is.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// How long it may take to say.
const HEALTH_WITHIN: Duration = Duration::from_secs(5);

/// Agents of a Rust type, one value for each life.
pub(super) struct Stateful<A> {
    name: String,
    slots: u32,
    serves: Vec<Served<A>>,
    make: Box<dyn Fn() -> A + Send + Sync>,
    life: Mutex<Option<Life<A>>>,
}

/// From one start to the next stop.
struct Life<A> {
    state: Arc<RwLock<A>>,
    vitals: Vitals,
    watch: Option<JoinHandle<()>>,
    /// It is being stopped, and gets no work any more.
    ends: bool,
}

impl<A> Drop for Life<A> {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl<A: NativeAgent> Stateful<A> {
    pub(super) fn new(
        name: &str,
        slots: u32,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> Stateful<A> {
        let (name, make, life) = (name.to_owned(), Box::new(make), Mutex::new(None));
        Stateful { name, slots, serves: A::serves(), make, life }
    }

    /// The newest of its versions that will do.
    fn serving(&self, cx: &Context) -> Option<&Served<A>> {
        let will_do = |it: &&Served<A>| cx.asks_for(it.name, it.version);
        self.serves.iter().filter(will_do).max_by_key(|it| it.version)
    }

    fn begin(&self, cx: Context) -> Result<BoxFuture<'static, Result<Value, Failure>>, Failure> {
        let served = self.serving(&cx).ok_or_else(|| {
            Failure::rejected(format!("agent {} does not serve {}", self.name, cx.capability()))
        })?;
        let (state, vitals) = match &*lock(&self.life) {
            Some(life) if !life.ends => (life.state.clone(), life.vitals.clone()),
            Some(_) | None => {
                let why = format!("agent {} is not started; another attempt may help", self.name);
                return Err(Failure::new(FailureKind::Crash, why));
            }
        };
        let work = served.work(state, cx.clone());
        let exclusive = served.exclusive;
        Ok(if exclusive { Box::pin(alone(work, cx, vitals)) } else { work })
    }

    /// What it keeps in this life, which is coming to its end. It is not asked any more how it is:
    /// who does not answer would hold the state.
    fn ending(&self) -> Option<Arc<RwLock<A>>> {
        let mut life = lock(&self.life);
        let life = life.as_mut()?;
        life.ends = true;
        life.watch.take().inspect(JoinHandle::abort);
        Some(life.state.clone())
    }

    /// Exclusive work never waits for other work of the same agent.
    fn check_slots(&self) -> Result<(), Failure> {
        match self.serves.iter().find(|it| it.exclusive) {
            Some(served) if self.slots > 1 => Err(Failure::rejected(format!(
                "{} takes `&mut self`, one task at a time, and the agent has {} slots: give it 1, \
                 or let its methods take `&self`",
                served.name, self.slots
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

impl<A: NativeAgent> Agent for Stateful<A> {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        self.begin(cx).unwrap_or_else(|failure| Box::pin(std::future::ready(Err(failure))))
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.check_slots()?;
            drop(lock(&self.life).take()); // Of a life that ended by itself.
            let mut state = (self.make)();
            state.started().await?;
            let state = Arc::new(RwLock::new(state));
            let watch = A::HAS_HEALTH.then(|| tokio::spawn(watch(state.clone(), vitals.clone())));
            *lock(&self.life) = Some(Life { state, vitals, watch, ends: false });
            Ok(())
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(state) = self.ending() else { return };
            let mut alone = state.write().await;
            // Not before: cut short while it waits for the state, the life has not ended, and
            // whoever asks once more waits for it as well.
            let life = lock(&self.life).take_if(|life| Arc::ptr_eq(&life.state, &state));
            if life.is_some() {
                alone.stopping().await;
            }
        })
    }
}

/// Work that has the state to itself. It keeps its slot while it waits: whoever came meanwhile
/// would wait for the state, and this for a slot. A panic leaves a state of which nobody knows what
/// holds, so the life ends with it, and the supervisor decides about the next.
async fn alone(
    work: BoxFuture<'static, Result<Value, Failure>>,
    cx: Context,
    vitals: Vitals,
) -> Result<Value, Failure> {
    let _occupied = cx.occupied();
    match settled(work).await {
        Ok(result) => result,
        Err(panic) => {
            let (capability, words) = (cx.capability(), words_of(&*panic));
            let why = format!("{capability} panicked with the state in its hands: {words}");
            vitals.exited(Exit::Abnormal(why.into()));
            resume_unwind(panic)
        }
    }
}

/// Asks it how it is. Who is busy changing its state is not asked: its lease decides.
async fn watch<A: NativeAgent>(state: Arc<RwLock<A>>, vitals: Vitals) {
    let mut well = true;
    loop {
        sleep(HEALTH_EVERY).await;
        let Ok(state) = state.try_read() else { continue };
        let asked = settled(Box::pin(state.health()));
        let is_well = matches!(timeout(HEALTH_WITHIN, asked).await, Ok(Ok(Ok(()))));
        match (well, is_well) {
            (true, false) => vitals.missed(),
            (false, true) => vitals.heard(),
            (true, true) | (false, false) => {}
        }
        well = is_well;
    }
}
