//! The views follow the journal on a thread of their own, off the commit path.
//!
//! The turn hands entries to a bounded queue. If the views cannot keep up for long, the queue fills
//! and the turn waits for them: memory stays bounded, and nobody reads views that are minutes old.
//! News is left to gather for a moment before it is written: one transaction costs as much as many
//! rows, and a task that began and ended meanwhile is written once.

use crate::data::DataDir;
use adapters::views::{Line, Views};
use kernel::{Entry, State, TaskId};
use runtime::port::Observer;
use runtime::port::calendar::system_wall_ms;
use runtime::port::journal::Seq;
use runtime::port::observer::{Level, Note, Said};
use serde_json::Value;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Portions that may wait for the views.
const QUEUE_MAX: usize = 1_024;
/// Entries taken into one transaction at most.
const TRANSACTION_MAX: usize = 20_000;
/// How long news may gather: too short for people to see.
const GATHER: Duration = Duration::from_millis(25);

/// Feeds the views of a data directory.
pub struct Viewer {
    queue: Mutex<Option<SyncSender<News>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    applied: Seq,
}

enum News {
    Restart(Box<State>, Seq),
    Entries(Seq, Arc<[Entry]>),
    Said(Note, i64),
    Forget(TaskId, Sender<Result<(), String>>),
}

impl Viewer {
    /// Opens the views and starts to follow. Views that cannot be used are told and done without:
    /// they are for people, and the journal does not need them.
    pub fn start(data: &DataDir) -> Result<Arc<Viewer>, adapters::views::Error> {
        let views = Views::open(data.views())?;
        let applied = views.applied_seq();
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("majordomo-views".into())
            .spawn(move || follow(views, &receiver))
            .expect("the system has a thread to spare at start");
        let (queue, thread) = (Mutex::new(Some(sender)), Mutex::new(Some(thread)));
        Ok(Arc::new(Viewer { queue, thread, applied }))
    }

    /// Waits until everything told so far stands in the views, and ends.
    pub fn finish(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // It has said on standard error what went wrong.
        }
    }

    /// False if nobody takes it: the views have failed, or are finished.
    fn send(&self, news: News) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| queue.send(news).is_ok())
    }
}

impl Observer for Viewer {
    fn durable(&self, first: Seq, entries: &Arc<[Entry]>) {
        let _ = self.send(News::Entries(first, entries.clone()));
    }

    fn applied(&self) -> Option<Seq> {
        Some(self.applied)
    }

    fn restart(&self, state: &State, at: Seq) {
        let _ = self.send(News::Restart(Box::new(state.clone()), at));
    }

    fn forget(&self, run: TaskId) -> Result<(), String> {
        let (reply, done) = channel();
        let stopped = || "they have stopped; `majordomo views rebuild` makes them anew".to_owned();
        if !self.send(News::Forget(run, reply)) {
            return Err(stopped());
        }
        done.recv().map_err(|_| stopped())?
    }

    fn note(&self, note: &Note) {
        if is_kept(&note.what) {
            let _ = self.send(News::Said(note.clone(), system_wall_ms() as i64));
        }
    }

    fn watches(&self) -> bool {
        false
    }
}

fn follow(mut views: Views, news: &Receiver<News>) {
    while let Ok(first) = news.recv() {
        if let Err(error) = take_in(&mut views, first, news) {
            anstream::eprintln!(
                "the views stopped: {error}; `majordomo views rebuild` makes them anew"
            );
            return;
        }
    }
}

/// Takes in one piece of news, and what has gathered behind it, in one transaction.
fn take_in(
    views: &mut Views,
    first: News,
    news: &Receiver<News>,
) -> Result<(), adapters::views::Error> {
    let (mut stretches, mut lines) = (Vec::new(), Vec::new());
    let (mut next, mut entries) = (Some(first), 0);
    let until = Instant::now() + GATHER;
    while let Some(item) = next {
        match item {
            News::Restart(state, at) => {
                views.seed(&state, at)?;
                stretches.clear();
            }
            News::Entries(first, more) => {
                entries += more.len();
                stretches.push((first, more));
            }
            News::Said(note, at) => lines.extend(line(&note, at)),
            News::Forget(run, reply) => {
                // What it is to erase must be there first, or it would come after.
                views.apply_stretches(&std::mem::take(&mut stretches))?;
                views.append_logs(&std::mem::take(&mut lines))?;
                let _ = reply.send(views.forget(run).map_err(|why| why.to_string()));
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        // The end of the queue is no wait: whoever finishes is not kept.
        next = if entries < TRANSACTION_MAX { news.recv_timeout(left).ok() } else { None };
    }
    views.apply_stretches(&stretches)?;
    views.append_logs(&lines)
}

/// A partial output is seen by whoever watches, and not kept.
fn is_kept(what: &Said) -> bool {
    match what {
        Said::Progress { .. } | Said::Log { .. } => true,
        Said::Partial { .. } | Said::Text { .. } => false,
    }
}

/// A note as a line of the log.
fn line(note: &Note, at_ms: i64) -> Option<Line> {
    let (level, text, fields) = match &note.what {
        Said::Progress { message, fraction } => {
            let share = fraction.map_or(String::new(), |it| format!("{:.0} % ", it * 100.0));
            ("progress", format!("{share}{message}"), None)
        }
        Said::Log { level, message, fields } => {
            let said = (!fields.is_empty()).then(|| Value::Object(fields.clone()).to_string());
            (level_name(*level), message.clone(), said)
        }
        Said::Partial { .. } | Said::Text { .. } => return None,
    };
    let (task, token) = (note.attempt.task, note.attempt.token);
    Some(Line { task, token, at_ms, level, text, fields })
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
