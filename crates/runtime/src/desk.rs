//! Performs effects: hands work to agents, news to attempts, outcomes to whoever waits.

use crate::attempt::{Live, drive};
use crate::port::Agent;
use crate::turn::{Inner, Runtime, lock};
use kernel::{
    AgentId, AttemptId, Command, Dispatch, Effect, Outcome, Pulse, Report, TaskId, Token,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::oneshot;

/// Who is here, what runs, and who waits.
#[derive(Default)]
pub(crate) struct Desk {
    agents: RwLock<HashMap<AgentId, Arc<dyn Agent>>>,
    live: Mutex<HashMap<Token, Arc<Live>>>,
    tickets: Mutex<HashMap<TaskId, Vec<oneshot::Sender<Arc<Outcome>>>>>,
}

impl Desk {
    /// From now on work for this agent goes here.
    pub(crate) fn seat(&self, id: AgentId, agent: Arc<dyn Agent>) {
        self.agents.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, agent);
    }

    /// The agent goes; who it was.
    pub(crate) fn unseat(&self, id: AgentId) -> Option<Arc<dyn Agent>> {
        self.agents.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&id)
    }

    /// Everybody here.
    pub(crate) fn everybody(&self) -> Vec<Arc<dyn Agent>> {
        let agents = self.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        agents.values().cloned().collect()
    }

    /// The outcome of a root task, when it has one. Called before anybody can perform its ending.
    pub(crate) fn ticket(&self, task: TaskId) -> oneshot::Receiver<Arc<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.tickets).entry(task).or_default().push(sender);
        receiver
    }

    /// Does what an effect says. Never waits: it runs in the turn.
    pub(crate) fn perform(&self, inner: &Arc<Inner>, effect: Effect) {
        match effect {
            Effect::Dispatch(dispatch) => self.dispatch(inner, *dispatch),
            Effect::Resume { attempt } => self.with(attempt, Live::resume),
            Effect::Deliver { attempt, step, outcome } => {
                self.with(attempt, |live| live.deliver(step, outcome));
            }
            Effect::Stop { attempt, .. } => self.stop(inner, attempt),
            Effect::Settled { task, outcome } => {
                for waiter in lock(&self.tickets).remove(&task).into_iter().flatten() {
                    let _ = waiter.send(outcome.clone()); // Whoever waited may have gone.
                }
            }
        }
    }

    fn dispatch(&self, inner: &Arc<Inner>, dispatch: Dispatch) {
        let attempt = dispatch.attempt;
        let agents = self.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let agent = agents.get(&dispatch.agent).cloned();
        drop(agents);
        let runtime = Runtime { inner: inner.clone() };
        let Some(agent) = agent else {
            // It left between the grant and now; its leaving has put the task back already.
            return runtime.tell(Command::Report(attempt, Report::HandedBack));
        };
        let live = Live::new(runtime, dispatch);
        let known = lock(&self.live).insert(attempt.token, live.clone());
        if let Some(already) = known {
            lock(&self.live).insert(attempt.token, already); // Dispatched twice: it runs once.
            return;
        }
        inner.tokio.spawn(drive(live, agent));
    }

    fn stop(&self, inner: &Arc<Inner>, attempt: AttemptId) {
        let live = lock(&self.live).get(&attempt.token).cloned();
        match live {
            Some(live) => live.stop(),
            None => {
                let runtime = Runtime { inner: inner.clone() };
                runtime.tell(Command::Report(attempt, Report::Ended));
            }
        }
    }

    fn with(&self, attempt: AttemptId, tell: impl FnOnce(&Live)) {
        let live = lock(&self.live).get(&attempt.token).cloned();
        if let Some(live) = live {
            tell(&live);
        }
    }

    /// The attempt has ended and said so.
    pub(crate) fn gone(&self, token: Token) {
        lock(&self.live).remove(&token);
    }

    /// All attempts that run or wait.
    pub(crate) fn attempts(&self) -> Vec<Arc<Live>> {
        lock(&self.live).values().cloned().collect()
    }

    /// Signs of life for every attempt that works.
    pub(crate) fn pulses(&self) -> Vec<Pulse> {
        let live = lock(&self.live);
        live.values().filter(|it| it.works()).map(|it| Pulse::Renew(it.attempt())).collect()
    }

    /// The runtime is at its end: nobody will be told any more, so nobody shall wait.
    pub(crate) fn abandon(&self) {
        lock(&self.tickets).clear();
        lock(&self.live).values().for_each(|live| live.stop());
    }
}
