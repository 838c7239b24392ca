//! One attempt while it lives: what its agent knows, what has come for it, and whether it may go
//! on.

mod again;
mod bond;
mod cancel;
mod driver;
mod group;
mod pace;
mod steps;
mod underway;

pub(crate) use cancel::Cancelled;
pub(crate) use driver::{drive, words_of};
pub(crate) use group::Group;
pub(crate) use steps::{Delivery, Reading};
pub(crate) use underway::Underway;

use crate::api::{Failure, Pen};
use crate::bus::{Access, Closer, Identity};
use crate::inbox::Then;
use crate::replay::Player;
use crate::secret::Redactor;
use crate::turn::{Runtime, lock};
use kernel::{Answer, AttemptId, Command, Dispatch, Outcome, Report, StepKind, Text};
use pace::Pace;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;
use steps::Steps;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// An attempt in this process.
pub(crate) struct Live {
    pub(crate) runtime: Runtime,
    pub(crate) dispatch: Dispatch,
    /// The input's bytes, once they are here.
    pub(crate) input: OnceLock<Arc<[u8]>>,
    pub(crate) value: OnceLock<serde_json::Value>,
    /// The input with the values of its secrets, and its bytes, where the agent is given them.
    pub(crate) opened: OnceLock<(serde_json::Value, Vec<u8>)>,
    /// Who it is on the bus, once it has spoken there.
    pub(crate) identity: OnceLock<Arc<Identity>>,
    /// What it may there, where its agent's entry says it.
    pub(crate) access: OnceLock<Arc<Access>>,
    /// The text that it writes, if it writes one.
    pub(crate) writing: Mutex<Weak<Pen>>,
    /// Answers in the kernel's place, where this is a task that is played again.
    pub(crate) player: Option<Arc<Player>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Wakes the driver.
    driver: Option<Waker>,
    /// The waker that the agent's code is polled with.
    root_waker: Option<Waker>,
    steps: Steps,
    /// Side effects that its code is at now.
    underway: HashSet<Text>,
    /// It waits without a slot and must not be polled.
    parked: bool,
    /// A slot was granted again.
    resumed: bool,
    /// It is to end.
    stopping: bool,
    /// It is to end and is given back, not failed.
    handed_back: bool,
    /// It was to end, and an answer that it found all the same was refused.
    refused: bool,
    /// Somebody in the agent's code listens for the cancellation.
    listeners: cancel::Listeners,
    /// Work that outlives the future; see [`crate::api::Hold`].
    hold: Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>,
    /// Signs of life that were promised stay out.
    silent: bool,
    /// Ends its subscriptions.
    closers: Vec<Closer>,
    pace: Pace,
    /// Futures inside that said themselves that nothing but the context matters.
    parking: usize,
    /// Futures inside that keep the slot, also while they only wait.
    occupied: usize,
}

impl Live {
    pub(crate) fn new(runtime: Runtime, dispatch: Dispatch) -> Arc<Live> {
        Live::with(runtime, dispatch, None)
    }

    /// One that speaks to nobody but this player.
    pub(crate) fn played(runtime: Runtime, dispatch: Dispatch, player: Arc<Player>) -> Arc<Live> {
        Live::with(runtime, dispatch, Some(player))
    }

    fn with(runtime: Runtime, mut dispatch: Dispatch, player: Option<Arc<Player>>) -> Arc<Live> {
        let steps = Steps::recorded(std::mem::take(&mut dispatch.steps));
        Arc::new(Live {
            runtime,
            dispatch,
            input: OnceLock::new(),
            value: OnceLock::new(),
            opened: OnceLock::new(),
            identity: OnceLock::new(),
            access: OnceLock::new(),
            writing: Mutex::default(),
            player,
            state: Mutex::new(State { steps, ..State::default() }),
        })
    }

    pub(crate) fn attempt(&self) -> AttemptId {
        self.dispatch.attempt
    }

    /// What must not leave it.
    pub(crate) fn redactor(&self) -> &Arc<Redactor> {
        &self.runtime.inner.desk.vault.redactor
    }

    /// Whether it occupies a slot now.
    pub(crate) fn works(&self) -> bool {
        !lock(&self.state).parked
    }

    /// Whether its lease is to be renewed now: it occupies a slot, was not renewed for so long, and
    /// really goes on; see [`pace`].
    pub(crate) fn renews(&self, now: Instant, every: Duration) -> bool {
        let mut state = lock(&self.state);
        !state.parked && !state.silent && state.pace.renews(now, every, every)
    }

    /// Signs of life that it has promised stay out, or come again.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        let mut state = lock(&self.state);
        state.silent = is_silent;
        state.pace.says(Instant::now());
    }

    /// Its code uses the context.
    pub(crate) fn says_something(&self) {
        lock(&self.state).pace.says(Instant::now());
    }

    /// Nobody was at work for so long.
    pub(crate) fn slept(&self, now: Instant, gap: Duration) {
        lock(&self.state).pace.forgive(now, gap);
    }

    /// Sends a report and waits until what it led to is durable.
    pub(crate) async fn report(&self, report: Report) -> Result<Answer, Failure> {
        self.says_something();
        if let Some(player) = &self.player {
            match player.answer(report) {
                Some(answer) => return Ok(answer),
                None => return std::future::pending().await,
            }
        }
        let command = Command::Report(self.attempt(), report);
        match self.runtime.send(command).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) => Err(Failure::refused(&refusal)),
            Err(_) => Err(Failure::new(kernel::FailureKind::Lost, "the orchestrator has ended")),
        }
    }

    /// Says what nobody waits for.
    pub(crate) fn tell(&self, report: Report) {
        self.says_something();
        if let Some(player) = &self.player {
            player.answer(report); // Nobody waits for it.
            return;
        }
        self.runtime.tell(Command::Report(self.attempt(), report));
    }

    /// An answer of work that was told to stop: the kernel says whether it is heard.
    pub(crate) async fn answer_late(&self, payload: kernel::Payload) {
        let refused = self.report(Report::Completed(payload)).await.is_err();
        lock(&self.state).refused |= refused;
    }

    /// Says how it ended. If the lease ended before the work did, all that is left to say is that
    /// the work has ended.
    fn tell_end(&self, report: Report) {
        if let Some(player) = &self.player {
            player.answer(report);
            return;
        }
        let attempt = self.attempt();
        let is_answer = matches!(report, Report::Completed(_));
        let ended: Then = Box::new(move |_, verdict| {
            let report = if is_answer { Report::EndedLate } else { Report::Ended };
            verdict.is_err().then_some(Command::Report(attempt, report))
        });
        self.runtime.tell_then(Command::Report(attempt, report), ended);
    }

    pub(crate) fn deliver(&self, step: Text, outcome: Arc<Outcome>) {
        self.change(|state| state.steps.arrived(step, outcome));
    }

    pub(crate) fn resume(&self) {
        self.change(|state| state.resumed = true);
    }

    pub(crate) fn stop(&self) {
        self.change(|state| state.stopping = true);
    }

    /// Ends it and gives the task back.
    pub(crate) fn hand_back(&self) {
        self.change(|state| {
            state.stopping = true;
            state.handed_back = true;
        });
    }

    /// Changes the state and lets the driver look at it.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// What is recorded of a step, and its outcome if it is at hand.
    pub(crate) fn recorded(&self, step: &str) -> Option<(StepKind, Option<Arc<Outcome>>)> {
        if let Some(player) = &self.player {
            player.touched(step);
        }
        lock(&self.state).steps.recorded_step(step)
    }

    /// A step was recorded just now.
    pub(crate) fn record(&self, step: &Text, kind: StepKind, outcome: Option<Arc<Outcome>>) {
        lock(&self.state).steps.record(step, kind, outcome);
    }

    /// A promise that the attempt's work goes on although its future may be gone.
    pub(crate) fn hold(&self) -> mpsc::Sender<()> {
        let mut state = lock(&self.state);
        state.hold.get_or_insert_with(|| mpsc::channel(1)).0.clone()
    }

    /// Waits until nobody holds on any more.
    async fn let_go(&self) {
        let hold = lock(&self.state).hold.take();
        if let Some((sender, mut receiver)) = hold {
            drop(sender);
            while receiver.recv().await.is_some() {}
        }
    }

    pub(crate) fn set_parking(&self, by: isize) {
        let mut state = lock(&self.state);
        state.parking = state.parking.saturating_add_signed(by);
    }

    pub(crate) fn set_occupied(&self, by: isize) {
        let mut state = lock(&self.state);
        state.occupied = state.occupied.saturating_add_signed(by);
    }

    /// Whether it is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Whether the slot is kept also while the code only waits.
    pub(crate) fn is_occupied(&self) -> bool {
        lock(&self.state).occupied > 0
    }
}
