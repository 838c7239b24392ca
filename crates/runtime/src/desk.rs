//! Performs effects: hands work to agents, news to attempts, outcomes to whoever waits.

use crate::advise;
use crate::api::{Aside, Heard, Listeners, Takers};
use crate::attempt::{Live, drive};
use crate::contract::Contracts;
use crate::inbox::Then;
use crate::life;
use crate::port::Agent;
use crate::port::observer::Note;
use crate::secret::Vault;
use crate::turn::{Inner, Runtime, lock};
use kernel::{
    AgentId, Answer, AttemptId, Command, Dispatch, Effect, Outcome, Presence, Pulse, Recurrence,
    Report, TaskId, Text, Token,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Tells a waiting client how its task ended.
pub(crate) type Teller = oneshot::Sender<Arc<Outcome>>;

/// By a number that the kernel gave out.
type ById<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Who is here, what runs, and who waits.
#[derive(Default)]
pub(crate) struct Desk {
    agents: RwLock<ById<AgentId, Arc<dyn Agent>>>,
    live: Mutex<ById<Token, Arc<Live>>>,
    tickets: Mutex<ById<TaskId, Waiters>>,
    pub(crate) listeners: Listeners,
    /// What calls under way may still cost.
    pub(crate) aside: Aside,
    /// Who takes messages of durable topics.
    pub(crate) takers: Takers,
    /// What goes into the capabilities served here and comes out of them.
    pub(crate) contracts: Arc<Contracts>,
    /// Secrets, and whatever is known of them.
    pub(crate) vault: Arc<Vault>,
}

/// Who waits for a task: one client, but for a key that came twice.
struct Waiters {
    first: Teller,
    more: Vec<Teller>,
}

/// Hashes counters, which nobody outside can choose, by spreading them over all bits.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // 2⁶⁴ over the golden ratio: neighbours land far apart, in the high bits too.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Desk {
    /// From now on work for this agent goes here. Gives whoever sat there: one that has left, and
    /// whose leaving has not been performed yet.
    pub(crate) fn seat(&self, id: AgentId, agent: Arc<dyn Agent>) -> Option<Arc<dyn Agent>> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner).insert(id, agent)
    }

    /// The agent goes; who it was.
    pub(crate) fn unseat(&self, id: AgentId) -> Option<Arc<dyn Agent>> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    /// Who sits there; nobody any more, if it has left meanwhile.
    pub(crate) fn seated(&self, id: AgentId) -> Option<Arc<dyn Agent>> {
        let agents = self.agents.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        agents.get(&id).cloned()
    }

    /// Everybody here.
    pub(crate) fn everybody(&self) -> Vec<(AgentId, Arc<dyn Agent>)> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        agents.iter().map(|(id, agent)| (*id, agent.clone())).collect()
    }

    /// The outcome of a root task, when it has one. Called before anybody can perform its ending.
    pub(crate) fn ticket(&self, task: TaskId) -> oneshot::Receiver<Arc<Outcome>> {
        let (teller, receiver) = oneshot::channel();
        self.expect(task, teller);
        receiver
    }

    /// For whoever hands a root task over: the outcome is expected as soon as the task is accepted,
    /// under the lock of the core, so that the ending cannot be performed before.
    pub(crate) fn expecting() -> (Then, oneshot::Receiver<Arc<Outcome>>) {
        let (teller, coming) = oneshot::channel();
        let expect: Then = Box::new(move |desk, verdict| {
            if let Ok(Answer::Accepted(receipt)) = verdict
                && receipt.outcome.is_none()
            {
                desk.expect(receipt.task, teller);
            }
            None
        });
        (expect, coming)
    }

    fn expect(&self, task: TaskId, teller: Teller) {
        match lock(&self.tickets).entry(task) {
            Entry::Vacant(nobody) => {
                nobody.insert(Waiters { first: teller, more: Vec::new() });
            }
            Entry::Occupied(mut waiters) => waiters.get_mut().more.push(teller),
        }
    }

    /// Does what an effect says. Never waits: it runs in the turn.
    pub(crate) fn perform(&self, inner: &Arc<Inner>, effect: Effect) {
        match effect {
            Effect::Dispatch(dispatch) => self.dispatch(inner, *dispatch),
            Effect::Resume { attempt } => self.with(attempt, Live::resume),
            Effect::Deliver { attempt, step, outcome } => {
                self.with(attempt, |live| live.deliver(step, outcome));
            }
            Effect::Advise(question) => advise::ask(inner, *question),
            Effect::Stop { attempt, .. } => self.stop(inner, attempt),
            Effect::StartAgent { agent, life } => {
                if let Some(port) = self.seated(agent) {
                    let runtime = Runtime { inner: inner.clone() };
                    inner.tokio.spawn(life::start(runtime, port, agent, life));
                }
            }
            Effect::StopAgent { agent, life, grace_ms } => {
                if let Some(port) = self.seated(agent) {
                    let runtime = Runtime { inner: inner.clone() };
                    let grace = Duration::from_millis(grace_ms);
                    inner.tokio.spawn(life::stop(runtime, port, (agent, life), grace));
                }
            }
            Effect::ResizeAgent { agent, slots } => {
                if let Some(port) = self.seated(agent) {
                    inner.tokio.spawn(async move { port.resize(slots) });
                }
            }
            Effect::DismissAgent { agent } => self.dismiss(inner, agent),
            Effect::DeliverMessages(delivery) => self.takers.hand(delivery),
            Effect::Settled { task, outcome } => self.settled(task, outcome),
            Effect::Reckon { schedule, cron, zone, after_wall_ms } => {
                reckon(inner, schedule, &[cron, zone], after_wall_ms);
            }
        }
    }

    /// It has left. Who has come back under its name meanwhile keeps the seat.
    fn dismiss(&self, inner: &Arc<Inner>, agent: AgentId) {
        let runtime = Runtime { inner: inner.clone() };
        let has_left = |kernel: &kernel::Kernel| {
            kernel.state().agent(agent).is_none_or(|it| it.presence == Presence::Left)
        };
        if runtime.look(|kernel, _| has_left(kernel))
            && let Some(port) = self.unseat(agent)
        {
            let grace = life::grace_of(&runtime, agent);
            inner.tokio.spawn(life::end(port, grace));
        }
    }

    /// Something was said in passing, in a run.
    pub(crate) fn say(&self, run: TaskId, note: &Note) {
        self.listeners.tell(|| Heard::Said(run, note.clone()));
    }

    fn settled(&self, task: TaskId, outcome: Arc<Outcome>) {
        self.listeners.tell(|| Heard::Ended(task));
        let Some(Waiters { first, more }) = lock(&self.tickets).remove(&task) else { return };
        for waiter in more {
            let _ = waiter.send(outcome.clone()); // Whoever waited may have gone.
        }
        let _ = first.send(outcome);
    }

    fn dispatch(&self, inner: &Arc<Inner>, dispatch: Dispatch) {
        let attempt = dispatch.attempt;
        let agent = self.seated(dispatch.agent);
        let runtime = Runtime { inner: inner.clone() };
        let Some(agent) = agent else {
            // It left between the grant and now; its leaving has put the task back already.
            return runtime.tell(Command::Report(attempt, Report::HandedBack));
        };
        let live = Live::new(runtime, dispatch);
        match lock(&self.live).entry(attempt.token) {
            Entry::Occupied(_) => return, // Dispatched twice: it runs once.
            Entry::Vacant(place) => place.insert(live.clone()),
        };
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

    /// Signs of life for every attempt that really works and was not renewed for so long.
    pub(crate) fn pulses(&self, every: Duration) -> Vec<Pulse> {
        let (live, now) = (lock(&self.live), Instant::now());
        let renewed = live.values().filter(|it| it.renews(now, every));
        renewed.map(|it| Pulse::Renew(it.attempt())).collect()
    }

    /// Nobody was at work for so long, and no attempt could help it.
    pub(crate) fn slept(&self, gap: Duration) {
        let (live, now) = (lock(&self.live), Instant::now());
        live.values().for_each(|it| it.slept(now, gap));
    }

    /// The runtime is at its end: nobody will be told any more, so nobody shall wait.
    pub(crate) fn abandon(&self) {
        lock(&self.tickets).clear();
        self.takers.clear();
        lock(&self.live).values().for_each(|live| live.stop());
    }
}

/// Looks a calendar up off the async threads: the first look at a time zone reads files. Where
/// there is no calendar the question stays open until a process with one takes over.
fn reckon(inner: &Arc<Inner>, schedule: Text, [cron, zone]: &[Text; 2], after_wall_ms: u64) {
    let Some(calendar) = inner.calendar.clone() else { return };
    let (cron, zone) = (cron.clone(), zone.clone());
    let runtime = Runtime { inner: inner.clone() };
    inner.tokio.spawn_blocking(move || {
        let next = calendar.next(&cron, &zone, after_wall_ms).map_err(Text::from);
        let recurs = Recurrence::Calendar { cron, zone };
        runtime.tell(Command::Reckoned { schedule, recurs, after_wall_ms, next });
    });
}
