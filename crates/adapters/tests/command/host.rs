//! A host that remembers: what a program asked for, what it recorded, and who holds a slot.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use adapters::agent::command::wire::{Answer, Failure, Heard, OnUnknown, Outcome, Said, Wanted};
use adapters::agent::command::{Assignment, Census, Feed, Host, Later, News, Writing};
use futures_util::StreamExt;
use serde_json::{Value, json};

type Responder = Arc<dyn Fn(&str, &Value) -> Later<Answer> + Send + Sync>;

/// Answers `ask` by a function, keeps steps like a journal, and notes everything in order.
#[derive(Clone)]
pub(crate) struct Remembering {
    notes: Arc<Mutex<Vec<String>>>,
    /// `None`: begun, and nobody knows.
    steps: Arc<Mutex<BTreeMap<String, Option<Answer>>>>,
    responder: Responder,
    /// Attempts that have not let go of their slot.
    pub(crate) slots: Census,
    /// How often an attempt gave its slot back to wait.
    pub(crate) parked: Arc<AtomicU64>,
    /// Messages that subscriptions have given away.
    pub(crate) offered: Arc<AtomicU64>,
    /// Heartbeats that were passed on.
    pub(crate) heard: Arc<AtomicU64>,
    /// Whoever has this holds up the hearing of late answers.
    pub(crate) hearing: Arc<tokio::sync::Mutex<()>>,
}

impl Remembering {
    /// A child of `ask` answers with its input.
    pub(crate) fn new() -> Self {
        Self::answering(|_, input| {
            let value = input.clone();
            Box::pin(async move { Answer::Ok { value } })
        })
    }

    pub(crate) fn answering(
        responder: impl Fn(&str, &Value) -> Later<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self {
            notes: Arc::default(),
            steps: Arc::default(),
            responder: Arc::new(responder),
            slots: Census::new(),
            parked: Arc::default(),
            offered: Arc::default(),
            heard: Arc::default(),
            hearing: Arc::default(),
        }
    }

    /// Everything in order, heartbeats apart.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap().push(text);
    }
}

impl Host for Remembering {
    fn ask(&self, step: Option<String>, capability: String, input: Value) -> Later<Answer> {
        self.note(format!("ask {capability} {} {input}", step.as_deref().unwrap_or("-")));
        (self.responder)(&capability, &input)
    }

    fn once(&self, step: String, on_unknown: OnUnknown) -> Later<Answer> {
        let retry = on_unknown == OnUnknown::Retry;
        self.note(format!("once {step} {retry}"));
        let mut steps = self.steps.lock().unwrap();
        let answer = match steps.get(&step) {
            Some(Some(recorded)) => recorded.clone(),
            Some(None) if !retry => Answer::Unknown {},
            Some(None) | None => Answer::Run { key: format!("t1/{step}") },
        };
        steps.entry(step).or_insert(None);
        Box::pin(async move { answer })
    }

    fn done(&self, step: String, outcome: Outcome) -> Later<Answer> {
        self.note(format!("done {step}"));
        let recorded = match outcome {
            Outcome::Ok { value } => Answer::Ok { value },
            Outcome::Failed { failure } => Answer::Failed { failure },
        };
        self.steps.lock().unwrap().insert(step, Some(recorded));
        Box::pin(async { Answer::Ok { value: Value::Null } })
    }

    fn publish(&self, said: Said) -> Later<Answer> {
        self.note(format!("publish {} {}", said.subject, said.body));
        Box::pin(async { Answer::Ok { value: json!({ "delivered": 1, "dropped": 0 }) } })
    }

    /// Messages with numbers, without end; of `two`, two and the end.
    fn subscribe(&self, wanted: Wanted) -> Later<Result<Feed, Failure>> {
        let subject = wanted.subject.unwrap_or_else(|| "broadcasts".into());
        self.note(format!("subscribe {subject}"));
        let offered = self.offered.clone();
        let count = if subject == "two" { 2 } else { usize::MAX };
        let heard = move |body: usize| {
            offered.fetch_add(1, Ordering::Relaxed);
            let subject = subject.clone();
            let said = Said { subject, schema: "Value".into(), version: 1, body: json!(body) };
            News::Heard(Heard {
                sender: "x".into(),
                said,
                sent_at_ms: 0,
                dropped: 0,
                unreadable: None,
            })
        };
        let end = futures_util::stream::iter([News::Ended("overflow")]);
        let feed: Feed = Box::pin(futures_util::stream::iter((0..count).map(heard)).chain(end));
        Box::pin(async { Ok(feed) })
    }

    fn progress(&self, fraction: Option<f32>, message: &str) {
        self.note(format!("progress {fraction:?} {message}"));
    }

    fn partial(&self, output: &Value) {
        self.note(format!("partial {output}"));
    }

    fn text(&self) -> Writing {
        self.note("a text begins".to_owned());
        let own = self.clone();
        Box::new(move |piece| own.note(format!("text {piece}")))
    }

    fn started(&self) {}

    fn heartbeat(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    fn silent(&self) {
        self.note("silent".into());
    }

    async fn late(&self, output: Value) {
        self.note(format!("late {output}"));
        let _heard = self.hearing.lock().await;
    }

    fn log(&self, level: &str, message: &str) {
        self.note(format!("log {level} {message}"));
    }

    async fn parked<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        self.parked.fetch_add(1, Ordering::Relaxed);
        future.await
    }

    fn hold(&self) -> Box<dyn Any + Send + Sync> {
        Box::new(self.slots.enter())
    }
}

/// The `n`-th attempt at task `t1`: the key stays, the token rises.
pub(crate) fn attempt(n: u32, capability: &str, input: Value) -> Assignment {
    Assignment {
        task: "t1".into(),
        token: (100 + n).to_string(),
        attempt: n,
        run: "r1".into(),
        key: "t1".into(),
        capability: capability.into(),
        input,
    }
}

pub(crate) fn failed(kind: &str, message: &str) -> Answer {
    let failure = Failure { kind: kind.into(), message: message.into(), retry_after_ms: None };
    Answer::Failed { failure }
}

/// The first attempt, with no input.
pub(crate) fn first() -> Assignment {
    attempt(1, "it", json!(null))
}
