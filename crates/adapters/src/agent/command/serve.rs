//! The program as an agent of the runtime: its context is the host, its failures are the kernel's.

use std::any::Any;

use kernel::FailureKind;
use runtime::api::{Begun, Context, Failure, OnUnknown};
use runtime::port::observer::Level;
use runtime::port::{Agent, BoxFuture, Vitals};
use serde_json::Value;

use super::fault::{Fault, Meaning, meaning};
use super::host::{Assignment, Feed, Host, Later, Writing};
use super::wire::{self, Answer, Outcome};
use super::{Command, Ended, aboard};

/// When everybody is busy: about as long as a short task takes.
const BUSY_RETRY_AFTER_MS: u64 = 1_000;

impl Agent for Command {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let agent = self.clone();
        Box::pin(async move {
            let work = assignment(&cx);
            agent.attempt(cx, work).await.map_err(failure)
        })
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let started = Command::start(self, vitals).await;
            started.map_err(|fault| failure(Ended::Fault(fault)))
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(Command::stop(self))
    }

    fn resize(&self, slots: u32) {
        Command::resize(self, slots);
    }
}

/// The token as a plain number, so that a store outside can compare it.
fn assignment(cx: &Context) -> Assignment {
    let attempt = cx.attempt();
    Assignment {
        task: attempt.task.to_string(),
        token: attempt.token.0.to_string(),
        attempt: cx.attempt_no(),
        run: cx.run_id().to_string(),
        key: cx.key(),
        capability: cx.capability().to_owned(),
        input: cx.input().clone(),
    }
}

impl Host for Context {
    fn ask(&self, step: Option<String>, capability: String, input: Value) -> Later<Answer> {
        let asking = match step {
            Some(step) => self.ask_value_as(&step, &capability, input),
            None => self.ask_value(&capability, input),
        };
        Box::pin(async move { answer(asking.await) })
    }

    fn once(&self, step: String, on_unknown: wire::OnUnknown) -> Later<Answer> {
        let cx = self.clone();
        let on_unknown = match on_unknown {
            wire::OnUnknown::Fail => OnUnknown::Fail,
            wire::OnUnknown::Retry => OnUnknown::Retry,
            wire::OnUnknown::AskHuman => OnUnknown::AskHuman,
        };
        Box::pin(async move {
            match cx.once_begin(&step, on_unknown).await {
                Ok(Begun::Run { key }) => Answer::Run { key },
                Ok(Begun::Recorded(result)) => answer(result),
                Ok(Begun::Unknown) => Answer::Unknown {},
                Err(failure) => answer(Err(failure)),
            }
        })
    }

    fn done(&self, step: String, outcome: Outcome) -> Later<Answer> {
        let cx = self.clone();
        let result = match outcome {
            Outcome::Ok { value } => Ok(value),
            Outcome::Failed { failure } => Err(Failure::from(failure)),
        };
        Box::pin(async move { answer(cx.once_end(&step, result).await.map(|()| Value::Null)) })
    }

    fn publish(&self, said: wire::Said) -> Later<Answer> {
        let cx = self.clone();
        Box::pin(async move { answer(aboard::publish(&cx, said).await) })
    }

    fn subscribe(&self, wanted: wire::Wanted) -> Later<Result<Feed, wire::Failure>> {
        let cx = self.clone();
        Box::pin(async move { aboard::subscribe(&cx, wanted).await.map_err(told) })
    }

    fn progress(&self, fraction: Option<f32>, message: &str) {
        Context::progress(self, fraction, message);
    }

    fn partial(&self, output: &Value) {
        Context::partial(self, output);
    }

    fn text(&self) -> Writing {
        let writing = self.writing();
        Box::new(move |piece| writing.push(piece))
    }

    fn started(&self) {
        Context::started(self);
    }

    fn heartbeat(&self) {
        Context::heartbeat(self);
    }

    fn silent(&self) {
        Context::silent(self);
    }

    async fn late(&self, output: Value) {
        Context::answer_late(self, output).await;
    }

    fn log(&self, level: &str, message: &str) {
        let level = match level {
            "debug" => Level::Debug,
            "warn" => Level::Warn,
            "error" => Level::Error,
            _ => Level::Info,
        };
        Context::log(self, level, message);
    }

    async fn parked<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        Context::parked(self, future).await
    }

    fn hold(&self) -> Box<dyn Any + Send + Sync> {
        Box::new(Context::hold(self))
    }
}

fn answer(result: Result<Value, Failure>) -> Answer {
    match result {
        Ok(value) => Answer::Ok { value },
        Err(failure) => Answer::Failed { failure: told(failure) },
    }
}

fn told(Failure { kind, message, retry_after_ms, .. }: Failure) -> wire::Failure {
    wire::Failure { kind: word(kind), message, retry_after_ms }
}

/// The kernel's own word for it, as it stands in the journal.
fn word(kind: FailureKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(word)) => word,
        Ok(_) | Err(_) => "error".into(),
    }
}

/// What a program may say of its own failure. Only the runtime knows that an attempt was lost or
/// late: lost attempts are not charged to the task, so a program could try for ever.
fn kind(word: &str) -> FailureKind {
    match serde_json::from_value(Value::String(word.to_owned())) {
        Err(_) | Ok(FailureKind::Lost | FailureKind::LeaseExpired | FailureKind::Deadline) => {
            FailureKind::Error
        }
        Ok(kind) => kind,
    }
}

impl From<wire::Failure> for Failure {
    fn from(failure: wire::Failure) -> Self {
        let wire::Failure { kind: word, message, retry_after_ms } = failure;
        Self { retry_after_ms, ..Failure::new(kind(&word), message) }
    }
}

/// A function and no `From`: every error is a [`Failure`] already, but always one of kind `Error`.
fn failure(ended: Ended) -> Failure {
    let fault = match ended {
        Ended::Reported(failure) => return failure.into(),
        Ended::Fault(fault) => fault,
    };
    let mut retry_after_ms = None;
    let kind = match &fault {
        Fault::Exited { code, .. } => match meaning(*code) {
            Meaning::Rejected => FailureKind::Rejected,
            Meaning::Overloaded => FailureKind::Overloaded,
            Meaning::Error | Meaning::Done => FailureKind::Error,
        },
        Fault::NotStarted(_) => FailureKind::Error,
        Fault::TimedOut { .. } => FailureKind::Timeout,
        Fault::TooMuchOutput { .. } | Fault::Garbage { .. } | Fault::Protocol { .. } => {
            FailureKind::Garbage
        }
        Fault::Killed { .. }
        | Fault::Gone { .. }
        | Fault::NotReady { .. }
        | Fault::NotGone { .. } => FailureKind::Crash,
        Fault::NoneFree { .. } => {
            retry_after_ms = Some(BUSY_RETRY_AFTER_MS);
            FailureKind::Overloaded
        }
    };
    Failure { retry_after_ms, ..Failure::new(kind, fault.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_speaks_of_its_own_failures_only() {
        assert_eq!(kind("rejected"), FailureKind::Rejected);
        assert_eq!(kind("unknown"), FailureKind::Unknown);
        for word in ["lost", "lease_expired", "deadline", "cancelled", "nonsense", ""] {
            assert_eq!(kind(word), FailureKind::Error, "{word}");
        }
        assert_eq!(word(FailureKind::OverBudget), "over_budget");
    }

    #[test]
    fn exit_codes_become_the_kernel_s_kinds() {
        let kind_of = |code| {
            let program = "p".to_string();
            failure(Ended::from(Fault::Exited { program, code, last_words: None })).kind
        };
        assert_eq!(kind_of(65), FailureKind::Rejected);
        assert_eq!(kind_of(75), FailureKind::Overloaded);
        assert_eq!(kind_of(1), FailureKind::Error);
    }
}
