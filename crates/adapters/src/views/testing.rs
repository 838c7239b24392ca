//! A kernel in the hand, for tests: tell it things, and look at the views of what it wrote.

use super::Views;
use kernel::{
    AgentSpec, AttemptId, Begin, Command, Digest, Entry, Failure, FailureKind, Kernel, Limits,
    Outcome, Payload, Report, Serves, Submit, TaskId, Terms, Time, Token,
};
use runtime::port::journal::Seq;
use std::sync::Arc;

/// Wall time when the first kernel began: 2026-01-02T03:04:05Z.
pub const BEGAN_MS: u64 = 1_767_323_045_000;

/// A kernel, everything it has written, and the time.
pub struct Scene {
    /// The decision maker.
    pub kernel: Kernel,
    /// What it has written, numbered.
    pub journal: Vec<(Seq, Entry)>,
    /// Kernel time, milliseconds.
    pub now_ms: u64,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene::new()
    }
}

impl Scene {
    /// A runtime that has just begun.
    #[must_use]
    pub fn new() -> Scene {
        let kernel = Kernel::new(Limits::default());
        let mut scene = Scene { kernel, journal: Vec::new(), now_ms: 0 };
        scene.begin(0);
        scene
    }

    /// A process takes over, after this many milliseconds in which none ran.
    pub fn begin(&mut self, down_ms: u64) {
        let offset = self.kernel.state().wall_offset_ms as u64;
        let wall_ms = match offset {
            0 => BEGAN_MS,
            offset => offset + self.now_ms + down_ms,
        };
        self.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms }));
    }

    /// One command at the present time.
    pub fn tell(&mut self, command: Command) {
        let step = self.kernel.step(Time(self.now_ms), command);
        for entry in &step.entries {
            let seq = Seq(self.journal.len() as u64 + 1);
            self.journal.push((seq, entry.clone()));
        }
    }

    /// Time passes.
    pub fn after(&mut self, ms: u64) -> &mut Scene {
        self.now_ms += ms;
        self.tell(Command::Tick);
        self
    }

    /// An agent joins that serves these capabilities.
    pub fn join(&mut self, name: &str, serves: &[&str], slots: u32) {
        let serves =
            serves.iter().map(|it| Serves { capability: (*it).into(), version: 1 }).collect();
        self.tell(Command::Join(Arc::new(AgentSpec::new(name, "native", serves, slots))));
    }

    /// A root task.
    pub fn submit(&mut self, capability: &str, input: &str) -> TaskId {
        self.tell(Command::Submit(question(capability, input)));
        self.kernel.state().last_task
    }

    /// The attempt that has a task now.
    #[must_use]
    pub fn attempt(&self, task: TaskId) -> AttemptId {
        let attempt = self.kernel.state().task(task).and_then(|task| task.attempt());
        attempt.unwrap_or(AttemptId { task, token: Token(0) })
    }

    /// The holder of a task says something.
    pub fn report(&mut self, task: TaskId, report: Report) {
        self.tell(Command::Report(self.attempt(task), report));
    }

    /// It has begun.
    pub fn start(&mut self, task: TaskId) {
        self.report(task, Report::Started);
    }

    /// It asks for a child.
    pub fn ask(&mut self, task: TaskId, step: &str, capability: &str, input: &str) -> TaskId {
        let submit = Box::new(question(capability, input));
        self.report(task, Report::Ask { step: step.into(), submit });
        self.kernel.state().last_task
    }

    /// It waits for its steps.
    pub fn wait(&mut self, task: TaskId) {
        self.report(task, Report::Wait { seen: u32::MAX });
    }

    /// It performs a side effect.
    pub fn once(&mut self, task: TaskId, step: &str, output: &str) {
        self.report(task, Report::Once { step: step.into(), again: true });
        let outcome = Outcome::Completed(payload(output));
        self.report(task, Report::OnceDone { step: step.into(), outcome });
    }

    /// It is done.
    pub fn complete(&mut self, task: TaskId, output: &str) {
        self.report(task, Report::Completed(payload(output)));
    }

    /// Its attempt failed.
    pub fn fail(&mut self, task: TaskId, kind: FailureKind, message: &str) {
        self.report(task, Report::Failed(Failure::new(kind, message)));
    }

    /// All work that was told to stop has stopped.
    pub fn stopped(&mut self) {
        self.stopped_with(&Report::Ended);
    }

    /// The same, with answers that came too late.
    pub fn stopped_late(&mut self) {
        self.stopped_with(&Report::EndedLate);
    }

    fn stopped_with(&mut self, report: &Report) {
        let stopping = &self.kernel.state().stopping;
        let stopping: Vec<AttemptId> =
            stopping.iter().map(|(token, it)| AttemptId { task: it.task, token: *token }).collect();
        for attempt in stopping {
            self.tell(Command::Report(attempt, report.clone()));
        }
    }

    /// Views of everything written so far.
    #[must_use]
    pub fn views(&self, path: &std::path::Path) -> Views {
        let mut views = Views::open(path).expect("a fresh directory");
        views.apply(&self.journal).expect("entries of a kernel");
        views
    }
}

/// A task on offer, with JSON as its input.
#[must_use]
pub fn question(capability: &str, input: &str) -> Submit {
    Submit::new(Terms::new(capability), payload(input))
}

/// JSON as a payload; its digest is good enough to tell one from another.
#[must_use]
pub fn payload(json: &str) -> Payload {
    let mut digest = [0_u8; 32];
    for (at, byte) in json.bytes().enumerate() {
        digest[at % 32] = digest[at % 32].wrapping_mul(31).wrapping_add(byte);
    }
    let len = json.len() as u32;
    Payload { digest: Digest(digest), len, inline: Some(Arc::from(json.as_bytes())) }
}
