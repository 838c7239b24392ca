//! The steps of one attempt: which are recorded, which have come, and which were handed over.
//!
//! Completions are handed over in the order in which the journal has them, one between two polls.
//! So code that races its children sees the same winner in every life, and a replay takes the same
//! way through `select!` as the first run did.

use super::Live;
use crate::turn::lock;
use kernel::{Outcome, StepKind, StepRecord, Text};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
pub(super) struct Steps {
    steps: HashMap<Text, Slot>,
    gatherings: HashMap<u64, Gathering>,
    last_group: u64,
    /// Completions that have come and were not handed over, in journal order.
    queue: VecDeque<Text>,
    /// Deliveries to this attempt.
    pub(super) seen: u32,
    /// Futures that wait for a completion.
    pub(super) waiting: usize,
    /// Clones of the attempt's own waker that those futures keep.
    pub(super) own_wakers: usize,
    /// Outputs that were handed over and are still being read from the blob store.
    reading: usize,
    /// Futures that have waited, ever: the number of the next.
    last: u64,
}

#[derive(Default)]
struct Slot {
    kind: Option<StepKind>,
    outcome: Option<Arc<Outcome>>,
    handed: bool,
    waiters: Vec<Waiter>,
}

/// Who waits for a completion.
enum Waiter {
    /// A future of its own, by its number; whether its waker is the attempt's own.
    One { number: u64, waker: Waker, own: bool },
    /// One of many that a group waits for, by the group's number and the place in it.
    Many { group: u64, place: usize },
}

/// Many steps of which the next completion is awaited by one future: see [`super::group`].
#[derive(Default)]
pub(super) struct Gathering {
    /// Completions that were handed over and not taken yet.
    pub(super) ready: VecDeque<(usize, Arc<Outcome>)>,
    waker: Option<(Waker, bool)>,
}

impl Steps {
    /// The table that comes with a dispatch: settled steps first, in their order.
    pub(super) fn recorded(table: Vec<(Text, StepRecord)>) -> Steps {
        let mut steps = Steps::default();
        for (key, record) in table {
            let outcome = record.outcome.map(|(_, outcome)| outcome);
            if outcome.is_some() && is_delivered(&record.kind) {
                steps.queue.push_back(key.clone());
            }
            let slot = Slot { kind: Some(record.kind), outcome, ..Slot::default() };
            steps.steps.insert(key, slot);
        }
        steps
    }

    pub(super) fn recorded_step(&self, step: &str) -> Option<(StepKind, Option<Arc<Outcome>>)> {
        let slot = self.steps.get(step)?;
        Some((slot.kind.clone()?, slot.outcome.clone()))
    }

    pub(super) fn record(&mut self, step: &Text, kind: StepKind, outcome: Option<Arc<Outcome>>) {
        let delivered = is_delivered(&kind);
        let slot = self.slot(step);
        slot.kind = Some(kind);
        if let Some(outcome) = outcome {
            slot.outcome = Some(outcome);
            if delivered {
                self.queue.push_back(step.clone());
            }
        }
    }

    /// A completion has come.
    pub(super) fn arrived(&mut self, step: Text, outcome: Arc<Outcome>) {
        self.seen += 1;
        let slot = self.slot(&step);
        if slot.outcome.is_none() {
            slot.outcome = Some(outcome);
            self.queue.push_back(step);
        }
    }

    fn slot(&mut self, step: &Text) -> &mut Slot {
        self.steps.entry(step.clone()).or_default()
    }

    /// Hands the next completion over; gives the wakers of whoever waits for it, to be woken once
    /// the lock on this is gone. Nothing is handed over while the one before is still being read:
    /// a large answer must not lose a race, in a later life, to one that came after it.
    pub(super) fn hand_next(&mut self) -> Vec<Waker> {
        if self.reading > 0 {
            return Vec::new();
        }
        let Steps { steps, queue, gatherings, .. } = self;
        let is_ready = |waiter: &Waiter| match waiter {
            Waiter::One { .. } => true,
            // A group that nobody polls now takes it when it is polled again.
            Waiter::Many { group, .. } => {
                gatherings.get(group).is_some_and(|it| it.waker.is_some())
            }
        };
        let wanted = |key: &Text| steps.get(key).is_some_and(|it| it.waiters.iter().any(is_ready));
        let next = queue.iter().position(wanted).and_then(|at| queue.remove(at));
        let Some(slot) = next.and_then(|key| steps.get_mut(&key)) else { return Vec::new() };
        slot.handed = true;
        let (waiters, outcome) = (std::mem::take(&mut slot.waiters), slot.outcome.clone());
        let woken = waiters.into_iter().filter_map(|waiter| match waiter {
            Waiter::One { waker, own, .. } => Some((waker, own)),
            Waiter::Many { group, place } => {
                let gathering = gatherings.get_mut(&group)?;
                gathering.ready.push_back((place, outcome.clone()?));
                self.waiting -= 1;
                gathering.waker.take()
            }
        });
        let woken: Vec<(Waker, bool)> = woken.collect();
        self.own_wakers -= woken.iter().filter(|(_, own)| *own).count();
        woken.into_iter().map(|(waker, _)| waker).collect()
    }

    /// Whether a completion is here that was not handed over.
    pub(super) fn has_more(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes a future's waker out.
    fn forget(&mut self, step: &Text, number: u64) {
        let Some(slot) = self.steps.get_mut(step) else { return };
        slot.waiters.retain(|waiter| match waiter {
            Waiter::One { number: its, own, .. } if *its == number => {
                self.own_wakers -= usize::from(*own);
                false
            }
            Waiter::One { .. } | Waiter::Many { .. } => true,
        });
    }

    /// A new group, by its number.
    pub(super) fn gather(&mut self) -> u64 {
        self.last_group += 1;
        self.gatherings.insert(self.last_group, Gathering::default());
        self.last_group
    }

    /// From now on the group waits for this step.
    pub(super) fn join(&mut self, group: u64, place: usize, step: &Text) {
        let slot = self.slot(step);
        if slot.handed
            && let Some(outcome) = slot.outcome.clone()
        {
            let gathering = self.gatherings.entry(group).or_default();
            return gathering.ready.push_back((place, outcome));
        }
        slot.waiters.push(Waiter::Many { group, place });
        self.waiting += 1;
    }

    /// The group's next completion; without one, the group is woken when it comes.
    pub(super) fn next_of(
        &mut self,
        group: u64,
        waker: &Waker,
        own: bool,
    ) -> Option<(usize, Arc<Outcome>)> {
        let gathering = self.gatherings.entry(group).or_default();
        if let Some(next) = gathering.ready.pop_front() {
            return Some(next);
        }
        let before = gathering.waker.replace((waker.clone(), own));
        self.own_wakers += usize::from(own);
        self.own_wakers -= usize::from(before.is_some_and(|(_, own)| own));
        None
    }

    /// Nobody waits for the group any more; what it waited for is left for whoever asks again.
    pub(super) fn disband(&mut self, group: u64) {
        for slot in self.steps.values_mut() {
            let before = slot.waiters.len();
            slot.waiters
                .retain(|it| !matches!(it, Waiter::Many { group: its, .. } if *its == group));
            self.waiting -= before - slot.waiters.len();
        }
        let waker = self.gatherings.remove(&group).and_then(|it| it.waker);
        self.own_wakers -= usize::from(waker.is_some_and(|(_, own)| own));
    }
}

/// Children and timers are delivered; what a `once` gave is known to whoever performed it.
fn is_delivered(kind: &StepKind) -> bool {
    match kind {
        StepKind::Child { .. } | StepKind::Timer { .. } => true,
        StepKind::Once { .. } => false,
    }
}

/// While it exists, an output that was handed over is being read.
pub(crate) struct Reading(Arc<Live>);

impl Reading {
    pub(crate) fn of(live: &Arc<Live>) -> Reading {
        lock(&live.state).steps.reading += 1;
        Reading(live.clone())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.change(|state| state.steps.reading -= 1);
    }
}

/// Resolves when a step's completion is handed over.
pub(crate) struct Delivery<'a> {
    live: &'a Live,
    step: Text,
    /// From the first poll on.
    number: Option<u64>,
}

impl<'a> Delivery<'a> {
    pub(crate) fn of(live: &'a Live, step: Text) -> Delivery<'a> {
        Delivery { live, step, number: None }
    }
}

impl Future for Delivery<'_> {
    type Output = Arc<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<Outcome>> {
        let this = &mut *self;
        let mut state = lock(&this.live.state);
        let own = state.root_waker.as_ref().is_some_and(|root| cx.waker().will_wake(root));
        let steps = &mut state.steps;
        let number = *this.number.get_or_insert_with(|| {
            steps.waiting += 1;
            steps.last += 1;
            steps.last
        });
        let slot = steps.slot(&this.step);
        let outcome = slot.outcome.clone().filter(|_| slot.handed);
        if outcome.is_none() {
            steps.forget(&this.step, number);
            steps.own_wakers += usize::from(own);
            let waiter = Waiter::One { number, waker: cx.waker().clone(), own };
            steps.slot(&this.step).waiters.push(waiter);
        }
        let more = !own && steps.has_more();
        drop(state);
        if more {
            // Polled by a task of the agent's own: the driver would not know that it may hand
            // something over now.
            this.live.change(|_| {});
        }
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = lock(&self.live.state);
        state.steps.waiting -= 1;
        state.steps.forget(&self.step, number);
    }
}
