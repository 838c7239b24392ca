//! Asks an adviser, and brings the kernel what it says.
//!
//! Unless a team brings an adviser of its own, the adviser is whoever serves the capability
//! `route`: it is asked by a task like any other, so it may be a function, a program or a model.
//! The task is a root of its own under a key that names the question: asked again after a crash, it
//! is the same task.

use crate::api::{Failure, describe};
use crate::canonical;
use crate::desk::Desk;
use crate::port::adviser::Advice;
use crate::turn::{Inner, Runtime};
use kernel::{Answer, Command, Effect, Outcome, Question, Submit, Terms, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a task for `route` answers: one agent, or several, best first.
#[derive(Deserialize)]
struct Routed {
    agent: Option<String>,
    #[serde(default)]
    ranking: Vec<String>,
    #[serde(default)]
    reason: String,
    confidence: Option<f64>,
}

/// Asks, and does not wait.
pub(crate) fn ask(inner: &Arc<Inner>, question: Question) {
    let runtime = Runtime { inner: inner.clone() };
    inner.tokio.spawn(async move {
        let (task, until) = (question.task, question.until);
        let advice = match runtime.inner.adviser.get() {
            Some(adviser) => adviser.advise(question).await,
            None => by_task(&runtime, question).await,
        };
        let ranking = advice.ranking.into_iter().map(Text::from).collect();
        let words = advice.words.into();
        runtime.tell(Command::Advice { task, until, ranking, words });
    });
}

impl Runtime {
    /// Asks what was asked when the process before ended.
    pub(crate) fn ask_again(&self) {
        for effect in self.look(|kernel, _| kernel.outstanding()) {
            if let Effect::Advise(question) = effect {
                ask(&self.inner, *question);
            }
        }
    }
}

/// By a task for whoever serves `route`.
async fn by_task(runtime: &Runtime, question: Question) -> Advice {
    let said = match route(runtime, question).await {
        Ok(value) => serde_json::from_value::<Routed>(value)
            .map_err(|why| format!("what serves `route` gave something else than advice: {why}")),
        Err(failure) => Err(failure.message),
    };
    match said {
        Ok(routed) => {
            let sure = routed.confidence.map(|it| format!(" (confidence {it})"));
            let ranking = routed.agent.into_iter().chain(routed.ranking).collect();
            Advice { ranking, words: routed.reason + sure.as_deref().unwrap_or("") }
        }
        Err(words) => Advice { ranking: Vec::new(), words },
    }
}

async fn route(runtime: &Runtime, question: Question) -> Result<Value, Failure> {
    let blobs = runtime.inner.blobs.clone();
    let left_ms = runtime.look(|_, now| question.until.since(now));
    let served = runtime.look(|kernel, _| {
        let terms = Terms { team: question.team.clone(), ..Terms::new("route") };
        kernel.state().is_served(&terms)
    });
    if !served {
        return Err(Failure::rejected("nobody serves `route`"));
    }
    let submit = tokio::task::spawn_blocking(move || -> Result<Submit, Failure> {
        let terms = Terms {
            team: question.team.clone(),
            tenant: question.tenant.clone(),
            ..Terms::new("route")
        };
        let bytes = canonical::to_bytes(&asked(&question, &*blobs)?)?;
        Ok(Submit {
            key: Some(format!("route/{}/{}", question.task, question.until.0).into()),
            deadline_ms: Some(left_ms.max(1)),
            ..Submit::new(terms, canonical::payload(bytes, &*blobs)?)
        })
    });
    let outcome = settled(runtime, submit.await??).await?;
    match &*outcome {
        Outcome::Completed(output) => {
            let (output, blobs) = (output.clone(), runtime.inner.blobs.clone());
            let read = move || canonical::bytes_of(&output, &*blobs);
            canonical::from_bytes(&tokio::task::spawn_blocking(read).await??)
        }
        other => Err(Failure::of("the task for `route`", other)),
    }
}

/// Hands the task over and waits for its end.
async fn settled(runtime: &Runtime, submit: Submit) -> Result<Arc<Outcome>, Failure> {
    let (expect, coming) = Desk::expecting();
    let lost = || Failure::new(kernel::FailureKind::Lost, "the orchestrator has ended");
    match runtime.send_then(Command::Submit(submit), expect).await {
        Ok(Ok(Answer::Accepted(receipt))) => match receipt.outcome {
            Some(outcome) => Ok(outcome),
            None => coming.await.map_err(|_| lost()),
        },
        Ok(Ok(_)) | Err(_) => Err(lost()),
        Ok(Err(refusal)) => Err(Failure::rejected(describe(&refusal))),
    }
}

/// The input of a task for `route`.
fn asked(question: &Question, blobs: &dyn crate::port::Blobs) -> Result<Value, Failure> {
    let input: Value = canonical::from_bytes(&canonical::bytes_of(&question.input, blobs)?)?;
    let candidates = question.candidates.iter().map(|it| {
        let serves = it.serves.iter().map(|it| format!("{}@{}", it.capability, it.version));
        json!({
            "agent": &*it.agent,
            "serves": serves.collect::<Vec<_>>(),
            "load": f64::from(it.load) / 1024.0,
            "prefer": it.prefer,
            "success": f64::from(it.record.success_percent()) / 100.0,
            "work_ms": it.record.work_ms(),
        })
    });
    Ok(json!({
        "task": question.task.0,
        "capability": &*question.capability,
        "input": input,
        "candidates": candidates.collect::<Vec<_>>(),
    }))
}
