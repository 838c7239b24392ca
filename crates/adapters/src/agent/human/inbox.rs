//! What waits for a person in this process, and the way for an answer.
//!
//! An answer is recorded as a step of the task, by the attempt that asks and under its token: so
//! the kernel judges whether it is still wanted, the second one is late, and none is acknowledged
//! before it is durable. Only then is the attempt told to go on.

use kernel::{TaskId, Text};
use runtime::api::{Context, Failure, OnUnknown};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The step under which an answer is recorded.
pub(super) const ANSWER: &str = "answer";

/// Questions shown at once; the others are counted.
const SHOWN_MAX: usize = 200;
/// How much of a question is shown.
const SHOWN_MAX_CHARS: usize = 2_000;
/// The longest note and the longest name of who answers.
const WORDS_MAX_CHARS: usize = 2_000;

/// Questions that wait in this process. Cheap to clone; clones are one inbox.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<BTreeMap<TaskId, Question>>>);

struct Question {
    cx: Context,
    agent: Text,
    /// Somebody's answer is being recorded.
    answering: watch::Sender<bool>,
}

/// A question as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The task; answer under this number.
    pub task: u64,
    /// Its run.
    pub run: u64,
    /// Who is asked.
    pub agent: String,
    /// What is asked for.
    pub capability: String,
    /// The question: the task's input as JSON, its end cut off where it is long.
    pub question: String,
    /// Milliseconds until silence becomes a no.
    pub left_ms: Option<u64>,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `true` is yes, `false` is no; anything else is the task's output.
    pub value: Value,
    /// Who says it.
    pub by: String,
    /// Why.
    pub note: String,
}

impl Inbox {
    /// What waits, oldest first, and how many more there are than are shown.
    #[must_use]
    pub fn waiting(&self) -> (Vec<Waiting>, usize) {
        let questions = self.lock();
        let shown = questions.iter().take(SHOWN_MAX).map(|(task, question)| question.shown(*task));
        (shown.collect(), questions.len().saturating_sub(SHOWN_MAX))
    }

    /// Answers a question; the answer is durable on return.
    ///
    /// # Errors
    /// Nothing waits under this number, or not any more; the attempt that asks has lost its lease.
    pub async fn answer(&self, task: TaskId, answer: Answer) -> Result<(), Failure> {
        let (cx, _answering) = self.take(task)?;
        let Answer { value, by, note } = answer;
        let cut = |text: String| text.chars().take(WORDS_MAX_CHARS).collect::<String>();
        let (by, note) = (cut(by), cut(note));
        let mut said = format!("{by} answered {}", shortened(&value));
        if !note.is_empty() {
            said.push_str(&format!(": {note}"));
        }
        let record = json!({ "answer": value, "by": by, "note": note });
        cx.once(ANSWER, async { Ok(record) }).on_unknown(OnUnknown::Retry).await?;
        cx.log(runtime::port::observer::Level::Info, said);
        self.lock().remove(&task);
        cx.signal(ANSWER).await
    }

    /// Takes a question to answer it. Two that answer at once are one answer and one that is late.
    fn take(&self, task: TaskId) -> Result<(Context, Answering), Failure> {
        let questions = self.lock();
        let question = questions.get(&task).ok_or_else(|| {
            Failure::rejected(format!(
                "task {task} waits for nobody's answer: it is answered, past its deadline, ended, \
                 or no question; see `majordomo inbox`"
            ))
        })?;
        if question.answering.send_replace(true) {
            return Err(Failure::rejected(format!(
                "task {task} is being answered by somebody else just now: this answer is late"
            )));
        }
        Ok((question.cx.clone(), Answering(question.answering.clone())))
    }

    /// A question comes in; it is withdrawn when what this gives is dropped.
    pub(super) fn ask(&self, cx: &Context, agent: Text) -> Asked {
        let answering = watch::Sender::new(false);
        let question = Question { cx: cx.clone(), agent, answering: answering.clone() };
        self.lock().insert(cx.attempt().task, question);
        Asked { inbox: self.clone(), cx: cx.clone(), answering }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TaskId, Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    fn shown(&self, task: TaskId) -> Waiting {
        let cx = &self.cx;
        let left_ms = cx.sleeps_for().map(|left| left.as_millis().try_into().unwrap_or(u64::MAX));
        Waiting {
            task: task.0,
            run: cx.run_id().0,
            agent: self.agent.to_string(),
            capability: cx.capability().to_owned(),
            question: shortened(cx.input()),
            left_ms,
        }
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// While it exists an answer is being recorded; without success the question is open again after.
struct Answering(watch::Sender<bool>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// A question of one attempt.
pub(super) struct Asked {
    inbox: Inbox,
    cx: Context,
    answering: watch::Sender<bool>,
}

impl Asked {
    /// Takes no answer from now on; returns when the one under way, if there is one, is recorded or
    /// refused.
    pub(super) async fn close(&self) {
        self.withdraw();
        let mut answering = self.answering.subscribe();
        let _ = answering.wait_for(|answering| !answering).await; // Its sender is ours.
    }

    /// Another attempt's question under the same number stays.
    fn withdraw(&self) {
        let mut questions = self.inbox.lock();
        let attempt = self.cx.attempt();
        if questions.get(&attempt.task).is_some_and(|it| it.cx.attempt() == attempt) {
            questions.remove(&attempt.task);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.withdraw();
    }
}
