//! One task again, over what is recorded of it.
//!
//! ```text
//!   kernel as it was ─▶ step table ─▶ the agent's code ─▶ asks ─▶ recorded? ─▶ answered from it
//!                                          │                        └ no: a difference, or,
//!                                          └─▶ returns                of an open task, the end
//! ```
//!
//! The code runs on the same rails as ever (its context, its completions in the order of the
//! journal), and whatever it tells the kernel comes to a `Player` instead, which knows the table.
//! So nothing is journaled, nobody is asked, and no side effect is performed.

use crate::Bounds;
use crate::attempt::{Live, drive};
use crate::llm::Request;
use crate::port::{Agent, Blobs, Journal};
use crate::turn::{Runtime, lock};
use kernel::{
    AgentId, Answer, AttemptId, Digest, Dispatch, Kernel, Outcome, Payload, Report, StepKind,
    StepRecord, TaskId, Text,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// So long code may go on without an end; it has nobody to wait for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A task as the journal tells it.
#[derive(Clone)]
pub struct Recorded {
    /// Everything, just before the task was settled; if it is open, at the end of the journal.
    pub kernel: Kernel,
    /// Which task.
    pub task: TaskId,
    /// Who had it.
    pub agent: AgentId,
    /// Whether it has ended: then it asks for nothing that is not recorded.
    pub is_settled: bool,
}

/// What became of it this time.
#[derive(Debug, Default)]
pub struct Played {
    /// Recorded steps that were asked for again.
    pub steps: usize,
    /// Children that are recorded and were not asked for.
    pub unasked: Vec<Text>,
    /// What is asked otherwise than it was.
    pub differences: Vec<Difference>,
    /// Where an open task goes on beyond the record.
    pub beyond: Vec<Text>,
    /// Requests to models, each beside the digest of what was asked, where that is recorded.
    pub requests: Vec<Asked>,
    /// How the code ended; `None`: it did not, as it waits for what is not recorded.
    pub end: Option<Ended>,
}

/// A step that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub step: Text,
    /// What is recorded.
    pub recorded: String,
    /// What is asked now.
    pub now: String,
}

/// A request to a model, as it would be made now.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Under which step.
    pub step: String,
    /// Of the request that was made, where that was recorded.
    pub recorded: Option<Digest>,
    /// Of this one.
    pub now: Digest,
    /// This one.
    pub request: Arc<Request>,
}

/// How code ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// With this output.
    Completed(Payload),
    /// So.
    Failed(kernel::Failure),
}

/// Answers in the kernel's place, from the record.
pub(crate) struct Player {
    steps: BTreeMap<Text, StepRecord>,
    is_settled: bool,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    touched: BTreeSet<Text>,
    played: Played,
}

/// Runs the code of an agent over the record of a task. `journal` is one that nobody else has and
/// that forgets, `blobs` one that keeps what is put to itself.
pub async fn play(
    recorded: Recorded,
    agent: Arc<dyn Agent>,
    journal: Box<dyn Journal>,
    blobs: Arc<dyn Blobs>,
) -> Played {
    let Some(dispatch) = dispatch(&recorded) else { return Played::default() };
    let player = Arc::new(Player {
        steps: dispatch.steps.iter().cloned().collect(),
        is_settled: recorded.is_settled,
        notes: Mutex::default(),
    });
    let runtime =
        Runtime::new(recorded.kernel, journal, blobs, Vec::new(), &Bounds::default(), None);
    let live = Live::played(runtime, dispatch, player.clone());
    // What it finds until then is told; code that spins is told as one that does not end.
    let _ = tokio::time::timeout(PATIENCE, drive(live, agent)).await;
    player.played()
}

/// The attempt that had the task last, with all that is recorded.
fn dispatch(recorded: &Recorded) -> Option<Dispatch> {
    let state = recorded.kernel.state();
    let task = state.task(recorded.task)?;
    Some(Dispatch {
        attempt: task.attempt().unwrap_or(AttemptId { task: task.id, token: kernel::Token(0) }),
        agent: recorded.agent,
        run: task.run,
        parent: task.parent.as_deref().cloned(),
        terms: task.terms.clone(),
        input: task.input.clone(),
        bids_for: None,
        number: task.grants,
        deadline: task.deadline,
        steps: task.steps_in_order(),
    })
}

impl Player {
    /// What the kernel would have said; `None`: the code waits here for ever.
    pub(crate) fn answer(&self, report: Report) -> Option<Answer> {
        match report {
            Report::Ask { step, submit } => {
                let (capability, input) = (&submit.terms.capability, submit.input.digest);
                self.not_as_recorded(step, format!("asks {capability} with input {input:?}"))
            }
            Report::Once { step, again } => self.once(step, again),
            Report::Sleep { step, ms } => self.not_as_recorded(step, format!("sleeps {ms} ms")),
            Report::Publish { topic, .. } => {
                self.not_as_recorded(topic.clone(), format!("publishes to {topic}"))
            }
            Report::Completed(output) => self.ended(Ended::Completed(output)),
            Report::Failed(failure) => self.ended(Ended::Failed(failure)),
            Report::Started
            | Report::Bid { .. }
            | Report::HandedBack
            | Report::Ended
            | Report::EndedLate
            | Report::OnceDone { .. }
            | Report::Wait { .. }
            | Report::Spent(_)
            | Report::SpentOn(..) => Some(Answer::Done),
        }
    }

    fn once(&self, step: Text, again: bool) -> Option<Answer> {
        let Some(StepRecord { kind: StepKind::Once { .. }, outcome }) = self.steps.get(&step)
        else {
            return self.not_as_recorded(step, "does something once".to_owned());
        };
        match outcome {
            // One that could be tried again: the last word of a task that has ended with it.
            Some((_, outcome)) if self.is_settled => Some(Answer::Recorded(outcome.clone())),
            None if self.is_settled && !again => Some(Answer::Unknown),
            Some(_) | None => {
                let mut notes = lock(&self.notes);
                notes.played.beyond.push(step);
                None
            }
        }
    }

    /// A step that is recorded as something else, or not at all.
    fn not_as_recorded(&self, step: Text, now: String) -> Option<Answer> {
        let mut notes = lock(&self.notes);
        match self.steps.get(&step) {
            None if !self.is_settled => notes.played.beyond.push(step),
            record => {
                let recorded = record.map_or_else(|| "nothing".to_owned(), words);
                notes.played.differences.push(Difference { step, recorded, now });
            }
        }
        None
    }

    fn ended(&self, end: Ended) -> Option<Answer> {
        lock(&self.notes).played.end = Some(end);
        Some(Answer::Done)
    }

    /// The code knows of this step.
    pub(crate) fn touched(&self, step: &str) {
        if let Some((step, _)) = self.steps.get_key_value(step) {
            lock(&self.notes).touched.insert(step.clone());
        }
    }

    pub(crate) fn asked(&self, asked: Asked) {
        lock(&self.notes).played.requests.push(asked);
    }

    fn played(&self) -> Played {
        let mut notes = lock(&self.notes);
        let mut played = std::mem::take(&mut notes.played);
        played.steps = notes.touched.len();
        let children =
            self.steps.iter().filter(|(_, it)| matches!(it.kind, StepKind::Child { .. }));
        let unasked = children.filter(|(step, _)| !notes.touched.contains(*step));
        played.unasked = unasked.map(|(step, _)| step.clone()).collect();
        played
    }
}

/// What is recorded of a step.
fn words(record: &StepRecord) -> String {
    match &record.kind {
        StepKind::Child { capability, input, .. } => {
            format!("asks {capability} with input {input:?}")
        }
        StepKind::Once { .. } => "does something once".to_owned(),
        StepKind::Timer { .. } => "sleeps".to_owned(),
    }
}

/// Whether a task that ended so was ended from outside, and not by what its code returned.
#[must_use]
pub fn is_from_outside(outcome: &Outcome) -> bool {
    use kernel::FailureKind as Kind;
    match outcome {
        Outcome::Completed(_) => false,
        Outcome::Cancelled(_) => true,
        Outcome::Failed(failure) | Outcome::Dead(failure) => matches!(
            failure.kind,
            Kind::Timeout
                | Kind::LeaseExpired
                | Kind::Crash
                | Kind::Deadline
                | Kind::OverBudget
                | Kind::Shed
                | Kind::Lost
        ),
    }
}
