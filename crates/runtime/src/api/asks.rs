//! Many questions at once: asked as there is room, answered one at a time, whichever comes first.
//!
//! Where [`Context::map`] runs a function per item, this keeps no future for a question that only
//! waits, so a hundred thousand of them cost no more per answer than ten.

use super::ask::read;
use super::{Ask, Context, Failure};
use crate::attempt::{Group, Live};
use crate::port::BoxFuture;
use kernel::{Outcome, Text};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{self, Poll};

/// Questions being written to the journal, and large answers being read, at once: enough to fill a
/// batch, few enough to be polled together.
const BUSY_MAX: usize = 256;

/// Questions on their way, each under a number of the caller's.
pub struct Asks {
    live: Arc<Live>,
    group: Group,
    /// Not asked yet.
    queued: VecDeque<(usize, Ask<Value>)>,
    /// Being asked or read.
    busy: Vec<(usize, BoxFuture<'static, Stage>)>,
    /// The steps that are awaited, for the words of their failures.
    steps: HashMap<usize, Text>,
}

/// What has become of a question that something was done about.
enum Stage {
    Asked(Result<Text, Failure>),
    Read(Result<Value, Failure>),
}

impl Asks {
    pub(super) fn of(live: &Arc<Live>) -> Asks {
        let (queued, busy, steps) = Default::default();
        Asks { live: live.clone(), group: Group::of(live), queued, busy, steps }
    }

    /// One more question; its answer comes back under this number, which no other one open has.
    pub fn add(&mut self, number: usize, ask: Ask<Value>) {
        self.queued.push_back((number, ask));
    }

    /// Questions without an answer yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.queued.len() + self.busy.len() + self.steps.len()
    }

    /// The next answer; `None` when no question is open. Which comes first may differ from life to
    /// life where answers are large: what is asked next must not depend on it.
    pub async fn next(&mut self) -> Option<(usize, Result<Value, Failure>)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(
        &mut self,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<(usize, Result<Value, Failure>)>> {
        loop {
            while self.busy.len() < BUSY_MAX
                && let Some((number, ask)) = self.queued.pop_front()
            {
                let asking = async move { Stage::Asked(ask.record().await) };
                self.busy.push((number, Box::pin(asking)));
            }
            if let Some(answer) = self.poll_busy(cx) {
                return Poll::Ready(Some(answer));
            }
            // Nothing is handed over that could not be read at once.
            if self.busy.len() >= BUSY_MAX {
                return Poll::Pending;
            }
            if !self.queued.is_empty() {
                continue;
            }
            match self.group.poll_next(cx) {
                Poll::Ready(Some((number, outcome))) => self.read(number, outcome),
                Poll::Ready(None) if self.busy.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Moves on whatever is being done; the first answer ends it.
    fn poll_busy(&mut self, cx: &mut task::Context<'_>) -> Option<(usize, Result<Value, Failure>)> {
        let mut at = 0;
        while let Some((number, work)) = self.busy.get_mut(at) {
            let number = *number;
            let Poll::Ready(stage) = work.as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            drop(self.busy.swap_remove(at));
            match stage {
                Stage::Asked(Ok(step)) => {
                    self.group.join(number, &step);
                    self.steps.insert(number, step);
                }
                Stage::Asked(Err(failure)) => return Some((number, Err(failure))),
                Stage::Read(answer) => return Some((number, answer)),
            }
        }
        None
    }

    fn read(&mut self, number: usize, outcome: Arc<Outcome>) {
        let (live, step) = (self.live.clone(), self.steps.remove(&number).unwrap_or_default());
        let reading = async move { Stage::Read(read(&live, &step, &outcome).await) };
        self.busy.push((number, Box::pin(reading)));
    }
}

impl Context {
    /// Many questions at once.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// # use serde_json::{Value, json};
    /// async fn words(cx: Context, texts: Vec<String>) -> Result<Value> {
    ///     let mut asks = cx.asks();
    ///     for (number, text) in texts.into_iter().enumerate() {
    ///         asks.add(number, cx.ask_value("text.count@1", json!(text)));
    ///     }
    ///     let mut sum = 0;
    ///     while let Some((_number, count)) = asks.next().await {
    ///         sum += count?.as_u64().unwrap_or_default();
    ///     }
    ///     Ok(json!(sum))
    /// }
    /// ```
    #[must_use]
    pub fn asks(&self) -> Asks {
        Asks::of(&self.live)
    }
}
