//! Polls an agent's code: when it may run, and never when it may not.
//!
//! How does the driver know that code only waits? It counts the clones of the waker it polls with.
//! Futures of the context keep theirs where they can be counted; any other clone belongs to
//! something foreign (a socket, a timer, another task) that may go on at any moment. No foreign
//! clone and at least one future of the context pending: there is nothing to do until a step ends,
//! so the slot goes back. A combinator that keeps a waker of its own (`FuturesUnordered`) looks
//! foreign, which costs a slot and nothing else.

use super::Live;
use super::again::Again;
use crate::api::{Context as AgentContext, Failure};
use crate::bid;
use crate::canonical;
use crate::inbox::Reply;
use crate::port::{Agent, BoxFuture};
use crate::turn::lock;
use kernel::{Answer, FailureKind, Report};
use serde_json::Value;
use std::any::Any;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// Polls in a row before other tasks of this thread get their turn.
const POLLS_MAX: usize = 64;
/// How long code that listens for its cancellation may take to clean up.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// Clones of the waker that are the driver's own: its handle, its waker, the one for comparison.
const OWN_CLONES: usize = 3;

/// How an attempt ended, seen from here.
enum End {
    Returned(Result<Value, Failure>),
    Stopped,
}

/// Runs one attempt to its end and reports how it went.
pub(crate) async fn drive(live: Arc<Live>, agent: Arc<dyn Agent>) {
    let end = match live.load_input().await {
        Ok(()) => run(&live, agent).await,
        Err(failure) => End::Returned(Err(failure)),
    };
    live.end_subscriptions();
    live.let_go().await;
    live.settle(end).await;
    lock(&live.state).root_waker = None;
    live.runtime.inner.desk.gone(live.attempt().token);
}

async fn run(live: &Arc<Live>, agent: Arc<dyn Agent>) -> End {
    let mut driver = Driver::new(live, agent);
    let end = poll_fn(|cx| driver.poll(cx)).await;
    if matches!(end, End::Stopped) && live.is_listened_to() {
        driver.in_grace = true;
        driver.unpark();
        live.tell_listeners();
        let _ = tokio::time::timeout(CANCEL_GRACE, poll_fn(|cx| driver.poll(cx))).await;
    }
    driver.drop_future();
    end
}

/// What code that does not run waits for.
enum Rest {
    /// Steps of the context, and nothing else: it needs no slot.
    OnlySteps,
    /// Steps, and something foreign, or what looks so for a moment: see [`super::again`].
    StepsAndForeign,
    Others,
}

struct Driver<'a> {
    live: &'a Arc<Live>,
    /// Made at the first poll, so that agents' code runs nowhere but here.
    agent: Option<Arc<dyn Agent>>,
    future: Option<BoxFuture<'static, Result<Value, Failure>>>,
    root: Arc<Root>,
    waker: Waker,
    wait_answer: Option<Reply>,
    in_grace: bool,
    again: Again,
}

/// Behind the waker that agents' code is polled with.
struct Root {
    woken: AtomicBool,
    live: Weak<Live>,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        let (first, live) = (self.is_first(), self.live.upgrade());
        drop(self); // Or whoever is woken may still count it.
        tell(first, live);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        tell(self.is_first(), self.live.upgrade());
    }
}

impl Root {
    /// Notes that the code is woken; whether it was not before.
    fn is_first(&self) -> bool {
        !self.woken.swap(true, Ordering::AcqRel)
    }
}

/// Lets the driver look.
fn tell(first: bool, live: Option<Arc<Live>>) {
    let Some(live) = live else { return };
    live.change(|state| {
        if first {
            state.pace.is_woken(Instant::now());
        }
    });
}

impl<'a> Driver<'a> {
    fn new(live: &'a Arc<Live>, agent: Arc<dyn Agent>) -> Driver<'a> {
        let root = Arc::new(Root { woken: AtomicBool::new(true), live: Arc::downgrade(live) });
        let waker = Waker::from(root.clone());
        lock(&live.state).root_waker = Some(waker.clone());
        let (agent, future, wait_answer) = (Some(agent), None, None);
        let (in_grace, again) = (false, Again::default());
        Driver { live, agent, future, root, waker, wait_answer, in_grace, again }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..POLLS_MAX {
            if self.look(cx) && !self.in_grace {
                return Poll::Ready(End::Stopped);
            }
            if !self.may_go_on(cx) {
                return Poll::Pending;
            }
            if !self.is_woken() {
                if self.live.player.is_some() {
                    return self.comes_to_rest(cx);
                }
                match self.rest() {
                    Rest::OnlySteps => self.park(),
                    Rest::StepsAndForeign => {
                        self.again.look(cx);
                        return Poll::Pending;
                    }
                    Rest::Others => return Poll::Pending,
                }
                continue;
            }
            self.again.reset();
            if let Poll::Ready(result) = self.poll_agent() {
                return Poll::Ready(End::Returned(result));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes in what has come since; true if it is to stop.
    fn look(&mut self, cx: &Context<'_>) -> bool {
        let mut state = lock(&self.live.state);
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            None => state.driver = Some(cx.waker().clone()),
        }
        let stopping = state.stopping;
        if std::mem::take(&mut state.resumed) {
            drop(state);
            self.unpark();
        }
        stopping
    }

    /// Whether it has a slot.
    fn may_go_on(&mut self, cx: &mut Context<'_>) -> bool {
        if !lock(&self.live.state).parked {
            return true;
        }
        let Some(answer) = &mut self.wait_answer else { return false };
        match Pin::new(answer).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(Ok(Answer::News))) => {
                self.unpark();
                true
            }
            // It waits, or is no longer the one; in that case a stop is on its way.
            Poll::Ready(_) => {
                self.wait_answer = None;
                false
            }
        }
    }

    /// Whether there is a reason to poll: somebody woke the code, or the next completion, which is
    /// handed over here, does.
    fn is_woken(&self) -> bool {
        if !self.root.woken.load(Ordering::Acquire) {
            let waiters = lock(&self.live.state).steps.hand_next();
            waiters.into_iter().for_each(Waker::wake);
        }
        self.root.woken.swap(false, Ordering::AcqRel)
    }

    /// Clones of the waker that are neither ours nor those of the context's futures.
    fn foreign(&self, own_wakers: usize) -> usize {
        Arc::strong_count(&self.root).saturating_sub(OWN_CLONES + own_wakers)
    }

    /// A task that is played again has come to the end of its record when nobody can wake it: what
    /// it waits for never comes.
    fn comes_to_rest(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let own_wakers = lock(&self.live.state).steps.own_wakers;
        if self.foreign(own_wakers) == 0 {
            return Poll::Ready(End::Stopped);
        }
        self.again.look(cx);
        Poll::Pending
    }

    /// What its code waits for.
    fn rest(&self) -> Rest {
        let mut state = lock(&self.live.state);
        let foreign = self.foreign(state.steps.own_wakers);
        let waits_for_steps = state.steps.waiting > 0;
        let can_be_woken = foreign > 0 || waits_for_steps || state.listeners.exist();
        state.pace.waits(Instant::now(), can_be_woken);
        let free = state.occupied == 0 && !self.in_grace;
        match waits_for_steps && free {
            true if foreign == 0 || state.parking > 0 => Rest::OnlySteps,
            true => Rest::StepsAndForeign,
            false => Rest::Others,
        }
    }

    fn park(&mut self) {
        let mut state = lock(&self.live.state);
        state.parked = true;
        let seen = state.steps.seen;
        drop(state);
        let report = Report::Wait { seen };
        let command = kernel::Command::Report(self.live.attempt(), report);
        self.wait_answer = Some(self.live.runtime.send(command));
    }

    fn unpark(&mut self) {
        let mut state = lock(&self.live.state);
        state.parked = false;
        state.pace.says(Instant::now());
        drop(state);
        self.wait_answer = None;
    }

    /// Lets go of the agent's code. What it holds may panic when it is dropped; it has ended all
    /// the same, and its slot must not be lost over it.
    fn drop_future(&mut self) {
        let future = self.future.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }

    /// Polls the agent's code once; a panic is a failure like any other, with its message.
    fn poll_agent(&mut self) -> Poll<Result<Value, Failure>> {
        let mut cx = Context::from_waker(&self.waker);
        lock(&self.live.state).pace.runs(Instant::now());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(agent) = self.agent.take() {
                self.future = Some(agent.run(AgentContext::of(self.live.clone())));
            }
            match &mut self.future {
                Some(future) => future.as_mut().poll(&mut cx),
                None => Poll::Pending,
            }
        }));
        let polled = polled.unwrap_or_else(|panic| {
            let message = format!("the agent's code panicked: {}", words_of(&*panic));
            Poll::Ready(Err(Failure::new(FailureKind::Panic, message)))
        });
        let mut state = lock(&self.live.state);
        state.pace.is_ready(Instant::now());
        if polled.is_ready() {
            state.pace.says(Instant::now()); // It has come to its end, however long it took.
        }
        polled
    }
}

/// What a panic said, if it said it in words.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

impl Live {
    /// Brings the input here; a large one is read from the blob store, off the async threads. What
    /// a bidder is asked is made of the input of the task on offer.
    async fn load_input(&self) -> Result<(), Failure> {
        let (input, is_bid) = (&self.dispatch.input, self.dispatch.bids_for.is_some());
        if input.inline.is_some() && !is_bid {
            return Ok(()); // It is at hand already.
        }
        let bytes = self.runtime.bytes_of(input).await?;
        let bytes = if is_bid { bid::asked(&self.dispatch, &bytes)?.into() } else { bytes };
        let _ = self.input.set(bytes);
        Ok(())
    }

    /// Tells the kernel how it ended.
    async fn settle(&self, end: End) {
        let (handed_back, refused) = {
            let state = lock(&self.state);
            (state.handed_back, state.refused)
        };
        let report = match end {
            End::Stopped if handed_back => Report::HandedBack,
            End::Stopped if refused => Report::EndedLate,
            End::Stopped => Report::Ended,
            End::Returned(Ok(value)) => match self.completed(&value).await {
                Ok(report) => report,
                Err(failure) => Report::Failed(self.to_kernel(failure)),
            },
            End::Returned(Err(failure)) => Report::Failed(self.to_kernel(failure)),
        };
        self.tell_end(report);
    }

    /// What it gave, or what it bids where that was asked.
    async fn completed(&self, value: &Value) -> Result<Report, Failure> {
        if self.dispatch.bids_for.is_none() {
            return Ok(Report::Completed(self.store(value).await?));
        }
        let bid = bid::said(value)?;
        Ok(Report::Bid { bid, output: self.store(value).await? })
    }

    /// A value as a payload, without what must not leave the attempt; durable on return if it is
    /// too large for the journal.
    pub(crate) async fn store(&self, value: &Value) -> Result<kernel::Payload, Failure> {
        let bytes = canonical::value_to_bytes(&self.redactor().value(value))?;
        self.runtime.payload_of(bytes).await
    }

    /// A failure in the kernel's words, without what must not leave the attempt. Taken out before a
    /// long message is cut: half of it would not be found.
    pub(crate) fn to_kernel(&self, mut failure: Failure) -> kernel::Failure {
        if let Cow::Owned(hidden) = self.redactor().text(&failure.message) {
            failure.message = hidden;
        }
        crate::api::to_kernel(failure)
    }
}
