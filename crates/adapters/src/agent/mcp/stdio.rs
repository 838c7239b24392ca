//! A server that is a program: one process tree, messages on lines, many calls at once.
//!
//! ```text
//!   calls ──▶ outbox ──▶ stdin ─▶ server ─▶ stdout ──▶ reader ──▶ the call that is answered
//!   └─ dropped: `cancelled`                              └─ the server's own request: refused
//! ```
//!
//! The reader owns the tree. Whatever ends it (death, a broken protocol, our wish) ends every open
//! call with the reason, and then, unless we wished it, the life of the agent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ear::Ear;
use super::fault::Fault;
use super::limits::Limits;
use super::rpc::{self, Answer, Heard, Request};
use crate::process::lines::{End, Lines};
use crate::process::output::Tail;
use crate::process::{Hurry, LAST_WORDS_CHARS, Present, Process, Program, told};

/// Messages that may wait for a server that does not read. What is more is refused: a call waits
/// here, and is then told by its own time.
const OUTBOX_MAX: usize = 64;

/// How long the last lines of an ended process may take to come through the pipe.
const LAST_LINE_MAX: Duration = Duration::from_millis(20);

/// The program, as whoever calls it sees it.
pub(super) struct Stdio {
    shared: Arc<Shared>,
    outbox: mpsc::Sender<Vec<u8>>,
    /// Taken, or dropped with this, the server is asked to end.
    wanted: Mutex<Option<oneshot::Sender<()>>>,
}

/// Who hears of its end: how, and whether it was done and not in trouble.
pub(super) type OnEnd = Box<dyn FnOnce(&Fault, bool) + Send>;

struct Shared {
    server: String,
    open: Mutex<Open>,
    story: Tail,
}

#[derive(Default)]
struct Open {
    calls: BTreeMap<u64, Call>,
    /// No answer will come any more.
    over: Option<Fault>,
}

struct Call {
    done: oneshot::Sender<Result<Answer, Fault>>,
    ear: Option<Arc<Ear>>,
}

impl Stdio {
    /// Starts it. `present` is dropped when no process of its tree is left.
    pub(super) async fn start(
        program: &Program,
        limits: &Limits,
        present: Present,
        hurry: Hurry,
        on_end: OnEnd,
    ) -> Result<Self, Fault> {
        let nothing = BTreeMap::new();
        let (mut process, pipes) = Process::start(program, &nothing, limits, present).await?;
        process.hasten_by(&hurry);
        let (outbox, inbox) = mpsc::channel(OUTBOX_MAX);
        let (wanted, unwanted) = oneshot::channel();
        let story = Tail::new(limits.stderr_tail_bytes);
        let (mut writer, mut side) = (JoinSet::new(), JoinSet::new());
        writer.spawn(write(pipes.stdin, inbox));
        side.spawn(story.clone().follow(pipes.stderr));
        let server = program.argv.first().cloned().unwrap_or_default();
        let shared = Arc::new(Shared { server, open: Mutex::default(), story });
        let reader = Reader {
            shared: shared.clone(),
            lines: Lines::new(pipes.stdout, limits.message_max_bytes),
            outbox: outbox.downgrade(),
            line_max_bytes: limits.message_max_bytes,
            grace_ms: limits.grace_ms,
            hurry,
        };
        tokio::spawn(reader.live(process, (writer, side), unwanted, on_end));
        Ok(Self { shared, outbox, wanted: Mutex::new(Some(wanted)) })
    }

    /// Asks and waits for the answer. Dropped before, the server is told that nobody waits.
    pub(super) async fn call(
        &self,
        request: Request,
        ear: Option<Arc<Ear>>,
    ) -> Result<Answer, Fault> {
        let (done, answer) = oneshot::channel();
        {
            let mut open = self.shared.lock();
            if let Some(fault) = &open.over {
                return Err(fault.clone());
            }
            open.calls.insert(request.id, Call { done, ear });
        }
        let mut asked = Asked { stdio: self, id: request.id, is_sent: false };
        // No answer will come to what cannot be sent: the reader says why.
        asked.is_sent = self.outbox.send(line(&request.to_value())).await.is_ok();
        let answer = answer.await;
        asked.is_sent = false;
        answer.unwrap_or_else(|_| Err(Fault::NotUp { server: self.shared.server.clone() }))
    }

    /// Tells it something, if it reads.
    pub(super) fn tell(&self, method: &str, params: Value) {
        let _told_by_the_reading_side =
            self.outbox.try_send(line(&rpc::notification(method, params)));
    }

    /// Nobody has any use for it from now on: it is asked to end, and ended when it does not.
    pub(super) fn close(&self) {
        drop(self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The last line of its stderr.
    pub(super) fn last_words(&self) -> Option<String> {
        self.shared.story.last_line(LAST_WORDS_CHARS)
    }

    /// As messages speak of it.
    pub(super) fn server(&self) -> &str {
        &self.shared.server
    }
}

/// A request that waits for its answer.
struct Asked<'a> {
    stdio: &'a Stdio,
    id: u64,
    /// And that the server may have.
    is_sent: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.stdio.shared.lock().calls.remove(&self.id);
        if self.is_sent {
            let params = json!({ "requestId": self.id, "reason": "nobody waits for it any more" });
            self.stdio.tell("notifications/cancelled", params);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No answer comes any more.
    fn end(&self, fault: &Fault) {
        let calls = {
            let mut open = self.lock();
            open.over = Some(fault.clone());
            std::mem::take(&mut open.calls)
        };
        for call in calls.into_values() {
            let _nobody_waits = call.done.send(Err(fault.clone()));
        }
    }
}

/// What reads the server's lines and owns its processes.
struct Reader {
    shared: Arc<Shared>,
    lines: Lines<ChildStdout>,
    outbox: mpsc::WeakSender<Vec<u8>>,
    line_max_bytes: usize,
    grace_ms: u64,
    hurry: Hurry,
}

/// Why it cannot be spoken with any longer.
enum Trouble {
    Closed,
    Broke(String),
    /// We have no further use for it.
    Unwanted,
}

impl Reader {
    async fn live(
        mut self,
        process: Process,
        (writer, _stderr): (JoinSet<()>, JoinSet<()>),
        unwanted: oneshot::Receiver<()>,
        on_end: OnEnd,
    ) {
        let trouble = tokio::select! {
            _dropped = unwanted => Trouble::Unwanted,
            trouble = self.hear(&process) => trouble,
        };
        let server = self.shared.server.clone();
        let is_unwanted = matches!(trouble, Trouble::Unwanted);
        let (fault, is_normal) = match trouble {
            Trouble::Broke(why) => {
                let fault = Fault::Protocol { server, why };
                self.shared.end(&fault);
                let _status = process.end().await;
                (fault, false)
            }
            Trouble::Closed | Trouble::Unwanted => {
                let is_idle = self.shared.lock().calls.is_empty();
                if is_unwanted {
                    self.shared.end(&Fault::NotUp { server: server.clone() });
                }
                drop(writer); // Closes its stdin: it is done.
                let status = process.exit_or_end(self.grace_ms, &self.hurry).await;
                let is_normal = is_idle && status.as_ref().is_ok_and(|it| it.success());
                let how = status.map_or_else(|source| source.to_string(), told);
                let last_words = self.shared.story.last_line(LAST_WORDS_CHARS);
                let when = if is_idle { "between two calls" } else { "in the middle of a call" };
                (Fault::Gone { server, when, how, last_words }, is_normal)
            }
        };
        self.shared.end(&fault);
        if !is_unwanted {
            on_end(&fault, is_normal);
        }
    }
}

impl Reader {
    /// Hears it until it cannot be spoken with any longer.
    async fn hear(&mut self, process: &Process) -> Trouble {
        loop {
            let line = match self.line(process).await {
                Ok(line) => line,
                Err(End::Closed) => return Trouble::Closed,
                Err(End::Failed(source)) => return Trouble::Broke(source.to_string()),
                Err(End::TooLong) => {
                    let max = self.line_max_bytes;
                    return Trouble::Broke(format!("a message is longer than {max} bytes"));
                }
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            match rpc::read(&line) {
                Ok(messages) => messages.into_iter().for_each(|it| self.heard(it)),
                Err(why) => return Trouble::Broke(why),
            }
        }
    }

    /// The next line, or the end when the first process has ended: a child it left behind may hold
    /// the pipe open for ever.
    async fn line(&mut self, process: &Process) -> Result<Vec<u8>, End> {
        tokio::select! {
            biased;
            line = self.lines.next() => return line,
            () = process.exited() => {}
        }
        // What it wrote last is in the pipe already.
        timeout(LAST_LINE_MAX, self.lines.next()).await.unwrap_or(Err(End::Closed))
    }

    fn heard(&self, message: Heard) {
        match message {
            Heard::Answer(id, answer) => {
                // Nobody waits for what was called off, or has no number.
                let call = id.and_then(|id| self.shared.lock().calls.remove(&id));
                if let Some(call) = call {
                    let _gone_just_now = call.done.send(Ok(answer));
                }
            }
            Heard::Asked { id, method } => {
                if method != "ping" {
                    self.ears().iter().for_each(|ear| ear.refused(&method));
                }
                if let Some(outbox) = self.outbox.upgrade() {
                    let _nobody_reads = outbox.try_send(line(&rpc::reply(id, &method)));
                }
            }
            Heard::Told { method, params } => match params.get("progressToken") {
                Some(of) => {
                    let call = |id| self.shared.lock().calls.get(&id)?.ear.clone();
                    if let Some(ear) = of.as_u64().and_then(call) {
                        ear.told(&method, &params);
                    }
                }
                None if method == "notifications/progress" => {} // Of no call that we know.
                None => self.ears().iter().for_each(|ear| ear.told(&method, &params)),
            },
        }
    }

    /// Who hears what does not say which call it speaks of: every call, and nobody where they are
    /// of several tenants, as no tenant hears what is another's.
    fn ears(&self) -> Vec<Arc<Ear>> {
        let open = self.shared.lock();
        let ears: Vec<_> = open.calls.values().filter_map(|call| call.ear.clone()).collect();
        let is_one = ears.windows(2).all(|two| two[0].tenant() == two[1].tenant());
        if is_one { ears } else { Vec::new() }
    }
}

fn line(message: &Value) -> Vec<u8> {
    format!("{message}\n").into_bytes()
}

/// Writes lines until no more can come.
async fn write(mut stdin: ChildStdin, mut inbox: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = inbox.recv().await {
        if stdin.write_all(&line).await.is_err() {
            return; // The reading side will see that the process is gone.
        }
    }
}
