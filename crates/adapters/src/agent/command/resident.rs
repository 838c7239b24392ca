//! A resident *jsonl* process: it has said `ready`, and lines go both ways until it ends.

use std::any::Any;
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::beat::Beat;
use super::fault::Fault;
use super::limits::Limits;
use super::pool::Place;
use super::wire::{self, FromAgent, ToAgent};
use crate::process::lines::{End, Lines};
use crate::process::output::Tail;
use crate::process::{Hurry, LAST_WORDS_CHARS, Present, Process, Program, told};

/// Lines to the agent that may wait beside the answers to its open calls: `hello`, `task`,
/// `cancel`, `shutdown`.
const OWN_LINES_MAX: usize = 4;

/// Lines of messages that wait for the program to read what is before them. Few: what waits here
/// can no longer make room in the queue of its subscription.
const NEWS_MAX: usize = 4;

/// How long the last lines of an ended process may take to come through the pipe.
const LAST_LINE_MAX: Duration = Duration::from_millis(20);

/// How much of a malformed line a message repeats.
const QUOTE_CHARS: usize = 80;

/// One process that serves task after task.
pub(super) struct Resident {
    process: Process,
    lines: Lines<ChildStdout>,
    /// Read by a task that writes to stdin, so that we never wait for an agent that does not read.
    outbox: mpsc::Sender<Vec<u8>>,
    /// The same for messages that it has subscribed to: they never stand before an answer.
    news: mpsc::Sender<Vec<u8>>,
    /// The version that it speaks; ours until it has said.
    version: u32,
    story: Tail,
    /// The signs of life that it has promised.
    beat: Option<Beat>,
    hurry: Hurry,
    /// Its place in the pool, once it is ready.
    place: Option<Place>,
    about: Arc<About>,
    _side: JoinSet<()>,
}

/// What all processes of one agent have in common.
#[derive(Debug)]
pub(super) struct About {
    pub(super) program: Program,
    pub(super) limits: Limits,
    /// The capabilities it must serve.
    pub(super) serves: Vec<String>,
}

impl About {
    pub(super) fn name(&self) -> String {
        self.program.name().to_string()
    }
}

/// What a process that works lets us know.
#[derive(Debug)]
pub(super) enum Sign {
    Said(FromAgent),
    /// It promised to say something and has not.
    Silent,
}

/// Why a process cannot be spoken with any longer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It closed its stdout, or a pipe broke.
    Closed,
    /// It said what nobody may say.
    Broke(String),
    /// It worked longer than it may.
    TimedOut(u64),
}

impl Resident {
    /// Starts it and waits for `ready`.
    pub(super) async fn start(
        about: Arc<About>,
        present: Present,
        hurry: Hurry,
        hold: impl Any + Send + Sync,
    ) -> Result<Self, Fault> {
        let (program, limits) = (&about.program, &about.limits);
        let (mut process, pipes) =
            Process::start(program, &BTreeMap::new(), limits, present).await?;
        process.keep(hold);
        process.hasten_by(&hurry);
        let (outbox, inbox) = mpsc::channel(limits.asks_max + OWN_LINES_MAX);
        let (news, coming) = mpsc::channel(NEWS_MAX);
        let story = Tail::new(limits.stderr_tail_bytes);
        let mut side = JoinSet::new();
        side.spawn(write(pipes.stdin, inbox, coming));
        side.spawn(story.clone().follow(pipes.stderr));
        let lines = Lines::new(pipes.stdout, limits.line_max_bytes);
        let resident = Self {
            process,
            lines,
            outbox,
            news,
            version: wire::VERSION,
            story,
            beat: None,
            hurry,
            place: None,
            about: about.clone(),
            _side: side,
        };
        resident.greeted().await
    }

    /// Says hello and hears `ready`.
    async fn greeted(mut self) -> Result<Self, Fault> {
        let Limits { start_ms, line_max_bytes, silence_max_beats, .. } = self.about.limits;
        self.send(&ToAgent::Hello { version: wire::VERSION, line_max_bytes });
        let trouble = match timeout(Duration::from_millis(start_ms), self.hear()).await {
            Err(_elapsed) => return Err(self.not_ready(start_ms).await),
            Ok(Err(trouble)) => trouble,
            Ok(Ok(FromAgent::Ready { version, serves, heartbeat_ms })) => {
                match self.complaint(version, &serves) {
                    None => {
                        self.version = version;
                        self.beat = heartbeat_ms.filter(|beat_ms| *beat_ms > 0).map(|beat_ms| {
                            Beat::new(Duration::from_millis(beat_ms), silence_max_beats)
                        });
                        return Ok(self);
                    }
                    Some(why) => Trouble::Broke(why),
                }
            }
            Ok(Ok(other)) => Trouble::Broke(format!("its first line is not `ready` but {other:?}")),
        };
        Err(self.ended(trouble, "before it was ready").await)
    }

    fn complaint(&self, version: u32, serves: &[String]) -> Option<String> {
        if version == 0 || version > wire::VERSION {
            let ours = wire::VERSION;
            return Some(format!("it speaks version {version}, we speak up to {ours}"));
        }
        let missing = self.about.serves.iter().find(|wanted| !serves.contains(wanted))?;
        Some(format!("it is configured to serve {missing} but serves only {}", serves.join(", ")))
    }

    /// Queues a line. When the process is gone, the reading side tells; when it does not read, the
    /// limit on its open calls tells.
    pub(super) fn send(&self, message: &ToAgent) {
        let _told_by_the_reading_side = self.outbox.try_send(message.line());
    }

    /// Where lines of messages go, which may have to wait.
    pub(super) fn news(&self) -> mpsc::Sender<Vec<u8>> {
        self.news.clone()
    }

    /// It is in the pool from now on, under the number of its place.
    pub(super) fn enter(&mut self, place: Place) {
        self.place = Some(place);
    }

    /// What ends the patience with it.
    pub(super) fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Its number in the pool.
    pub(super) fn number(&self) -> u64 {
        self.place.as_ref().map_or(0, Place::number)
    }

    /// Returns when the process has ended, for whoever does not have it in hand.
    pub(super) fn exit(&self) -> impl Future<Output = ()> + Send + use<> {
        self.process.exit()
    }

    /// From now on it owes signs of life.
    pub(super) fn begin(&mut self) {
        if self.beat.as_mut().is_some_and(Beat::heard) {
            self.set_silent(false);
        }
    }

    /// The next message while it works, or the news that it has fallen silent.
    pub(super) async fn next(&mut self) -> Result<Sign, Trouble> {
        loop {
            let Some(due) = self.beat.as_ref().map(Beat::due) else {
                return self.hear().await.map(Sign::Said);
            };
            let heard = timeout_at(due, self.hear()).await;
            let Some(beat) = &mut self.beat else { continue };
            match heard {
                Ok(message) => {
                    if beat.heard() {
                        self.set_silent(false);
                    }
                    return message.map(Sign::Said);
                }
                Err(_elapsed) if beat.missed() => {
                    self.set_silent(true);
                    return Ok(Sign::Silent);
                }
                Err(_elapsed) => {}
            }
        }
    }

    fn set_silent(&mut self, is_silent: bool) {
        if let Some(place) = &mut self.place {
            place.set_silent(is_silent);
        }
    }

    /// The next message, however long it takes.
    pub(super) async fn hear(&mut self) -> Result<FromAgent, Trouble> {
        let line = self.line().await.map_err(|end| match end {
            End::Closed => Trouble::Closed,
            End::Failed(source) => Trouble::Broke(source.to_string()),
            End::TooLong => {
                let max = self.about.limits.line_max_bytes;
                Trouble::Broke(format!("a line is longer than {max} bytes"))
            }
        })?;
        let message: FromAgent = serde_json::from_slice(&line).map_err(|error| {
            let quote: String = String::from_utf8_lossy(&line).chars().take(QUOTE_CHARS).collect();
            Trouble::Broke(format!("{error} in the line {quote:?}"))
        })?;
        match message.since() {
            (since, name) if since > self.version => {
                let spoken = self.version;
                Err(Trouble::Broke(format!("there is no `{name}` in version {spoken}, its own")))
            }
            _ => Ok(message),
        }
    }

    /// The next line, or the end when the first process has ended: a child it left behind may hold
    /// the pipe open for ever.
    async fn line(&mut self) -> Result<Vec<u8>, End> {
        tokio::select! {
            biased;
            line = self.lines.next() => return line,
            () = self.process.exited() => {}
        }
        // What it wrote last is in the pipe already.
        timeout(LAST_LINE_MAX, self.lines.next()).await.unwrap_or(Err(End::Closed))
    }

    /// Keeps something (the slot of the attempt) until the process is given back or has ended.
    pub(super) fn keep(&mut self, hold: impl Any + Send + Sync) {
        self.process.keep(hold);
    }

    /// The end of stderr.
    pub(super) fn story(&self) -> String {
        self.story.text()
    }

    /// The end of stderr since the last call.
    pub(super) fn take_story(&self) -> String {
        self.story.take()
    }

    /// Lets go of what was kept: the attempt is over, the process stays.
    pub(super) fn release(&mut self) {
        self.process.release();
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.process.has_exited()
    }

    /// Says that no more tasks come and closes its stdin; what does not exit by itself is ended.
    pub(super) async fn retire(self) {
        self.send(&ToAgent::Shutdown {});
        let Self { process, outbox, about, hurry, place, lines: _open, _side, .. } = self;
        drop((outbox, place));
        // Whether it went by itself or was killed, and with which code, is nobody's concern now.
        let _status = process.exit_or_end(about.limits.grace_ms, &hurry).await;
    }

    async fn not_ready(self, start_ms: u64) -> Fault {
        let _status = self.process.end().await;
        let last_words = self.story.last_line(LAST_WORDS_CHARS);
        Fault::NotReady { program: self.about.name(), start_ms, last_words }
    }

    /// Ends the whole tree and says what went wrong.
    pub(super) async fn ended(self, trouble: Trouble, when: &'static str) -> Fault {
        let program = self.about.name();
        let status = match trouble {
            // A process that closed its output is about to end; by itself it says more.
            Trouble::Closed => {
                self.process.exit_or_end(self.about.limits.grace_ms, &self.hurry).await
            }
            _ => self.process.end().await,
        };
        let last_words = self.story.last_line(LAST_WORDS_CHARS);
        match trouble {
            Trouble::Broke(why) => Fault::Protocol { program, why },
            Trouble::TimedOut(wall_ms) => Fault::TimedOut { program, wall_ms },
            Trouble::Closed => {
                let how = status.map_or_else(|source| source.to_string(), told);
                Fault::Gone { program, when, how, last_words }
            }
        }
    }

    /// It has ended between two tasks: ends what it has left, and says how it went, and whether it
    /// was done and not in trouble.
    pub(super) async fn found_dead(self) -> (Fault, bool) {
        let Self { process, story, about, place, .. } = self;
        drop(place);
        let status = process.end().await;
        let is_normal = status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|source| source.to_string(), told);
        let last_words = story.last_line(LAST_WORDS_CHARS);
        let (program, when) = (about.name(), "between two tasks");
        (Fault::Gone { program, when, how, last_words }, is_normal)
    }
}

/// Writes lines until no more can come, answers first.
async fn write(
    mut stdin: ChildStdin,
    mut inbox: mpsc::Receiver<Vec<u8>>,
    mut news: mpsc::Receiver<Vec<u8>>,
) {
    loop {
        let line = tokio::select! {
            biased;
            line = inbox.recv() => line,
            Some(line) = news.recv() => Some(line),
        };
        let Some(line) = line else { return };
        if stdin.write_all(&line).await.is_err() {
            // The reading side will see that the process is gone.
            return;
        }
    }
}
