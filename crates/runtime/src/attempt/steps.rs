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
}

struct Slot {
    kind: Option<StepKind>,
    outcome: Option<Arc<Outcome>>,
    handed: bool,
    waiter: Option<Waiter>,
}

/// Who waits for a completion.
enum Waiter {
    /// A future of its own; whether its waker is the attempt's own.
    One(Waker, bool),
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
            if outcome.is_some() {
                steps.queue.push_back(key.clone());
            }
            let slot = Slot { kind: Some(record.kind), outcome, handed: false, waiter: None };
            steps.steps.insert(key, slot);
        }
        steps
    }

    pub(super) fn recorded_step(&self, step: &str) -> Option<(StepKind, Option<Arc<Outcome>>)> {
        let slot = self.steps.get(step)?;
        Some((slot.kind.clone()?, slot.outcome.clone()))
    }

    pub(super) fn record(&mut self, step: &Text, kind: StepKind, outcome: Option<Arc<Outcome>>) {
        let slot = self.slot(step);
        slot.kind = Some(kind);
        if let Some(outcome) = outcome {
            slot.outcome = Some(outcome);
            self.queue.push_back(step.clone());
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
        let empty = || Slot { kind: None, outcome: None, handed: false, waiter: None };
        self.steps.entry(step.clone()).or_insert_with(empty)
    }

    /// Hands the next completion over; gives the waker of whoever waits for it, to be woken once
    /// the lock on this is gone.
    pub(super) fn hand_next(&mut self) -> Option<Waker> {
        let Steps { steps, queue, gatherings, .. } = self;
        let wanted = |key: &Text| match steps.get(key).and_then(|slot| slot.waiter.as_ref()) {
            None => false,
            Some(Waiter::One(..)) => true,
            // A group that nobody polls now takes it when it is polled again.
            Some(Waiter::Many { group, .. }) => {
                gatherings.get(group).is_some_and(|it| it.waker.is_some())
            }
        };
        let at = queue.iter().position(wanted)?;
        let slot = steps.get_mut(&queue.remove(at)?)?;
        slot.handed = true;
        let (waker, own) = match slot.waiter.take()? {
            Waiter::One(waker, own) => (waker, own),
            Waiter::Many { group, place } => {
                let gathering = gatherings.get_mut(&group)?;
                gathering.ready.push_back((place, slot.outcome.clone()?));
                self.waiting -= 1;
                gathering.waker.take()?
            }
        };
        self.own_wakers -= usize::from(own);
        Some(waker)
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
        slot.waiter = Some(Waiter::Many { group, place });
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
            let of_group =
                |it: &Waiter| matches!(it, Waiter::Many { group: its, .. } if *its == group);
            if slot.waiter.as_ref().is_some_and(of_group) {
                slot.waiter = None;
                self.waiting -= 1;
            }
        }
        let waker = self.gatherings.remove(&group).and_then(|it| it.waker);
        self.own_wakers -= usize::from(waker.is_some_and(|(_, own)| own));
    }
}

/// Resolves when a step's completion is handed over.
pub(crate) struct Delivery<'a> {
    live: &'a Live,
    step: Text,
    registered: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn of(live: &'a Live, step: Text) -> Delivery<'a> {
        Delivery { live, step, registered: false }
    }
}

impl Future for Delivery<'_> {
    type Output = Arc<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<Outcome>> {
        let this = &mut *self;
        let mut state = lock(&this.live.state);
        let root = state.root_waker.clone();
        let steps = &mut state.steps;
        if !std::mem::replace(&mut this.registered, true) {
            steps.waiting += 1;
        }
        let slot = steps.slot(&this.step);
        if slot.handed
            && let Some(outcome) = slot.outcome.clone()
        {
            return Poll::Ready(outcome);
        }
        let own = root.is_some_and(|root| cx.waker().will_wake(&root));
        let before = slot.waiter.replace(Waiter::One(cx.waker().clone(), own));
        steps.own_wakers += usize::from(own);
        steps.own_wakers -= usize::from(matches!(before, Some(Waiter::One(_, true))));
        Poll::Pending
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if !self.registered {
            return;
        }
        let mut state = lock(&self.live.state);
        state.steps.waiting -= 1;
        let slot = state.steps.slot(&self.step);
        if let Some(Waiter::One(_, own)) = slot.waiter.take() {
            state.steps.own_wakers -= usize::from(own);
        }
    }
}
