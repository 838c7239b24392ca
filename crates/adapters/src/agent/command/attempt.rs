//! One attempt by a resident process: hear what it wants, pass it to the host, write the answers.
//!
//! While the process has an `ask` open it is blocked and holds no slot; its answer is written when
//! the slot is granted again. Whatever else happens, the process is either given back to the pool
//! whole or ended whole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::Ended;
use super::hearing::Hearing;
use super::host::{Assignment, Feed, Host, Later, Writing};
use super::limits::Limits;
use super::pool::Pool;
use super::resident::{Resident, Sign, Trouble};
use super::wire::{Answer, Failure, FromAgent, OnUnknown, ToAgent};

/// How long an attempt with an open `ask` keeps its slot: a program that asks from several threads
/// gets all its questions out before it waits, for while it waits nobody reads its lines.
const GATHER: Duration = Duration::from_millis(3);

/// Has a process of the pool work on a task. When this future is dropped, the process gets `cancel`
/// and, if it does not come back within the grace, its end.
pub(super) async fn serve<H: Host>(
    pool: &Arc<Pool>,
    host: H,
    work: Assignment,
) -> Result<Value, Ended> {
    let mut resident = pool.take(host.hold()).await?;
    host.started();
    resident.begin();
    let limits = pool.limits();
    let token = work.token.clone();
    let hearing = Hearing::new(resident.news(), &limits);
    let loan = Loan { resident: Some(resident), pool: pool.clone(), host, token };
    let calls = FuturesUnordered::new();
    let work_left = limits.wall_ms.map(Duration::from_millis);
    let (writing, asks_open, is_silent) = (None, 0, false);
    let mut attempt =
        Attempt { loan, calls, hearing, writing, asks_open, is_silent, work_left, limits };
    attempt.resident().send(&task(work));
    let report = attempt.drive().await;
    attempt.tell_story(report.is_err());
    let Attempt { mut loan, hearing, .. } = attempt;
    drop(hearing); // Before the process gets another task.
    let resident = loan.resident.take().expect("only the end of the loan takes it");
    match report {
        Ok(report) => {
            pool.give_back(resident);
            report.map_err(Ended::Reported)
        }
        Err(trouble) => {
            let fault = resident.ended(trouble, "in the middle of a task").await;
            pool.lost_at_work(&fault);
            Err(fault.into())
        }
    }
}

fn task(work: Assignment) -> ToAgent {
    let Assignment { task, token, attempt, run, key, capability, input } = work;
    ToAgent::Task { task, token, attempt, run, key, capability, input }
}

/// What the agent said of the task in the end.
type Report = Result<Value, Failure>;

struct Attempt<H: Host> {
    loan: Loan<H>,
    /// Calls of the process that have no answer yet.
    calls: FuturesUnordered<Later<Answered>>,
    /// What it has subscribed to.
    hearing: Hearing,
    /// The text that it writes.
    writing: Option<Writing>,
    /// How many of them block it.
    asks_open: usize,
    /// It has missed its heartbeats.
    is_silent: bool,
    /// Working time it has left.
    work_left: Option<Duration>,
    limits: Limits,
}

struct Answered {
    id: u64,
    is_ask: bool,
    answer: Answer,
    /// Of a `subscribe` that was allowed.
    feed: Option<Feed>,
}

/// What one wake-up brought.
enum Step {
    Heard,
    Answered(Answered),
    Over(Report),
}

impl<H: Host> Attempt<H> {
    async fn drive(&mut self) -> Result<Report, Trouble> {
        loop {
            let step = if self.asks_open == 0 {
                self.work().await?
            } else if let Ok(step) = timeout(GATHER, self.step()).await {
                step?
            } else {
                let host = self.loan.host.clone();
                host.parked(self.wait()).await?
            };
            match step {
                Step::Heard => {}
                Step::Answered(answered) => self.reply(answered),
                Step::Over(report) => return Ok(report),
            }
        }
    }

    /// One step of a process that works, within the working time it has left.
    async fn work(&mut self) -> Result<Step, Trouble> {
        let Some(left) = self.work_left else { return self.step().await };
        let began = Instant::now();
        let step = timeout(left, self.step()).await;
        self.work_left = Some(left.saturating_sub(began.elapsed()));
        step.unwrap_or_else(|_elapsed| {
            Err(Trouble::TimedOut(self.limits.wall_ms.unwrap_or(u64::MAX)))
        })
    }

    /// Steps of a process that is blocked, until one of its asks is answered.
    async fn wait(&mut self) -> Result<Step, Trouble> {
        loop {
            match self.step().await? {
                Step::Heard => {}
                Step::Answered(other) if !other.is_ask => self.reply(other),
                step @ (Step::Answered(_) | Step::Over(_)) => return Ok(step),
            }
        }
    }

    async fn step(&mut self) -> Result<Step, Trouble> {
        let resident = self.loan.resident.as_mut().expect("only the end of the loan takes it");
        tokio::select! {
            // Answers first: after a long wait the clock of silence may have run out unheard.
            biased;
            Some(answered) = self.calls.next(), if !self.calls.is_empty() => {
                Ok(Step::Answered(answered))
            }
            sign = sign(resident, self.asks_open > 0) => match sign? {
                Sign::Said(message) => self.hear(message),
                Sign::Silent => Ok(self.fell_silent()),
            }
        }
    }

    /// Nobody vouches for it until it says something: its lease runs, and decides.
    fn fell_silent(&mut self) -> Step {
        self.is_silent = true;
        self.loan.host.silent();
        Step::Heard
    }

    fn hear(&mut self, message: FromAgent) -> Result<Step, Trouble> {
        if std::mem::take(&mut self.is_silent) {
            self.loan.host.heartbeat();
        }
        if message.token().is_some_and(|token| *token != self.loan.token) {
            self.loan.host.log("warn", "a line of an earlier attempt was not heard");
            return Ok(Step::Heard);
        }
        match message {
            FromAgent::Ask { id, capability, input, step, .. } => {
                let answer = self.loan.host.ask(step, capability, input);
                self.asks_open += 1;
                self.call(id, true, answer)?;
            }
            FromAgent::Once { id, step, retry, on_unknown, .. } => {
                let otherwise = if retry { OnUnknown::Retry } else { OnUnknown::Fail };
                let on_unknown = on_unknown.unwrap_or(otherwise);
                // A person may take a day: the process is blocked as it is by any question.
                let is_ask = on_unknown == OnUnknown::AskHuman;
                let answer = self.loan.host.once(step, on_unknown);
                self.asks_open += usize::from(is_ask);
                self.call(id, is_ask, answer)?;
            }
            FromAgent::Done { id, step, outcome, .. } => {
                let answer = self.loan.host.done(step, outcome);
                self.call(id, false, answer)?;
            }
            FromAgent::Publish { id, said, .. } => {
                let answer = self.loan.host.publish(said);
                self.call(id, false, answer)?;
            }
            FromAgent::Subscribe { id, wanted, .. } => {
                let opened = self.loan.host.subscribe(wanted);
                self.open(Box::pin(async move { subscribed(id, opened.await) }))?;
            }
            FromAgent::Taken { subscription, .. } => self.hearing.taken(subscription),
            FromAgent::Unsubscribe { subscription, .. } => self.hearing.close(subscription),
            FromAgent::Progress { fraction, message, .. } => {
                self.loan.host.progress(fraction, &message)
            }
            FromAgent::Partial { output, .. } => self.loan.host.partial(&output),
            FromAgent::Text { piece, begins, .. } => {
                if begins {
                    self.writing = None; // What is left of the one before goes out first.
                }
                let begin = || self.loan.host.text();
                self.writing.get_or_insert_with(begin)(&piece);
            }
            FromAgent::Heartbeat {} => self.loan.host.heartbeat(),
            FromAgent::Log { level, message } => self.loan.host.log(&level, &message),
            FromAgent::Result { output, .. } => return Ok(Step::Over(Ok(output))),
            FromAgent::Error { failure, .. } => return Ok(Step::Over(Err(failure))),
            FromAgent::Ready { .. } => return Err(Trouble::Broke("it said `ready` twice".into())),
        }
        Ok(Step::Heard)
    }

    fn call(&mut self, id: u64, is_ask: bool, answer: Later<Answer>) -> Result<(), Trouble> {
        self.open(Box::pin(
            async move { Answered { id, is_ask, answer: answer.await, feed: None } },
        ))
    }

    fn open(&mut self, call: Later<Answered>) -> Result<(), Trouble> {
        let max = self.limits.asks_max;
        if self.calls.len() >= max {
            return Err(Trouble::Broke(format!("it has more than {max} calls open")));
        }
        self.calls.push(call);
        Ok(())
    }

    fn reply(&mut self, Answered { id, is_ask, answer, feed }: Answered) {
        self.asks_open -= usize::from(is_ask);
        if is_ask && let Some(resident) = &mut self.loan.resident {
            resident.begin(); // Blocked, it could not beat.
        }
        let (answer, feed) = match feed.as_ref().and_then(|_| self.hearing.full()) {
            None => (answer, feed),
            Some(max) => {
                let message = format!("it has {max} subscriptions already, which is the limit");
                (failed("overloaded", message), None)
            }
        };
        self.resident().send(&ToAgent::Reply { id, answer });
        if let Some(feed) = feed {
            self.hearing.open(id, feed); // What it hears stands behind the reply.
        }
    }

    /// What the process wrote to stderr meanwhile goes to the log of this task.
    fn tell_story(&mut self, is_ended: bool) {
        // A process that is about to be ended keeps its last words for the message.
        let resident = self.resident();
        let story = if is_ended { resident.story() } else { resident.take_story() };
        for line in story.lines() {
            self.loan.host.log("info", line);
        }
    }

    fn resident(&mut self) -> &Resident {
        self.loan.resident.as_ref().expect("only the end of the loan takes it")
    }
}

fn subscribed(id: u64, opened: Result<Feed, Failure>) -> Answered {
    let (answer, feed) = match opened {
        Ok(feed) => (Answer::Ok { value: Value::Null }, Some(feed)),
        Err(failure) => (Answer::Failed { failure }, None),
    };
    Answered { id, is_ask: false, answer, feed }
}

fn failed(kind: &str, message: String) -> Answer {
    Answer::Failed { failure: Failure { kind: kind.to_owned(), message, retry_after_ms: None } }
}

/// What comes next from a process; while it is blocked it owes no sign of life.
async fn sign(resident: &mut Resident, is_blocked: bool) -> Result<Sign, Trouble> {
    if is_blocked { resident.hear().await.map(Sign::Said) } else { resident.next().await }
}

/// A process at work; dropped before the end of its task, it is told to stop.
struct Loan<H: Host> {
    resident: Option<Resident>,
    pool: Arc<Pool>,
    host: H,
    token: String,
}

impl<H: Host> Drop for Loan<H> {
    fn drop(&mut self) {
        let Some(resident) = self.resident.take() else { return };
        let (pool, host) = (self.pool.clone(), self.host.clone());
        let cancelling = cancel(resident, pool, host, std::mem::take(&mut self.token));
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(cancelling);
        }
        // Outside of a runtime the resident is dropped with the future, and its process ended.
    }
}

/// Tells a process to stop and takes it back if it says that it did; otherwise drops it, which ends
/// its tree. The slot is held until one or the other.
async fn cancel<H: Host>(mut resident: Resident, pool: Arc<Pool>, host: H, token: String) {
    resident.send(&ToAgent::Cancel { token: token.clone() });
    let (hurry, grace_ms) = (resident.hurry(), pool.limits().grace_ms);
    let said = hurry.within(grace_ms, stopped(&mut resident, &host, &token)).await;
    if said == Some(true) {
        pool.give_back(resident);
    }
}

/// Whether it says so. Calls it makes before it has heard of its end are refused, and an answer to
/// the task is passed on to whoever knows that it comes too late.
async fn stopped<H: Host>(resident: &mut Resident, host: &H, token: &str) -> bool {
    while let Ok(message) = resident.hear().await {
        match message {
            FromAgent::Result { token: of, output } if of == token => {
                host.late(output).await;
                return true;
            }
            FromAgent::Error { token: of, .. } if of == token => return true,
            FromAgent::Result { .. } | FromAgent::Error { .. } => {}
            FromAgent::Ask { id, .. }
            | FromAgent::Once { id, .. }
            | FromAgent::Done { id, .. }
            | FromAgent::Publish { id, .. }
            | FromAgent::Subscribe { id, .. } => {
                let answer = failed("cancelled", "the task was cancelled".to_owned());
                resident.send(&ToAgent::Reply { id, answer });
            }
            FromAgent::Ready { .. }
            | FromAgent::Taken { .. }
            | FromAgent::Unsubscribe { .. }
            | FromAgent::Progress { .. }
            | FromAgent::Partial { .. }
            | FromAgent::Text { .. }
            | FromAgent::Heartbeat {}
            | FromAgent::Log { .. } => {}
        }
    }
    false
}
