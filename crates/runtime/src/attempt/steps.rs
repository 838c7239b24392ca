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
    waiter: Option<(Waker, bool)>,
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
        let Steps { steps, queue, .. } = self;
        let wanted = |key: &Text| steps.get(key).is_some_and(|slot| slot.waiter.is_some());
        let at = queue.iter().position(wanted)?;
        let slot = steps.get_mut(&queue.remove(at)?)?;
        slot.handed = true;
        let (waker, own) = slot.waiter.take()?;
        self.own_wakers -= usize::from(own);
        Some(waker)
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
        let before = slot.waiter.replace((cx.waker().clone(), own));
        steps.own_wakers += usize::from(own);
        steps.own_wakers -= usize::from(before.is_some_and(|(_, own)| own));
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
        if let Some((_, own)) = slot.waiter.take() {
            state.steps.own_wakers -= usize::from(own);
        }
    }
}
