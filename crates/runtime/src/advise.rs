//! Asks an adviser, and brings the kernel what it says.
//!
//! The adviser is whoever serves the capability `route`: it is asked by a task like any other, so
//! it may be a function, a program or a model. The task is a child of the one that it is about, so
//! that one's run pays for it, and it has a key that names the question: asked again after a crash,
//! it is the same task, whatever has changed meanwhile of what it would be told.

use crate::api::{Failure, Team};
use crate::canonical;
use crate::turn::{Inner, Runtime, lock};
use kernel::{Command, Effect, FailureKind, Question, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a task for `route` answers: one agent, or several, best first. Names of nobody, of whoever
/// may not have the task, and what comes too late do no harm: the kernel holds it against the
/// agents of the moment.
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
        let (ranking, words) = match route(&runtime, question).await {
            Ok(routed) => routed.said(),
            // This process is at its end: the next one asks again, or hears what was said.
            Err(failure) if failure.kind == FailureKind::Lost => return,
            Err(failure) => (Vec::new(), failure.message.into()),
        };
        runtime.tell(Command::Advice { task, until, ranking, words });
    });
}

impl Runtime {
    /// Agents have joined: asks what was asked when the process before ended, where somebody can
    /// say it now. The rest waits for who may yet come, for as long as the advice counts.
    pub(crate) fn ask_again(&self) {
        let mut unasked = lock(&self.inner.unasked);
        if unasked.is_empty() {
            return;
        }
        let open = self.look(|kernel, _| kernel.outstanding());
        let before = std::mem::take(&mut *unasked);
        for effect in open {
            let Effect::Advise(question) = &effect else { continue };
            let id = (question.task, question.until);
            if !before.contains(&id) {
                continue; // Of this process, which has asked it.
            }
            if self.look(|kernel, _| kernel.state().is_advised(question.task)) {
                self.inner.desk.perform(&self.inner, effect);
            } else {
                unasked.insert(id);
            }
        }
    }
}

impl Routed {
    /// The names, best first, and the words.
    fn said(self) -> (Vec<Text>, Text) {
        let sure = self.confidence.map(|it| format!(" (confidence {it})"));
        let ranking = self.agent.into_iter().chain(self.ranking).map(Text::from).collect();
        (ranking, (self.reason + sure.as_deref().unwrap_or("")).into())
    }
}

/// What whoever serves `route` says, in a task of its own: the one that an earlier process handed
/// over, if it came to that.
async fn route(runtime: &Runtime, question: Question) -> Result<Routed, Failure> {
    let team = Team { runtime: runtime.clone() };
    let ticket = match team.keyed(&question.tenant, &question.key()) {
        Some(known) => known,
        None => {
            if !runtime.look(|kernel, _| kernel.state().is_advised(question.task)) {
                return Err(Failure::rejected("nobody serves `route`"));
            }
            let (task, until) = (question.task, question.until);
            let blobs = runtime.inner.blobs.clone();
            let input = move || canonical::to_bytes(&asked(&question, &*blobs)?);
            let input = tokio::task::spawn_blocking(input).await??;
            team.consult(task, until, input).await?
        }
    };
    let said = ticket.outcome().await.map_err(|failure| {
        let message = format!("the task for `route` gave no advice: {failure}");
        Failure { message, ..failure }
    })?;
    serde_json::from_value(said).map_err(|why| {
        let why = format!("what serves `route` gave something else than advice: {why}");
        Failure::rejected(why)
    })
}

/// The input of a task for `route`.
fn asked(question: &Question, blobs: &dyn crate::port::Blobs) -> Result<Value, Failure> {
    let input: Value = canonical::from_bytes(&canonical::bytes_of(&question.input, blobs)?)?;
    let candidates = question.candidates.iter().map(|it| {
        let serves = it.serves.iter().map(|it| format!("{}@{}", it.capability, it.version));
        json!({
            "agent": &*it.agent,
            "about": it.about.as_deref(),
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
