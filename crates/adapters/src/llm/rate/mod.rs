//! One governor for all agents of a process: nobody is refused by a provider who could have waited.
//!
//! ```text
//!   agents ──enter──▶ place ──granted──▶ call ──done──▶ what it took and what the other side says
//!                       └─ dropped: the next one goes
//! ```
//!
//! A process has one key for each provider, so the model's name stands for provider, model and key,
//! and everybody who calls a model shares one `flow`: what an operator says ([`Rate`]), what
//! answers say of the limits there, and what a refusal teaches; and one `health`, by which whoever
//! has another model to ask does without this one. The decisions are pure; here they meet the
//! clock. Nobody is needed to drive it: whoever is first in the queue waits for the moment
//! and lets the next one be first.

mod flow;
mod health;
mod standing;
#[cfg(test)]
mod tests;
mod window;

pub use flow::{Need, Rate};

use flow::{Ending, Flow};
use health::Health;
use runtime::llm::{Error, Reply};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Calls that may wait for one model; more are told to come back.
const WAITING_MAX: usize = 10_000;

/// What those are told who find no place, milliseconds.
const COME_BACK_MS: u64 = 60_000;

/// Shares the rates of models among all who call them. Cheap to clone.
#[derive(Clone)]
pub struct Governor {
    inner: Arc<Inner>,
}

struct Inner {
    /// It only counts.
    is_idle: bool,
    born: Instant,
    models: Mutex<BTreeMap<String, Model>>,
}

#[derive(Default)]
struct Model {
    flow: Flow,
    health: Health,
    /// Those who wait, to be woken.
    sleepers: BTreeMap<u64, Arc<Notify>>,
}

/// A place in the queue of one model, and then the right to one call. Dropped, it is free again.
pub struct Place {
    governor: Governor,
    model: String,
    number: u64,
    /// Which call it is for; see [`Need::call`].
    call: u64,
    woken: Arc<Notify>,
}

/// Why somebody who can ask another model should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// It is not asked by those for a while.
    Away(Away),
    /// Too many wait for it here.
    Full,
}

/// When a model that is not asked now may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// In so many milliseconds.
    pub ms: u64,
    /// Whether it failed too often; else it has sent us away.
    pub is_broken: bool,
}

impl Default for Governor {
    fn default() -> Governor {
        Governor::new(false)
    }
}

impl Governor {
    /// One that lets everybody through at once and hears nothing: to see what the other does.
    #[must_use]
    pub fn idle() -> Governor {
        Governor::new(true)
    }

    fn new(is_idle: bool) -> Governor {
        let (born, models) = (Instant::now(), Mutex::default());
        Governor { inner: Arc::new(Inner { is_idle, born, models }) }
    }

    /// What may be used of a model from now on, whatever was said before.
    pub fn set(&self, model: &str, rate: Rate) {
        if self.inner.is_idle {
            return;
        }
        self.with(model, |model, now_ms| {
            model.flow.rate = rate;
            model.poke(now_ms, None);
        });
    }

    /// Joins the queue of a model. Whoever may go at once has gone when this returns.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where too many wait already.
    pub fn enter(&self, model: &str, need: Need) -> Result<Place, Error> {
        let (woken, call) = (Arc::new(Notify::new()), need.call);
        let entered = self.with(model, |model, now_ms| model.enter(now_ms, need, woken.clone()));
        let full = |flow::Full| Error::Overloaded {
            model: model.to_owned(),
            said: format!("{WAITING_MAX} calls wait for its rate here"),
            retry_after_ms: Some(COME_BACK_MS),
        };
        let number = entered.map_err(full)?;
        Ok(Place { governor: self.clone(), model: model.to_owned(), number, call, woken })
    }

    /// The same for one who can ask another model, unless this one should not be asked now: it has
    /// failed too often of late, or has sent everybody away for longer than a moment.
    ///
    /// # Errors
    /// Why there is no place now.
    pub fn enter_unless_away(
        &self,
        model: &str,
        need: Need,
        moment: Duration,
    ) -> Result<Place, NotNow> {
        let (woken, call) = (Arc::new(Notify::new()), need.call);
        let moment_ms = u64::try_from(moment.as_millis()).unwrap_or(u64::MAX);
        // In one motion, so that a probe is one call and not whoever comes at the same time.
        let number = self.with(model, |model, now_ms| match model.away(now_ms, moment_ms) {
            Some(away) => Err(NotNow::Away(away)),
            None => model.enter(now_ms, need, woken.clone()).map_err(|flow::Full| NotNow::Full),
        })?;
        Ok(Place { governor: self.clone(), model: model.to_owned(), number, call, woken })
    }

    /// How many wait for a model, and how many calls are under way.
    #[must_use]
    pub fn standing(&self, model: &str) -> (usize, usize) {
        self.with(model, |model, _| model.flow.standing())
    }

    fn with<T>(&self, model: &str, work: impl FnOnce(&mut Model, u64) -> T) -> T {
        let now_ms = self.now_ms();
        let mut models = self.lock();
        if !models.contains_key(model) {
            models.insert(model.to_owned(), Model::default());
        }
        let model = models.get_mut(model).expect("it was put there");
        work(model, now_ms)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Model>> {
        self.inner.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.inner.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Model {
    fn enter(&mut self, now_ms: u64, need: Need, woken: Arc<Notify>) -> Result<u64, flow::Full> {
        let number = self.flow.enter(need, WAITING_MAX)?;
        self.health.begun(number);
        self.sleepers.insert(number, woken);
        self.poke(now_ms, None);
        Ok(number)
    }

    fn away(&mut self, now_ms: u64, moment_ms: u64) -> Option<Away> {
        let lets_in = self.health.lets_in(now_ms);
        // Half-open, it is known as soon as its probe has ended.
        let back_ms = self.health.back_at(now_ms).map_or(0, |at_ms| at_ms - now_ms);
        let sent_ms = self.flow.closed_for_ms(now_ms);
        match (lets_in, sent_ms > moment_ms) {
            (false, _) => Some(Away { ms: back_ms.max(sent_ms), is_broken: true }),
            (true, true) => Some(Away { ms: sent_ms, is_broken: false }),
            (true, false) => None,
        }
    }

    /// Something has changed: lets those go who may, and wakes whoever is first now, unless that is
    /// the one who asks.
    fn poke(&mut self, now_ms: u64, by: Option<u64>) {
        for number in self.flow.grant(now_ms) {
            if let Some(woken) = self.sleepers.remove(&number) {
                woken.notify_one();
            }
        }
        let first = self.flow.head().filter(|it| Some(*it) != by);
        if let Some(first) = first.and_then(|it| self.sleepers.get(&it)) {
            first.notify_one();
        }
    }
}

/// What somebody who waits is to do.
enum Next {
    Go,
    WaitUntil(Option<u64>),
}

impl Place {
    /// Whether the call may be made now.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.with(|model, _| model.flow.is_granted(self.number))
    }

    /// How long it waits at least, if nobody gives up a place before it.
    #[must_use]
    pub fn waits(&self) -> Duration {
        Duration::from_millis(self.with(|model, now_ms| model.flow.waits_ms(now_ms, self.number)))
    }

    /// Waits until the call may be made.
    pub async fn granted(&self) {
        loop {
            let next = self.with(|model, now_ms| {
                model.poke(now_ms, Some(self.number));
                let first = model.flow.head() == Some(self.number);
                match model.flow.is_granted(self.number) {
                    true => Next::Go,
                    false => Next::WaitUntil(first.then(|| model.flow.next_at(now_ms)).flatten()),
                }
            });
            match next {
                Next::Go => return,
                Next::WaitUntil(None) => self.woken.notified().await,
                Next::WaitUntil(Some(at_ms)) => {
                    let at = self.governor.inner.born + Duration::from_millis(at_ms);
                    // Whichever comes first: another may be first by then, or the rate another.
                    let _ = tokio::time::timeout_at(at, self.woken.notified()).await;
                }
            }
        }
    }

    /// Whether the call may still be made, a while after it was granted; if not, it waits again.
    #[must_use]
    pub fn may_still_go(&self) -> bool {
        self.with(|model, now_ms| {
            let may = model.flow.may_still_go(now_ms, self.number);
            if !may {
                model.sleepers.insert(self.number, self.woken.clone());
            }
            may
        })
    }

    /// The call is made now, perhaps a while after it was granted.
    pub fn sent(&self) {
        self.with(|model, now_ms| model.flow.sent(now_ms, self.number));
    }

    /// The call has ended, and this is how.
    pub fn done(self, result: &Result<Reply, Error>) {
        if self.governor.inner.is_idle {
            return;
        }
        let ending = Ending::of(result);
        self.with(|model, now_ms| {
            model.flow.done(now_ms, self.number, ending);
            model.health.ended(now_ms, self.number, self.call, result);
        });
        // Dropped: the next one goes.
    }

    fn with<T>(&self, work: impl FnOnce(&mut Model, u64) -> T) -> T {
        self.governor.with(&self.model, work)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.with(|model, now_ms| {
            model.sleepers.remove(&self.number);
            model.flow.leave(self.number);
            model.health.left(self.number);
            model.poke(now_ms, None);
        });
    }
}
